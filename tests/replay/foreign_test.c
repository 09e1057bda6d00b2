/*
 * Another mail program delivers, moves, flags and deletes in the same maildrop without pause while
 * session follows session: no message is another's, none has a wrong size, none that was there
 * throughout is missing, and what a session removed stays removed. Each message carries its name.
 * "Not now" is an answer where it cannot be known whether a message is gone; they are counted.
 *
 *	replay_foreign_test [sessions]
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "mail/wire.h"
#include "replay/disk.h"
#include "store/store.h"

#define RESIDENTS     1500	/* messages that are there throughout; several readings of a directory long */
#define RESIDENTS_READ 30	/* of them in a session */
#define GUESTS        40	/* at a time */
#define NUMBERS       400000	/* of messages, ever */
#define SESSIONS      2000
#define SECONDS_MAX   30	/* enough for today, where no number of sessions was asked for */

static char live[] = "/tmp/restante-foreign-XXXXXX";
static unsigned sessions_wanted;
static size_t refused_count;	/* answers that the maildrop changes without pause */
static unsigned char *removed;	/* by number: a session was told that it is */
static unsigned *listed;	/* by number: in which session last, from 1 */

static size_t
text_write(unsigned number, char *text, size_t size)
{
	int used = snprintf(text, size, "Subject: %u\n\n", number);

	for (unsigned i = 0; i < number % 97; i++)
		used += snprintf(text + used, size - (size_t)used, "%u of %u%s", i, number,
		    i % 3 == 0 ? "\r\n" : "\n");
	return (size_t)used;
}

/* What a foreign program does; in a process of its own. */

struct guest {
	unsigned number;	/* 0 to RESIDENTS - 1: there throughout */
	bool is_there, is_old, is_flagged;
};

static struct guest guests[RESIDENTS + GUESTS];

static void
guest_path(const struct guest *guest, bool is_old, bool is_flagged, char path[128])
{
	snprintf(path, 128, is_old ? "%s/cur/%u.M%uP1.mx:2,%s" : "%s/new/%u.M%uP1.mx%s", live,
	    1000 + guest->number % 7, guest->number, is_old && is_flagged ? "S" : "");
}

static void
maildir_deliver(struct guest *guest)
{
	char path[128], temporary[128], text[4096];
	size_t size = text_write(guest->number, text, sizeof(text));
	int file;

	snprintf(temporary, sizeof(temporary), "%s/tmp/%u", live, guest->number);
	file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0 || write(file, text, size) != (ssize_t)size)
		_exit(1);
	close(file);
	guest->is_there = true;
	guest->is_old = guest->is_flagged = false;
	guest_path(guest, false, false, path);
	if (rename(temporary, path) != 0)
		_exit(2);
}

/* A session may have removed it, unless it is a resident. */
static void
maildir_move(struct guest *guest, bool is_flagged)
{
	char from[128], to[128];

	guest_path(guest, guest->is_old, guest->is_flagged, from);
	guest_path(guest, true, is_flagged, to);
	guest->is_old = true;
	guest->is_flagged = is_flagged;
	if (rename(from, to) == 0)
		return;
	if (errno != ENOENT || guest->number < RESIDENTS)
		_exit(3);
	guest->is_there = false;
}

static void
maildir_delete(struct guest *guest)
{
	char path[128];

	guest_path(guest, guest->is_old, guest->is_flagged, path);
	if (unlink(path) != 0 && errno != ENOENT)
		_exit(4);
	guest->is_there = false;
}

static void
maildir_make(void)
{
	static const char *const names[] = { "new", "cur", "tmp" };
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", live, names[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

struct foreign {
	const char *place;
	void (*make)(void);
	void (*deliver)(struct guest *);
	void (*move)(struct guest *, bool is_flagged);
	void (*remove)(struct guest *);
};

static const struct foreign foreigns[] = {
	{ "maildir:%s", maildir_make, maildir_deliver, maildir_move, maildir_delete },
};

static void
residents_deliver(const struct foreign *foreign)
{
	memset(guests, 0, sizeof(guests));
	for (unsigned i = 0; i < RESIDENTS; i++) {
		guests[i].number = i;
		foreign->deliver(&guests[i]);
	}
}

static void
foreign_live(const struct foreign *foreign)
{
	unsigned seed = 1, number = RESIDENTS;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		struct guest *guest = &guests[(unsigned)rand_r(&seed) % (RESIDENTS + GUESTS)];
		unsigned what = (unsigned)rand_r(&seed) % 4;

		if (!guest->is_there && number < NUMBERS) {
			guest->number = number++;
			foreign->deliver(guest);
		} else if (guest->is_there && what == 0 && guest->number >= RESIDENTS) {
			foreign->remove(guest);
		} else if (guest->is_there) {
			foreign->move(guest, !guest->is_flagged);
		}
		/* A moment for the other, now and then; none, often. */
		if (rand_r(&seed) % 8 == 0)
			usleep((unsigned)rand_r(&seed) % 300);
	}
}

/* The number in "1003.M42P1.mx". */
static unsigned
number_of(const struct message *message)
{
	char uidl[UIDL_SIZE];
	unsigned number, time;

	snprintf(uidl, sizeof(uidl), "%.*s", (int)message->uidl_size, message->uidl);
	if (sscanf(uidl, "%u.M%uP1.mx", &time, &number) != 2 || time != 1000 + number % 7 || number >= NUMBERS)
		fail_msg("\"%s\" is no message of ours", uidl);
	return number;
}

static bool
is_not_now(const struct error *error)
{
	refused_count += error->kind == ERROR_TEMPORARY;
	return error->kind == ERROR_TEMPORARY;
}

/* False: it is gone meanwhile. */
static bool
message_judge(struct store *store, size_t index, unsigned number, uint64_t told)
{
	char text[4096], right[4096];
	size_t size = 0, right_size = text_write(number, right, sizeof(right));
	struct wire_size wire;
	struct error error;
	ssize_t n;

	while ((n = store_read(store, index, size, text + size, sizeof(text) - size, &error)) > 0)
		size += (size_t)n;
	if (n < 0 && (error.kind == ERROR_GONE || is_not_now(&error)) && number >= RESIDENTS)
		return false;
	if (n < 0)
		fail_msg("message %u cannot be read: %s", number, error.text);
	if (size != right_size || memcmp(text, right, size) != 0)
		fail_msg("message %u is \"%.20s\" of %zu octets", number, text, size);
	wire_size_begin(&wire);
	wire_size_add(&wire, right, right_size);
	if (told != wire_size_end(&wire))
		fail_msg("message %u has the size %" PRIu64, number, told);
	return true;
}

/* Some guests are removed, for good. */
static void
guests_remove(struct store *store, const unsigned numbers[], unsigned session)
{
	bool *marked = calloc(store->count + 1, sizeof(*marked));
	struct error error;

	assert_non_null(marked);
	for (size_t i = 0; i < store->count; i++)
		marked[i] = numbers[i] >= RESIDENTS && (numbers[i] + session) % 11 == 0;
	if (store_remove(store, marked, &error) != 0) {
		if (!is_not_now(&error))
			fail_msg("%s", error.text);
		memset(marked, 0, store->count);
	}
	for (size_t i = 0; i < store->count; i++)
		if (marked[i])
			removed[numbers[i]] = 1;
	free(marked);
}

static void
session_run(const char *place, unsigned session, size_t *read_count)
{
	unsigned numbers[RESIDENTS + 10 * GUESTS], resident_count = 0;
	struct error error;
	struct store *store;
	uint64_t octets = 0;

	if (store_open(&store, place, &error) != 0) {
		if (!is_not_now(&error))
			fail_msg("%s", error.text);
		return;
	}
	assert_true(store->count <= sizeof(numbers) / sizeof(numbers[0]));
	for (size_t i = 0; i < store->count; i++) {
		struct message message;

		assert_int_equal(store_message(store, i, &message, &error), 0);
		numbers[i] = number_of(&message);
		octets += message.size;
		if (listed[numbers[i]] == session + 1)
			fail_msg("message %u is there twice", numbers[i]);
		listed[numbers[i]] = session + 1;
		if (removed[numbers[i]])
			fail_msg("message %u was removed", numbers[i]);
		resident_count += numbers[i] < RESIDENTS;
		if (numbers[i] >= RESIDENTS || (numbers[i] + session) % (RESIDENTS / RESIDENTS_READ) == 0)
			*read_count += message_judge(store, i, numbers[i], message.size);
	}
	assert_int_equal(octets, store->octets);
	if (resident_count != RESIDENTS)
		fail_msg("session %u: %u messages are missing", session, RESIDENTS - resident_count);
	if (session % 3 == 0)
		guests_remove(store, numbers, session);
	store_release(store);
	store_close(store);
}

static void
test_sessions_beside_another_program(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(foreigns) / sizeof(foreigns[0]); i++) {
		unsigned session = 0, wanted = sessions_wanted != 0 ? sessions_wanted : SESSIONS;
		time_t end = time(NULL) + SECONDS_MAX;
		size_t read_count = 0;
		char place[128];
		int status;
		pid_t child;

		disk_clear(live);
		snprintf(place, sizeof(place), foreigns[i].place, live);
		foreigns[i].make();
		residents_deliver(&foreigns[i]);
		removed = calloc(NUMBERS, sizeof(*removed));
		listed = calloc(NUMBERS, sizeof(*listed));
		assert_true(removed != NULL && listed != NULL);
		child = fork();
		if (child == 0)
			foreign_live(&foreigns[i]);
		while (session < wanted && (sessions_wanted != 0 || time(NULL) < end))
			session_run(place, session++, &read_count);
		assert_int_equal(waitpid(child, &status, WNOHANG), 0);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(read_count > session / 2 * RESIDENTS_READ);
		print_message("%u sessions, %zu messages read, %zu times not now\n", session, read_count,
		    refused_count);
		free(removed);
		free(listed);
	}
}

int
main(int count, char *arguments[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions_beside_another_program),
	};
	int result;

	sessions_wanted = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 0;
	if (mkdtemp(live) == NULL)
		return 1;
	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	disk_directory_remove(live);
	return result;
}
