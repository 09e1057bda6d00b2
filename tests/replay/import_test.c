/*
 * A power failure at any point while the UIDLs of another server are taken over: afterwards the
 * maildrop opens with all the old ones or all the new ones, and goes on with these when mail
 * arrives; once the import has said that it is done, with the new ones. A call that fails leaves the
 * maildrop in order, too, and what the import says of it is true.
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
#include "replay/calls.h"
#include "replay/crash.h"
#include "replay/mail.h"
#include "store/index_place.h"
#include "store/maildir_import.h"
#include "store/store.h"

#define LETTERS 4
#define DONE    1

static char live[64], copy[64];
static int apart;	/* a directory for indexes */

/* "%s" is what tells the imports from one another. */
static const char list[] = "1700.M0P1.mx %s-0\n1701.M1P1.mx %s-1\n1702.M2P1.mx %s-2\n";

struct uidls {
	char text[1024];
};

/* What is wrong, or NULL and the UIDLs in order. */
static const char *
uidls_get(const char *directory, int index_directory, struct uidls *uidls)
{
	static struct error error;
	char place[MAIL_PLACE_SIZE];
	struct store *store;
	size_t used = 0;

	uidls->text[0] = '\0';
	snprintf(place, sizeof(place), "maildir:%s", directory);
	if (store_open_with(&store, place, index_directory, &error) != 0)
		return error.text;
	for (size_t i = 0; i < store->count; i++) {
		struct message message;

		assert_int_equal(store_message(store, i, &message, &error), 0);
		used += (size_t)snprintf(uidls->text + used, sizeof(uidls->text) - used, "%.*s ",
		    (int)message.uidl_size, message.uidl);
	}
	store_close(store);
	return NULL;
}

/* Whatever a session finds, the next finds the same behind new mail. */
static const char *
uidls_get_twice(const char *directory, int index_directory, struct uidls *uidls)
{
	static char story[2 * sizeof(*uidls) + 64];
	struct uidls later;
	const char *problem = uidls_get(directory, index_directory, uidls);

	if (problem != NULL)
		return problem;
	fixtures[0].deliver(directory, LETTERS);
	problem = uidls_get(directory, index_directory, &later);
	if (problem != NULL || strncmp(later.text, uidls->text, strlen(uidls->text)) == 0)
		return problem;
	snprintf(story, sizeof(story), "with new mail %sbecomes %s", uidls->text, later.text);
	return story;
}

static int
import(const char *name, struct import_counts *counts, struct error *error)
{
	char text[256];
	int size = snprintf(text, sizeof(text), list, name, name, name);
	struct import_source source = { .kind = foreign_kind_find("list"), .text = text,
		.size = (size_t)size, .format = "" };

	return maildir_import(live, &source, counts, error);
}

struct expectation {
	struct uidls before, after;
};

static const char *
check(void *context, uint64_t promised)
{
	const struct expectation *wanted = context;
	static char story[2 * sizeof(struct uidls) + 64];
	struct uidls found;
	const char *problem = uidls_get_twice(copy, STORE_INDEX_BESIDE, &found);

	if (problem != NULL)
		return problem;
	if (strcmp(found.text, wanted->after.text) == 0 ||
	    (promised == 0 && strcmp(found.text, wanted->before.text) == 0))
		return NULL;
	snprintf(story, sizeof(story), "it has the UIDLs %s", found.text);
	return story;
}

/* A maildrop with an index, and one that was migrated before. */
static void
prepare(bool again, struct expectation *wanted)
{
	struct import_counts counts;
	struct error error;
	struct mail mail;

	disk_clear(live);
	fixture_make(&fixtures[0], live, LETTERS, &mail);
	mail_free(&mail);
	if (again)
		assert_int_equal(import("once", &counts, &error), 0);
	usleep(150000);
	assert_null(uidls_get(live, STORE_INDEX_BESIDE, &wanted->before));
	usleep(150000);
	assert_null(uidls_get(live, STORE_INDEX_BESIDE, &wanted->before));
}

static void
replay(bool again, unsigned swallowed, enum crash_model model, struct crash_result *result)
{
	struct expectation wanted;
	struct recording recording;
	struct import_counts counts;
	struct error error;

	prepare(again, &wanted);
	record_begin(&recording, live);
	calls_swallow_syncs(swallowed);
	if (import("new", &counts, &error) != 0)
		fail_msg("%s", error.text);
	record_mark(&recording, DONE);
	calls_swallow_syncs(0);
	record_end(&recording, live);
	assert_null(uidls_get(live, STORE_INDEX_BESIDE, &wanted.after));
	assert_string_equal(wanted.after.text, "new-0 new-1 new-2 1703.M3P1.mx ");
	crash_replay(&recording, model, copy, check, &wanted, result);
	record_free(&recording);
}

static void
test_no_crash_mixes_them(void **state)
{
	(void)state;
	for (int again = 0; again <= 1; again++)
		for (int model = CRASH_EXT4; model <= CRASH_WEAK; model++) {
			struct crash_result result;

			replay(again != 0, 0, (enum crash_model)model, &result);
			if (result.is_rejected)
				fail_msg("%s", result.story);
			print_message("again %d, model %d: %zu states\n", again, model, result.state_count);
		}
}

/*
 * The syncs are those of new/, cur/ and the Maildir, of the file and the Maildir, and the first
 * three again. Without them old UIDLs come back, or none, or another's in the middle.
 */
static void
test_syncs_that_are_left_out_are_found(void **state)
{
	struct crash_result result;

	(void)state;
	replay(false, 0x07, CRASH_WEAK, &result);
	assert_true(result.is_rejected);
	replay(false, 0x08, CRASH_WEAK, &result);
	assert_true(result.is_rejected);
	replay(false, ~0x08u, CRASH_WEAK, &result);
	assert_true(result.is_rejected);
	replay(false, ~0u, CRASH_EXT4, &result);
	assert_true(result.is_rejected);
}

/* One import whose n-th call fails. false: it makes no so many calls. */
static bool
fail_once(const struct calls_fault *fault, int index_directory)
{
	struct import_counts counts = { 0 };
	struct uidls before, found;
	struct error error = { .kind = ERROR_NONE };
	const char *problem;
	bool failed, is_new;
	int result;

	disk_clear(live);
	fixtures[0].make(live, LETTERS);
	/* So that the index is believed; once is enough, for it takes time. */
	if (fault->error == EIO)
		usleep(150000);
	assert_null(uidls_get(live, index_directory, &before));
	calls_watch(fault);
	result = import("new", &counts, &error);
	failed = calls_failed() != NULL;
	calls_unwatch();
	problem = uidls_get_twice(live, index_directory, &found);
	if (problem != NULL)
		fail_msg("call %u: %s", fault->number, problem);
	is_new = strcmp(found.text, "new-0 new-1 new-2 1703.M3P1.mx ") == 0;
	if (result == 0)
		assert_true(is_new);
	else if (error.kind == ERROR_NONE || error.text[0] == '\0' ||
	    (!is_new && strcmp(found.text, before.text) != 0))
		fail_msg("call %u: %s: %s", fault->number, error.text, found.text);
	assert_int_equal(counts.written, is_new);
	assert_int_equal(import("new", &counts, &error), 0);
	assert_null(uidls_get(live, index_directory, &found));
	assert_string_equal(found.text, "new-0 new-1 new-2 1703.M3P1.mx 1800.M4P1.mx ");
	return failed;
}

/* Each call once: said, and all of the old or all of the new ones. */
static void
test_calls_that_fail(void **state)
{
	static const int errors[] = { EIO, ENOSPC, EINTR, ENOMEM, CALLS_SHORT };

	(void)state;
	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		struct calls_fault fault = { .number = 1, .error = errors[e] };

		while (fail_once(&fault, STORE_INDEX_BESIDE) && fail_once(&fault, apart))
			fault.number++;
		assert_true(fault.number > 10);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_crash_mixes_them),
		cmocka_unit_test(test_syncs_that_are_left_out_are_found),
		cmocka_unit_test(test_calls_that_fail),
	};
	char indexes[64];
	struct error error;
	int result;

	if (disk_directory_new(live) == NULL || disk_directory_new(copy) == NULL ||
	    disk_directory_new(indexes) == NULL)
		return 1;
	apart = index_directory_open(indexes, &error);
	if (apart < 0)
		return 1;
	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	disk_directory_remove(live);
	disk_directory_remove(copy);
	disk_directory_remove(indexes);
	return result;
}
