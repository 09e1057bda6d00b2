/*
 * A power failure at any point of a session with its UPDATE and its index: what QUIT promised holds,
 * everything else is there, whole, with the same UIDL and size, and the next session knows. A sync
 * that is left out must be found.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "replay/crash.h"
#include "replay/mail.h"
#include "store/store.h"

#define LETTERS 6

static char live[64], copy[64];

struct scenario {
	const char *name;
	/* Sessions one after the other; which letters each marks, as bits. */
	unsigned marked[3];
	size_t session_count;
	bool with_index;	/* there was a session before */
	bool disturbed;		/* another program moves and flags the messages while each is open */
	bool may_fail;		/* the removal */
	bool late;		/* the index of the session before is old enough to be believed */
};

static const struct scenario scenarios[] = {
	{ .name = "the first session", .marked = { 0x13 }, .session_count = 1 },
	{ .name = "all of it", .marked = { 0x3f }, .session_count = 1, .with_index = true },
	{ .name = "polls", .session_count = 2 },
	{ .name = "a poll, then UPDATE", .marked = { 0, 0x12 }, .session_count = 2 },
	{ .name = "UPDATE twice", .marked = { 0x05, 0x18 }, .session_count = 2, .with_index = true,
	  .late = true },
	{ .name = "moved meanwhile", .marked = { 0x21 }, .session_count = 1, .with_index = true,
	  .disturbed = true },
	{ .name = "moved, polled, UPDATE", .marked = { 0, 0x0c }, .session_count = 2, .disturbed = true,
	  .late = true },
};

static void
session(struct recording *recording, const struct fixture *fixture, const struct scenario *scenario,
    struct mail *mail, unsigned wanted, uint64_t promise)
{
	bool marked[LETTERS_MAX] = { false };
	char chunk[100];
	struct store *store;
	struct error error = { .kind = ERROR_NONE };

	calls_close_directory(fixture->is_closed);
	if (store_open(&store, mail->place, &error) != 0)
		fail_msg("%s", error.text);
	if (scenario->disturbed && fixture->disturb != NULL) {
		calls_close_directory(false);
		fixture->disturb(live);
		calls_close_directory(fixture->is_closed);
	}
	for (size_t i = 0; i < store->count; i++) {
		struct message message;
		struct letter *letter;

		assert_int_equal(store_message(store, i, &message, &error), 0);
		assert_true(store_read(store, i, 0, chunk, sizeof(chunk), &error) > 0);
		letter = mail_find(mail, message.uidl, message.uidl_size);
		assert_non_null(letter);
		marked[i] = wanted >> (letter - mail->letters) & 1;
		if (marked[i])
			letter->removed_by = promise;
	}
	if (wanted != 0) {
		if (store_remove(store, marked, &error) == 0)
			record_mark(recording, promise);
		else if (!scenario->may_fail)
			fail_msg("%s", error.text);
	}
	store_release(store);
	store_close(store);
	calls_close_directory(false);
}

/* The maildrop from new, and what the scenario does to it. */
static void
record(struct recording *recording, const struct fixture *fixture, const struct scenario *scenario,
    struct mail *mail, unsigned swallowed)
{
	disk_clear(live);
	fixture_make(fixture, live, LETTERS, mail);
	if (!scenario->with_index)
		unlink(mail->index);
	record_begin(recording, live);
	calls_swallow_syncs(swallowed);
	for (size_t i = 0; i < scenario->session_count; i++) {
		if (i > 0 && scenario->late)
			usleep(150000);
		session(recording, fixture, scenario, mail, scenario->marked[i], (uint64_t)1 << i);
	}
	calls_swallow_syncs(0);
	record_end(recording, live);
	fixture_locate(fixture, copy, mail);
}

struct check_context {
	const struct fixture *fixture;
	const struct mail *mail;
	enum mail_tolerance tolerance;
};

static const char *
check(void *context, uint64_t promised)
{
	const struct check_context *c = context;

	if (c->fixture->boot != NULL)
		c->fixture->boot(copy);
	return mail_check(c->mail, promised, c->tolerance);
}

static void
replay(const struct recording *recording, const struct fixture *fixture, const struct mail *mail,
    enum crash_model model, struct crash_result *result)
{
	struct check_context context = { fixture, mail, model == CRASH_WEAK ? MAIL_MAY_BE_GONE : MAIL_STRICT };

	crash_replay(recording, model, copy, check, &context, result);
}

static void
test_no_crash_loses_a_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < fixture_count; i++)
		for (size_t j = 0; j < sizeof(scenarios) / sizeof(scenarios[0]); j++) {
			struct crash_result results[2];
			struct recording recording;
			struct mail mail;

			record(&recording, &fixtures[i], &scenarios[j], &mail, 0);
			for (int model = CRASH_EXT4; model <= CRASH_WEAK; model++) {
				replay(&recording, &fixtures[i], &mail, (enum crash_model)model, &results[model]);
				if (results[model].is_rejected)
					fail_msg("%s: %s: %s", fixtures[i].name, scenarios[j].name,
					    results[model].story);
			}
			print_message("%s: %s: %zu operations, %zu and %zu states\n", fixtures[i].name,
			    scenarios[j].name, recording.count, results[CRASH_EXT4].state_count,
			    results[CRASH_WEAK].state_count);
			record_free(&recording);
			mail_free(&mail);
		}
}

/* ext4 keeps everything at a sync of anything; elsewhere each sync is needed. */
static const struct omission {
	const char *fixture, *scenario;
	unsigned swallowed;	/* as for calls_swallow_syncs() */
	enum crash_model model;
} omissions[] = {
	{ "maildir", "all of it", 0x3, CRASH_EXT4 },
	{ "maildir", "all of it", 0x3, CRASH_WEAK },
	{ "maildir", "all of it", 0x1, CRASH_WEAK },
	{ "maildir", "all of it", 0x2, CRASH_WEAK },
	/* the new file, the directory */
	{ "mbox", "the first session", 0x1, CRASH_WEAK },
	{ "mbox", "the first session", 0x2, CRASH_EXT4 },
	{ "mbox", "the first session", 0x2, CRASH_WEAK },
	/*
	 * The directory, behind the sync of the program that gave the name; then the journal's header,
	 * the journal, and what is copied from it. That the file has grown first, and was cut, matters
	 * to those who come afterwards.
	 */
	{ "mbox in a closed directory", "moved meanwhile", 0x2, CRASH_WEAK },
	{ "mbox in a closed directory", "moved meanwhile", 0x8, CRASH_EXT4 },
	{ "mbox in a closed directory", "moved meanwhile", 0x10, CRASH_EXT4 },
	{ "mbox in a closed directory", "moved meanwhile", 0x20, CRASH_EXT4 },
	{ "mbox in a closed directory", "UPDATE twice", 0x20, CRASH_WEAK },
	/* Cutting is all there is to do. */
	{ "mbox in a closed directory", "all of it", 0x2, CRASH_EXT4 },
};

static const struct fixture *
fixture_named(const char *name)
{
	size_t i = 0;

	while (i < fixture_count && strcmp(fixtures[i].name, name) != 0)
		i++;
	assert_true(i < fixture_count);
	return &fixtures[i];
}

static const struct scenario *
scenario_named(const char *name)
{
	size_t i = 0;

	while (i < sizeof(scenarios) / sizeof(scenarios[0]) && strcmp(scenarios[i].name, name) != 0)
		i++;
	assert_true(i < sizeof(scenarios) / sizeof(scenarios[0]));
	return &scenarios[i];
}

static void
test_a_sync_that_is_left_out_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(omissions) / sizeof(omissions[0]); i++) {
		const struct omission *o = &omissions[i];
		const struct fixture *fixture = fixture_named(o->fixture);
		struct crash_result result;
		struct recording recording;
		struct mail mail;

		record(&recording, fixture, scenario_named(o->scenario), &mail, o->swallowed);
		replay(&recording, fixture, &mail, o->model, &result);
		if (!result.is_rejected)
			fail_msg("%s, %s, syncs %#x: none of %zu states was found wrong", o->fixture, o->scenario,
			    o->swallowed, result.state_count);
		print_message("%s, %s, without syncs %#x: %.*s\n", o->fixture, o->scenario, o->swallowed,
		    (int)strcspn(result.story, "\n"), result.story);
		record_free(&recording);
		mail_free(&mail);
	}
}

/* The promise was not given; nothing may be lost, nor forgotten, when the crash brings it back. */
static void
after_failed_sync(const struct fixture *fixture, unsigned number)
{
	const struct calls_fault fault = { .name = "fsync", .number = number, .error = EIO, .lasting = true };
	struct scenario scenario = scenarios[1];
	struct crash_result result;
	struct recording recording;
	struct mail mail;

	scenario.may_fail = true;
	disk_clear(live);
	fixture_make(fixture, live, LETTERS, &mail);
	record_begin(&recording, live);
	calls_watch(&fault);
	session(&recording, fixture, &scenario, &mail, fixture->is_closed ? 0x15 : scenario.marked[0], 1);
	calls_unwatch();
	record_end(&recording, live);
	fixture_locate(fixture, copy, &mail);
	for (int model = CRASH_EXT4; model <= CRASH_WEAK; model++) {
		replay(&recording, fixture, &mail, (enum crash_model)model, &result);
		if (result.is_rejected)
			fail_msg("%s: sync %u: %s", fixture->name, number, result.story);
	}
	record_free(&recording);
	mail_free(&mail);
}

static void
test_after_a_sync_that_failed(void **state)
{
	(void)state;
	for (size_t i = 0; i < fixture_count; i++)
		for (unsigned number = 1; number <= (fixtures[i].is_closed ? 6 : 2); number++)
			after_failed_sync(&fixtures[i], number);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_crash_loses_a_message),
		cmocka_unit_test(test_a_sync_that_is_left_out_is_found),
		cmocka_unit_test(test_after_a_sync_that_failed),
	};
	int result;

	if (disk_directory_new(live) == NULL || disk_directory_new(copy) == NULL)
		return 1;
	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	disk_directory_remove(live);
	disk_directory_remove(copy);
	return result;
}
