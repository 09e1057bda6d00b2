/*
 * Mail that is collected exactly once: a client collects from a server that forgets nothing but what it was
 * told to delete, is stopped at any point, by a power failure or by kill -9, and comes again. Then every message is
 * in the maildrop once. Each sync left out is missed.
 */

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "fetch/settle.h"
#include "replay/calls.h"
#include "replay/crash.h"
#include "replay/mail.h"
#include "store/store.h"

#define MESSAGES 3
#define ROUNDS   2
#define TOLD     8	/* promise: the state knows of the last one that it is stored */

static char live[64], copy[64];

/* How many messages come by the end of each round, and letters with LF line ends. */
static const size_t come_by[ROUNDS] = { 2, 3 };
static const size_t numbers[MESSAGES] = { 63, 50, 17 };

static struct {
	char text[LETTER_SIZE], wire[2 * LETTER_SIZE];
	size_t size, wire_size;
	bool is_deleted;
} server[MESSAGES];

static struct recording *recorded;

enum place { IN_MAILDIR, IN_MBOX, PLACES };
static const char *const place_names[PLACES] = { "maildir:%s/mail", "mbox:%s/mail" };
static enum place place;

static const char *boot_id;
static struct recovery recovery;	/* of the last run */
static char problem[400];

static void
server_fill(void)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		server[i].size = letter_write(numbers[i], server[i].text, LETTER_SIZE);
		server[i].wire_size = 0;
		for (size_t j = 0; j < server[i].size; j++) {
			if (server[i].text[j] == '\n')
				server[i].wire[server[i].wire_size++] = '\r';
			server[i].wire[server[i].wire_size++] = server[i].text[j];
		}
	}
}

static void
server_set(uint64_t deleted)
{
	for (size_t i = 0; i < MESSAGES; i++)
		server[i].is_deleted = deleted >> i & 1;
}

static const char *
uidl_of(size_t i)
{
	static char uidl[32];

	snprintf(uidl, sizeof(uidl), "uidl %zu", i);
	return uidl;
}

static struct parcel *
message_fetch(struct target *target, size_t i, struct error *error)
{
	size_t half = server[i].wire_size / 2;
	struct parcel *parcel;

	if (parcel_begin(&parcel, target, uidl_of(i), error) != 0)
		return NULL;
	if (parcel_write(parcel, server[i].wire, half, error) == 0 &&
	    parcel_write(parcel, server[i].wire + half, server[i].wire_size - half, error) == 0 &&
	    parcel_finish(parcel, error) == 0)
		return parcel;
	parcel_end(parcel);
	return NULL;
}

/* What the server lists and the state does not know, as one batch. */
static int
batch_fetch(struct state *state, struct target *target, size_t count, struct error *error)
{
	struct parcel *parcels[MESSAGES];
	size_t used = 0;
	int result = 0;

	state_list_begin(state);
	for (size_t i = 0; i < count && result == 0; i++) {
		const struct state_message *known = server[i].is_deleted ? NULL : state_list_add(state, uidl_of(i));

		if (server[i].is_deleted || (known != NULL && known->is_stored))
			continue;
		parcels[used] = message_fetch(target, i, error);
		if (parcels[used] == NULL)
			result = -1;
		else
			used++;
	}
	if (result == 0)
		result = parcels_settle(state, target, parcels, used, error);
	for (size_t i = 0; i < used; i++) {
		if (result == 0)
			result = parcel_result(parcels[i], error);
		parcel_end(parcels[i]);
	}
	return result;
}

/* All that is stored, as QUIT does it. */
static int
batch_delete(struct state *state, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct state_message *known = state_find(state, uidl_of(i));

		if (server[i].is_deleted || known == NULL || !known->is_stored)
			continue;
		server[i].is_deleted = true;
		if (recorded != NULL)
			record_mark(recorded, UINT64_C(1) << i);
		if (state_deleted(state, &known, 1, error) != 0)
			return -1;
	}
	return state_list_end(state, 1700000000, 1000, error);
}

/* One run of the client, with so many messages there. */
static int
client_run(const char *directory, size_t count, bool deletes, struct error *error)
{
	char path[128], where[128];
	struct target_settings settings = { .place = path, .boot_id = boot_id, .recipient = "anna@example.org" };
	struct target *target = NULL;
	struct state *state = NULL;
	int result;

	snprintf(path, sizeof(path), place_names[place], directory);
	snprintf(where, sizeof(where), "%s/state", directory);
	result = state_open(&state, where, "anna", false, error);
	if (result == 0)
		result = target_open(&target, &settings, error);
	if (result == 0)
		result = recovery_run(state, target, &recovery, error);
	if (result == 0)
		result = batch_fetch(state, target, count, error);
	if (result == 0 && recorded != NULL && count == MESSAGES)
		record_mark(recorded, TOLD);
	if (result == 0 && deletes)
		result = batch_delete(state, count, error);
	target_close(target);
	state_close(state);
	return result;
}

static void
client_runs(const char *directory)
{
	struct error error;

	for (size_t round = 0; round < ROUNDS; round++)
		if (client_run(directory, come_by[round], true, &error) != 0)
			fail_msg("%s", error.text);
}

/* The boot behind a power failure: what it left of a dot lock is older. */
static void
lock_age(const char *directory)
{
	const struct timespec past[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	char path[128];

	snprintf(path, sizeof(path), "%s/mail.lock", directory);
	(void)utimensat(AT_FDCWD, path, past, 0);
}

static const char *
client_again(void)
{
	struct error error;

	recorded = NULL;
	lock_age(copy);
	if (client_run(copy, MESSAGES, true, &error) != 0) {
		snprintf(problem, sizeof(problem), "the next run fails: %s", error.text);
		return problem;
	}
	return NULL;
}

static const char *
mail_is_complete(void)
{
	struct mail mail = { .count = 0 };
	const char *wrong;

	snprintf(mail.place, sizeof(mail.place), place_names[place], copy);
	for (size_t i = 0; i < MESSAGES; i++)
		mail_expect(&mail, server[i].text, server[i].size, 0);
	wrong = mail_check(&mail, 0, MAIL_MAY_BE_HIDDEN);
	mail_free(&mail);
	return wrong;
}

/* Nothing is left over in tmp/: a message that did not arrive was removed, or has been moved. */
static const char *
check(void *context, uint64_t promised)
{
	const char *wrong;

	(void)context;
	server_set(promised);
	wrong = client_again();
	if (wrong == NULL)
		wrong = mail_is_complete();
	if (wrong == NULL && recovery.unknown_count != 0)
		wrong = "the recovery does not know";
	return wrong;
}

static void
life_record(struct recording *recording, unsigned swallowed)
{
	disk_clear(live);
	server_set(0);
	boot_id = "first-boot";
	record_begin(recording, live);
	recorded = recording;
	calls_swallow_syncs(swallowed);
	client_runs(live);
	calls_swallow_syncs(0);
	recorded = NULL;
	record_end(recording, live);
}

/* What stops it, and whether it is the same boot that comes again. */
static const struct stop {
	const char *name;
	enum crash_model model;
	const char *boot_id;
} stops[] = {
	{ "power failure, ext4", CRASH_EXT4, "second-boot" },
	{ "power failure, weak file system", CRASH_WEAK, "second-boot" },
	{ "kill -9", CRASH_KILL, "first-boot" },
	{ "the disk was away", CRASH_WEAK, "first-boot" },
};

static void
test_every_message_comes_once(void **state)
{
	(void)state;
	for (place = 0; place < PLACES; place++) {
		struct recording recording;

		life_record(&recording, 0);
		for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
			struct crash_result result;

			boot_id = stops[i].boot_id;
			crash_replay(&recording, stops[i].model, copy, check, NULL, &result);
			if (result.is_rejected)
				fail_msg("%s, %s: %s", place_names[place], stops[i].name, result.story);
			assert_true(result.state_count > 20);
			print_message("%s, %s: %zu states\n", place_names[place], stops[i].name,
			    result.state_count);
		}
		record_free(&recording);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message_comes_once),
	};
	int result;

	if (disk_directory_new(live) == NULL || disk_directory_new(copy) == NULL)
		return 1;
	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
	server_fill();
	result = cmocka_run_group_tests(tests, NULL, NULL);
	disk_directory_remove(live);
	disk_directory_remove(copy);
	return result;
}
