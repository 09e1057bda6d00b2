/*
 * Another mail program delivers, moves, flags and deletes in the same maildrop without pause while
 * session follows session: no message is another's, none has a wrong size, none that was there
 * throughout is missing, and what a session removed stays removed. Each message carries its name.
 * "Not now" is an answer where it cannot be known whether a message is gone; they are counted.
 *
 *	replay_foreign_test KIND [sessions]
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

#include <nettle/sha2.h>

#include "base/log.h"
#include "mail/wire.h"
#include "replay/calls.h"
#include "replay/disk.h"
#include "replay/foreign.h"
#include "store/store.h"

#define RESIDENTS_MAX 1500	/* messages that are there throughout */
#define RESIDENTS_READ 30	/* of them in a session */
#define GUESTS        40	/* at a time */
#define NUMBERS_MAX   400000	/* of messages, ever */
#define SESSIONS      2000
#define SECONDS_MAX   30	/* enough for today, where no number of sessions was asked for */

static char live[] = "/tmp/restante-foreign-XXXXXX";
static unsigned sessions_wanted;
static size_t refused_count;	/* answers that the maildrop changes without pause */
static unsigned char *removed;	/* by number: a session was told that it is */
static unsigned *listed;	/* by number: in which session last, from 1 */

size_t
foreign_text(unsigned number, char *text, size_t size)
{
	int used = snprintf(text, size, "Subject: %u\n\n", number);

	for (unsigned i = 0; i < number % 97; i++)
		used += snprintf(text + used, size - (size_t)used, "%u of %u%s", i, number,
		    i % 3 == 0 ? "\r\n" : "\n");
	return (size_t)used;
}

/* What a foreign program does; in a process of its own. */

static struct guest guests[RESIDENTS_MAX + GUESTS];

static void
guest_path(const struct guest *guest, bool is_old, bool is_flagged, char path[128])
{
	snprintf(path, 128, is_old ? "%s/cur/%u.M%uP1.mx:2,%s" : "%s/new/%u.M%uP1.mx%s", live,
	    1000 + guest->number % 7, guest->number, is_old && is_flagged ? "S" : "");
}

static void
maildir_deliver(struct guest *guest)
{
	char path[128], temporary[128], text[FOREIGN_TEXT_SIZE];
	size_t size = foreign_text(guest->number, text, sizeof(text));
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
	if (errno != ENOENT)
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

/* The number in "1003.M42P1.mx". */
static unsigned
maildir_number(const struct message *message)
{
	char uidl[UIDL_SIZE];
	unsigned number, time;

	snprintf(uidl, sizeof(uidl), "%.*s", (int)message->uidl_size, message->uidl);
	if (sscanf(uidl, "%u.M%uP1.mx", &time, &number) != 2 || time != 1000 + number % 7)
		fail_msg("\"%s\" is no message of ours", uidl);
	return number;
}

static char mbox_path[64];

static void
mbox_make(void)
{
	snprintf(mbox_path, sizeof(mbox_path), "%s/mbox", live);
	foreign_mbox_make(mbox_path);
}

static void
mbox_deliver(struct guest *guest)
{
	guest->is_there = true;
	guest->is_flagged = false;
	foreign_mbox_deliver(mbox_path, guest);
}

/* By a new file, now and then, where there can be one. */
static void
mbox_move(struct guest *guest, bool is_flagged)
{
	guest->is_there = foreign_mbox_flag(mbox_path, guest, is_flagged, guest->number % 3 == 0);
	guest->is_flagged = is_flagged;
}

static void
mbox_delete(struct guest *guest)
{
	guest->is_there = false;
	foreign_mbox_remove(mbox_path, guest, guest->number % 3 == 0);
}

static void
closed_mbox_move(struct guest *guest, bool is_flagged)
{
	guest->is_there = foreign_mbox_flag(mbox_path, guest, is_flagged, false);
	guest->is_flagged = is_flagged;
}

static void
closed_mbox_delete(struct guest *guest)
{
	guest->is_there = false;
	foreign_mbox_remove(mbox_path, guest, false);
}

/* An mbox knows its messages by a digest of their text, with line ends as LF. */
struct digest {
	char uidl[33];
	unsigned number;
};

static struct digest *digests;

static int
compare_digests(const void *x, const void *y)
{
	return memcmp(((const struct digest *)x)->uidl, ((const struct digest *)y)->uidl, 32);
}

static void
digests_make(unsigned count)
{
	digests = calloc(count, sizeof(*digests));
	assert_non_null(digests);
	for (unsigned i = 0; i < count; i++) {
		char text[FOREIGN_TEXT_SIZE];
		size_t size = foreign_text(i, text, sizeof(text)), kept = 0;
		uint8_t sum[SHA256_DIGEST_SIZE];
		struct sha256_ctx context;

		for (size_t j = 0; j < size; j++)
			if (text[j] != '\r')
				text[kept++] = text[j];
		sha256_init(&context);
		sha256_update(&context, kept, (const uint8_t *)text);
		sha256_digest(&context, sizeof(sum), sum);
		for (size_t j = 0; j < 16; j++)
			snprintf(digests[i].uidl + 2 * j, 3, "%02x", sum[j]);
		digests[i].number = i;
	}
	qsort(digests, count, sizeof(*digests), compare_digests);
}

struct foreign {
	const char *name, *place;
	unsigned residents;	/* of a Maildir several readings of a directory long */
	unsigned numbers;
	unsigned pause_microseconds;	/* between two changes: up to so long, now and then */
	unsigned calm_microseconds;
	bool is_closed;		/* the store can make no file there */
	void (*make)(void);
	void (*deliver)(struct guest *);
	void (*move)(struct guest *, bool is_flagged);
	void (*remove)(struct guest *);
	unsigned (*number)(const struct message *);
};

static const struct foreign *foreign;

static unsigned
mbox_number(const struct message *message)
{
	struct digest wanted;
	const struct digest *found;

	snprintf(wanted.uidl, sizeof(wanted.uidl), "%.*s", (int)message->uidl_size, message->uidl);
	found = bsearch(&wanted, digests, foreign->numbers, sizeof(*digests), compare_digests);
	if (found == NULL || message->uidl_size != 32)
		fail_msg("\"%.*s\" is no message of ours", (int)message->uidl_size, message->uidl);
	return found->number;
}

static const struct foreign foreigns[] = {
	{ "maildir", "maildir:%s", 1500, NUMBERS_MAX, 300, 300, false, maildir_make, maildir_deliver, maildir_move,
	    maildir_delete, maildir_number },
	{ "mbox", "mbox:%s/mbox", 120, 50000, 20000, 120000, false, mbox_make, mbox_deliver, mbox_move, mbox_delete,
	    mbox_number },
	{ "mbox in a closed directory", "mbox:%s/mbox", 120, 50000, 20000, 120000, true, mbox_make, mbox_deliver,
	    closed_mbox_move, closed_mbox_delete, mbox_number },
};

static void
residents_deliver(void)
{
	memset(guests, 0, sizeof(guests));
	for (unsigned i = 0; i < foreign->residents; i++) {
		guests[i].number = i;
		foreign->deliver(&guests[i]);
	}
}

static void
foreign_live(void)
{
	unsigned seed = 1, number = foreign->residents;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		struct guest *guest = &guests[(unsigned)rand_r(&seed) % (foreign->residents + GUESTS)];
		unsigned what = (unsigned)rand_r(&seed) % 4;

		if (!guest->is_there && number < foreign->numbers) {
			guest->number = number++;
			foreign->deliver(guest);
		} else if (guest->is_there && what == 0 && guest->number >= foreign->residents) {
			foreign->remove(guest);
		} else if (guest->is_there) {
			foreign->move(guest, !guest->is_flagged);
			/* Only a guest may be removed by a session. */
			if (!guest->is_there && guest->number < foreign->residents)
				_exit(5);
		}
		/* A moment for the other, now and then; none, often. */
		if (rand_r(&seed) % 8 == 0)
			usleep((unsigned)rand_r(&seed) % foreign->pause_microseconds);
		/* Or so long that a session trusts what it has seen, until the next change. */
		if (rand_r(&seed) % 64 == 0)
			usleep(foreign->calm_microseconds);
	}
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
	char text[FOREIGN_TEXT_SIZE], right[FOREIGN_TEXT_SIZE];
	size_t size = 0, right_size = foreign_text(number, right, sizeof(right));
	struct wire_size wire;
	struct error error;
	ssize_t n;

	while ((n = store_read(store, index, size, text + size, sizeof(text) - size, &error)) > 0)
		size += (size_t)n;
	if (n < 0 && (error.kind == ERROR_GONE || is_not_now(&error)) && number >= foreign->residents)
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
		marked[i] = numbers[i] >= foreign->residents && (numbers[i] + session) % 11 == 0;
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
	unsigned numbers[RESIDENTS_MAX + 10 * GUESTS], resident_count = 0;
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
		numbers[i] = foreign->number(&message);
		assert_true(numbers[i] < foreign->numbers);
		octets += message.size;
		if (listed[numbers[i]] == session + 1)
			fail_msg("message %u is there twice", numbers[i]);
		listed[numbers[i]] = session + 1;
		if (removed[numbers[i]])
			fail_msg("message %u was removed", numbers[i]);
		resident_count += numbers[i] < foreign->residents;
		if (numbers[i] >= foreign->residents || (numbers[i] + session) % (foreign->residents / RESIDENTS_READ) == 0)
			*read_count += message_judge(store, i, numbers[i], message.size);
	}
	assert_int_equal(octets, store->octets);
	if (resident_count != foreign->residents)
		fail_msg("session %u: %u messages are missing", session, foreign->residents - resident_count);
	if (session % 3 == 0)
		guests_remove(store, numbers, session);
	store_release(store);
	store_close(store);
}

static void
test_sessions_beside_another_program(void **state)
{
	unsigned session = 0, wanted = sessions_wanted != 0 ? sessions_wanted : SESSIONS;
	time_t end;
	size_t read_count = 0;
	char place[128];
	int status;
	pid_t child;

	(void)state;
	snprintf(place, sizeof(place), foreign->place, live);
	foreign->make();
	residents_deliver();
	digests_make(foreign->number == mbox_number ? foreign->numbers : 0);
	removed = calloc(NUMBERS_MAX, sizeof(*removed));
	listed = calloc(NUMBERS_MAX, sizeof(*listed));
	assert_true(removed != NULL && listed != NULL);
	child = fork();
	if (child == 0)
		foreign_live();
	calls_close_directory(foreign->is_closed);
	end = time(NULL) + SECONDS_MAX;
	while (session < wanted && (sessions_wanted != 0 || time(NULL) < end))
		session_run(place, session++, &read_count);
	calls_close_directory(false);
	if (waitpid(child, &status, WNOHANG) != 0)
		fail_msg("the other program ended with status %d", WEXITSTATUS(status));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(read_count > session / 2 * RESIDENTS_READ);
	print_message("%s: %u sessions, %zu messages read, %zu times not now\n", foreign->name, session,
	    read_count, refused_count);
	free(removed);
	free(listed);
	free(digests);
}

int
main(int count, char *arguments[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions_beside_another_program),
	};
	int result;

	for (size_t i = 0; i < sizeof(foreigns) / sizeof(foreigns[0]) && count > 1; i++)
		if (strcmp(foreigns[i].name, arguments[1]) == 0)
			foreign = &foreigns[i];
	if (foreign == NULL || mkdtemp(live) == NULL)
		return 1;
	sessions_wanted = count > 2 ? (unsigned)strtoul(arguments[2], NULL, 10) : 0;
	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	disk_directory_remove(live);
	return result;
}
