/*
 * Mail that is collected exactly once: a client collects from a server that forgets nothing but what it was
 * told to delete, is stopped at any point, by a power failure or by kill -9, and comes again. Then every
 * message is in the maildrop once. Each sync left out is missed.
 */

#include <dirent.h>
#include <errno.h>
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
#define SYNCS_MAX 32	/* as many as calls_swallow_syncs() knows */
#define KILLED   7	/* the status of a process in which the client was */
#define TOLD     8	/* promise: the state knows of those of the first round that they are stored; 16: of the second */

static char live[64], copy[64];

/* How many messages come by the end of each round, and letters with LF line ends. */
static const size_t come_by[ROUNDS] = { 2, 3 };
static const size_t numbers[MESSAGES] = { 23, 50, 63 };

static struct {
	char text[LETTER_SIZE], wire[2 * LETTER_SIZE];
	size_t size, wire_size;
	bool is_deleted;
} server[MESSAGES];

/* How many there are in this test. */
static size_t message_count = MESSAGES;

static struct recording *recorded;

enum place { IN_MAILDIR, IN_MBOX, PLACES };
static const char *const place_names[PLACES] = { "maildir:%s/home/mail", "mbox:%s/home/mail" };
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
	const struct state_message *deleted[MESSAGES];
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		const struct state_message *known = state_find(state, uidl_of(i));

		if (server[i].is_deleted || known == NULL || !known->is_stored)
			continue;
		server[i].is_deleted = true;
		deleted[used++] = known;
		if (recorded != NULL)
			record_mark(recorded, UINT64_C(1) << i);
	}
	return state_deleted(state, deleted, used, error);
}

/* One run of the client, with so many messages there. */
static int
client_run(const char *directory, size_t count, struct error *error)
{
	char path[128], where[128];
	struct target_settings settings = { .place = path, .boot_id = boot_id, .recipient = "anna@example.org" };
	struct target *target = NULL;
	struct state *state = NULL;
	int result;

	snprintf(path, sizeof(path), place_names[place], directory);
	snprintf(where, sizeof(where), "%s/own/state", directory);
	result = state_open(&state, where, "anna", false, error);
	if (result == 0)
		result = target_open(&target, &settings, error);
	if (result == 0)
		result = recovery_run(state, target, &recovery, error);
	if (result == 0)
		result = batch_fetch(state, target, count, error);
	if (result == 0 && recorded != NULL)
		record_mark(recorded, count == MESSAGES ? 2 * TOLD : TOLD);
	if (result == 0)
		result = batch_delete(state, count, error);
	target_close(target);
	state_close(state);
	return result;
}

static void
client_runs(const char *directory)
{
	struct error error;

	for (size_t round = 0; round < (message_count > 1 ? ROUNDS : 1); round++)
		if (client_run(directory, message_count > 1 ? come_by[round] : 1, &error) != 0)
			fail_msg("%s", error.text);
}

/* The boot behind a power failure: what it left of a dot lock is older. */
static void
lock_age(const char *directory)
{
	const struct timespec past[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	char path[128];

	snprintf(path, sizeof(path), "%s/home/mail.lock", directory);
	(void)utimensat(AT_FDCWD, path, past, 0);
}

static const char *
client_again(size_t count)
{
	struct error error;

	recorded = NULL;
	lock_age(copy);
	if (client_run(copy, count, &error) != 0) {
		snprintf(problem, sizeof(problem), "the next run fails: %s", error.text);
		return problem;
	}
	return NULL;
}

static const char *
mail_is_complete(const char *directory)
{
	struct mail mail = { .count = 0 };
	const char *wrong;

	snprintf(mail.place, sizeof(mail.place), place_names[place], directory);
	for (size_t i = 0; i < message_count; i++)
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
	wrong = client_again(message_count);
	if (wrong == NULL)
		wrong = mail_is_complete(copy);
	if (wrong == NULL && recovery.unknown_count != 0)
		wrong = "the recovery does not know";
	return wrong;
}

/* Its owner has read and removed all of it. */
static void
mail_remove(void)
{
	const struct dirent *entry;
	char path[512];
	DIR *stream;

	snprintf(path, sizeof(path), "%s/home/mail", copy);
	if (place == IN_MBOX) {
		assert_int_equal(unlink(path), 0);
		return;
	}
	snprintf(path, sizeof(path), "%s/home/mail/new", copy);
	stream = opendir(path);
	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL) {
		snprintf(path, sizeof(path), "%s/home/mail/new/%s", copy, entry->d_name);
		unlink(path);
	}
	closedir(stream);
}

/* What the state was told is stored does not come again, wherever it is now. */
static const char *
check_that_none_comes(void *context, uint64_t promised)
{
	struct mail mail = { .count = 0 };
	const char *wrong;

	(void)context;
	if ((promised & TOLD) == 0)
		return NULL;
	server_set(promised);
	mail_remove();
	wrong = client_again(come_by[(promised & 2 * TOLD) != 0]);
	snprintf(mail.place, sizeof(mail.place), place_names[place], copy);
	return wrong != NULL ? wrong : mail_check(&mail, 0, MAIL_MAY_BE_HIDDEN);
}

/* A home, in which a Maildir is before the first run: how one is made append_test.c tries. */
static void
live_make(void)
{
	static const char *const parts[] = { "home", "home/mail", "home/mail/tmp", "home/mail/new", "home/mail/cur" };
	size_t count = place == IN_MAILDIR ? sizeof(parts) / sizeof(parts[0]) : 1;
	char path[128];

	disk_clear(live);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", live, parts[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	server_set(0);
	boot_id = "first-boot";
}

static void
life_record(struct recording *recording, unsigned swallowed)
{
	live_make();
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
	struct recording recording;

	(void)state;
	life_record(&recording, 0);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		struct crash_result result;

		boot_id = stops[i].boot_id;
		crash_replay(&recording, stops[i].model, copy, check, NULL, &result);
		if (result.is_rejected)
			fail_msg("%s, %s: %s", place_names[place], stops[i].name, result.story);
		assert_true(result.state_count > 20);
	}
	record_free(&recording);
}

static void
test_what_is_stored_stays_so(void **state)
{
	struct recording recording;
	struct crash_result result;

	(void)state;
	life_record(&recording, 0);
	boot_id = "second-boot";
	crash_replay(&recording, CRASH_WEAK, copy, check_that_none_comes, NULL, &result);
	if (result.is_rejected)
		fail_msg("%s: %s", place_names[place], result.story);
	record_free(&recording);
}

/* Killed, and then a power failure */

/* In a process of its own, which has what a killed one leaves. */
static void
child_fail(const char *what, const char *story)
{
	fprintf(stderr, "%s: %s: %s\n", place_names[place], what, story);
	_exit(1);
}

/* Runs until the n-th of these calls would be made. False: there is none. */
static bool
run_killed(const char *call, unsigned number, void (*run)(const char *directory))
{
	const struct calls_fault fault = { .name = call, .number = number, .error = CALLS_KILL };
	jmp_buf killed;

	calls_killed(&killed);
	if (setjmp(killed) != 0) {
		close_range(STDERR_FILENO + 2, ~0U, 0);
		return true;
	}
	calls_watch(&fault);
	run(live);
	calls_unwatch();
	return false;
}

static void
client_returns(const char *directory)
{
	struct error error;

	if (client_run(directory, message_count, &error) != 0)
		child_fail("the next run", error.text);
}

/* What comes again is recorded, too: what it relies on must be on the disk. */
static bool
killed_and_failed(const char *call, unsigned number)
{
	struct recording recording;
	struct crash_result result;
	size_t first;

	live_make();
	record_begin(&recording, live);
	recorded = &recording;
	if (!run_killed(call, number, client_runs))
		return false;
	first = recording.count;
	client_returns(live);
	recorded = NULL;
	record_end(&recording, live);
	boot_id = "second-boot";
	crash_replay_from(&recording, first, CRASH_WEAK, copy, check, NULL, &result);
	if (result.is_rejected)
		child_fail(call, result.story);
	return true;
}

/* Killed again at each call of the recovery. */
static bool
killed_twice(const char *call, unsigned number)
{
	static const char *const calls[] = { "rename", "fsync", "unlink" };
	const char *wrong;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		bool was_killed = true;

		for (unsigned again = 1; was_killed; again++) {
			live_make();
			if (!run_killed(call, number, client_runs))
				return false;
			was_killed = run_killed(calls[i], again, client_returns);
			client_returns(live);
			wrong = mail_is_complete(live);
			if (wrong != NULL)
				child_fail(call, wrong);
		}
	}
	return true;
}

/* False: there is no such call any more. */
static bool
child_run(bool (*run)(const char *call, unsigned number), const char *call, unsigned number)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(500);
		_exit(run(call, number) ? KILLED : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != KILLED))
		fail_msg("%s %u: status %x", call, number, status);
	return WEXITSTATUS(status) == KILLED;
}

/* Each call of these names. */
static unsigned
kills_try(bool (*run)(const char *call, unsigned number), const char *const calls[])
{
	unsigned tried = 0;

	for (; *calls != NULL; calls++)
		for (unsigned number = 1; child_run(run, *calls, number); number++)
			tried++;
	return tried;
}

static void
test_killed_again(void **state)
{
	static const char *const calls[] = { "rename", "fsync", NULL };

	(void)state;
	assert_in_range(kills_try(killed_twice, calls), 15, 100);
}

static void
test_a_power_failure_behind_a_kill(void **state)
{
	static const char *const calls[] = { "rename", "fsync", NULL };

	(void)state;
	/* Of one message the states can be counted. */
	message_count = 1;
	assert_in_range(kills_try(killed_and_failed, calls), 8, 100);
	message_count = MESSAGES;
}

/* Each call fails */

/* What is told is believed; the rest is there once after the next run, of the same boot. */
static void
fault_try(const struct calls_fault *fault, unsigned *count)
{
	struct error error;
	const char *wrong;

	live_make();
	calls_watch(fault);
	for (size_t round = 0; round < ROUNDS; round++)
		if (client_run(live, come_by[round], &error) != 0)
			break;
	*count = calls_unwatch();
	if (client_run(live, MESSAGES, &error) != 0)
		fail_msg("call %u, error %d: the next run fails: %s", fault->number, fault->error, error.text);
	wrong = mail_is_complete(live);
	if (wrong != NULL)
		fail_msg("call %u (%s), error %d: %s", fault->number, calls_failed(), fault->error, wrong);
}

static void
test_each_call_fails(void **state)
{
	static const struct calls_fault faults[] = {
		{ .error = EIO }, { .error = EIO, .lasting = true }, { .error = ENOSPC, .lasting = true },
		{ .error = ENOMEM }, { .error = EINTR, .name = "pwrite" }, { .error = EINTR, .name = "fsync" },
		{ .error = CALLS_SHORT, .name = "pwrite" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct calls_fault fault = faults[i];
		unsigned count;

		fault_try(&fault, &count);
		assert_true(count > 5);
		for (fault.number = 1; fault.number <= count; fault.number++) {
			unsigned ignored;

			fault_try(&fault, &ignored);
		}
	}
}

/* Syncs */

/* Does somebody miss what these syncs did? */
static bool
is_missed(unsigned swallowed)
{
	struct recording recording;
	bool missed = false;

	life_record(&recording, swallowed);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]) && !missed; i++) {
		struct crash_result result;

		if (stops[i].model != CRASH_WEAK)
			continue;
		boot_id = stops[i].boot_id;
		crash_replay(&recording, CRASH_WEAK, copy, check, NULL, &result);
		missed = result.is_rejected;
		if (!missed)
			crash_replay(&recording, CRASH_WEAK, copy, check_that_none_comes, NULL, &result);
		missed = missed || result.is_rejected;
	}
	record_free(&recording);
	return missed;
}

/* Nothing has happened to it since it was synced before: it is there for what a kill may have left. */
static bool
sync_is_idle(const struct recording *recording, size_t at)
{
	uint32_t node = recording->operations[at].node;

	while (at-- > 0) {
		const struct operation *o = &recording->operations[at];

		if (o->kind == OPERATION_SYNC && o->node == node)
			return true;
		if (o->kind != OPERATION_SYNC && o->kind != OPERATION_MARK &&
		    (o->node == node || o->directory == node || o->to_directory == node))
			return false;
	}
	return false;
}

/* Returns how many there are in an undisturbed life. */
static unsigned
syncs_look(bool is_idle[SYNCS_MAX])
{
	struct recording recording;
	unsigned count = 0;

	life_record(&recording, 0);
	for (size_t i = 0; i < recording.count; i++)
		if (recording.operations[i].kind == OPERATION_SYNC) {
			assert_true(count < SYNCS_MAX);
			is_idle[count++] = sync_is_idle(&recording, i);
		}
	record_free(&recording);
	return count;
}

/* All but the last: nothing comes behind what it says. */
static void
test_each_sync_is_needed(void **state)
{
	bool is_idle[SYNCS_MAX];
	unsigned count = syncs_look(is_idle);

	(void)state;
	assert_true(count >= 10);
	for (unsigned sync = 0; sync + 1 < count; sync++)
		if (!is_idle[sync] && !is_missed(1u << sync))
			fail_msg("%s: nobody misses sync %u of %u", place_names[place], sync, count);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message_comes_once),
		cmocka_unit_test(test_what_is_stored_stays_so),
		cmocka_unit_test(test_each_call_fails),
		cmocka_unit_test(test_killed_again),
		cmocka_unit_test(test_a_power_failure_behind_a_kill),
		cmocka_unit_test(test_each_sync_is_needed),
	};
	int result;

	if (argc != 2 || disk_directory_new(live) == NULL || disk_directory_new(copy) == NULL)
		return 1;
	place = strcmp(argv[1], "mbox") == 0 ? IN_MBOX : IN_MAILDIR;
	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
	server_fill();
	result = cmocka_run_group_tests(tests, NULL, NULL);
	disk_directory_remove(live);
	disk_directory_remove(copy);
	return result;
}
