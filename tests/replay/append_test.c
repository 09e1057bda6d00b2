/*
 * Mail that is delivered by the stores themselves: what a power failure leaves, each call that
 * fails, and several processes that deliver while sessions remove.
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "mail/wire.h"
#include "replay/calls.h"
#include "replay/crash.h"
#include "replay/mail.h"
#include "store/store.h"

#define LETTERS 3
#define GROUP   2
/* Letters with LF line ends, the last line ended: a long one and a short one. */
static const size_t numbers[GROUP] = { 63, 50 };

static char live[64], copy[64];

struct parcel {
	struct delivery delivery;
	struct append *append;
	char text[LETTER_SIZE];
	size_t size;
	bool begun;
	int result;
	struct error error;
};

static int
message_of(const char *text, size_t size)
{
	int file = memfd_create("message", MFD_CLOEXEC);

	assert_true(file >= 0);
	assert_int_equal(pwrite(file, text, size, 0), (ssize_t)size);
	return file;
}

static void
parcel_make(struct parcel *parcel, const char *place, size_t number)
{
	*parcel = (struct parcel){ .result = -1 };
	parcel->size = letter_write(number, parcel->text, sizeof(parcel->text));
	/* A part of it as what the caller puts before. */
	parcel->delivery = (struct delivery){ .place = place, .index_directory = STORE_INDEX_BESIDE,
		.sender = "anna@example.org", .head = parcel->text,
		.head_size = (size_t)(strchr(parcel->text, '\n') + 1 - parcel->text) };
	parcel->delivery.message = message_of(parcel->text + parcel->delivery.head_size,
	    parcel->size - parcel->delivery.head_size);
}

static void
parcel_free(struct parcel *parcel)
{
	close(parcel->delivery.message);
}

/* As a group of threads would, in one thread, so that each run makes the same calls. */
static void
parcels_deliver(struct parcel parcels[], size_t count)
{
	struct append *first = NULL, **last = &first;

	for (size_t i = 0; i < count; i++) {
		struct parcel *p = &parcels[i];

		p->begun = append_begin(&p->append, &p->delivery, &p->error) == 0;
		if (!p->begun || (p->append->ops->sync != NULL && p->append->ops->sync(p->append, &p->error) != 0))
			continue;
		*last = p->append;
		last = &p->append->next;
		*last = NULL;
		p->result = 1;
	}
	if (first != NULL)
		first->ops->commit(first);
	for (size_t i = 0; i < count; i++) {
		struct parcel *p = &parcels[i];

		if (p->result == 1) {
			p->result = p->append->result;
			p->error = p->append->error;
		}
		if (p->begun)
			append_end(p->append);
	}
}

/* The boot behind a power failure: what it left of a dot lock is older. */
static void
boot(const struct mail *mail)
{
	const struct timespec past[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	char path[MAIL_PLACE_SIZE + 8];

	snprintf(path, sizeof(path), "%s.lock", strchr(mail->place, ':') + 1);
	(void)utimensat(AT_FDCWD, path, past, 0);
}

static const char *
check(void *context, uint64_t promised)
{
	boot(context);
	return mail_check(context, promised, MAIL_MAY_BE_HIDDEN);
}

/* One alone, then a group. swallowed: the syncs that only say that they were done. */
static void
crash_record(const struct fixture *fixture, struct recording *recording, struct mail *mail,
    unsigned swallowed)
{
	struct parcel parcels[GROUP];

	disk_clear(live);
	fixture_make(fixture, live, LETTERS, mail);
	for (size_t i = 0; i < GROUP; i++) {
		parcel_make(&parcels[i], mail->place, numbers[i]);
		mail_expect(mail, parcels[i].text, parcels[i].size, 1u << i);
	}
	record_begin(recording, live);
	calls_close_directory(mail->is_closed && strcmp(fixture->scheme, "mbox") == 0);
	calls_swallow_syncs(swallowed);
	parcels_deliver(parcels, 1);
	calls_swallow_syncs(0);
	assert_int_equal(parcels[0].result, 0);
	record_mark(recording, 1);
	parcels_deliver(parcels + 1, GROUP - 1);
	assert_int_equal(parcels[1].result, 0);
	record_mark(recording, 2);
	calls_close_directory(false);
	record_end(recording, live);
	for (size_t i = 0; i < GROUP; i++)
		parcel_free(&parcels[i]);
	fixture_locate(fixture, copy, mail);
}

static void
test_a_power_failure(void **state)
{
	(void)state;
	for (size_t i = 0; i < fixture_count; i++) {
		struct recording recording;
		struct crash_result result;
		struct mail mail;

		crash_record(&fixtures[i], &recording, &mail, 0);
		for (int model = CRASH_EXT4; model <= CRASH_WEAK; model++) {
			crash_replay(&recording, (enum crash_model)model, copy, check, &mail, &result);
			if (result.is_rejected)
				fail_msg("%s: %s", fixtures[i].name, result.story);
			assert_true(result.state_count > 10);
		}
		record_free(&recording);
		mail_free(&mail);
	}
}

/* A sync that is left out must be missed: how many there are in one delivery. */
static const struct {
	const char *fixture;
	unsigned syncs;
} sync_counts[] = {
	{ "maildir", 2 },	/* the file, new/ */
	{ "mbox", 3 },		/* the guard, the mail, the cut */
};

static void
test_each_sync_is_needed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sync_counts) / sizeof(sync_counts[0]); i++)
		for (unsigned sync = 0; sync < sync_counts[i].syncs; sync++) {
			const struct fixture *fixture = fixtures;
			struct recording recording;
			struct crash_result result;
			struct mail mail;

			while (strcmp(fixture->name, sync_counts[i].fixture) != 0)
				fixture++;
			crash_record(fixture, &recording, &mail, 1u << sync);
			crash_replay(&recording, CRASH_WEAK, copy, check, &mail, &result);
			if (!result.is_rejected)
				fail_msg("%s: nobody misses sync %u in %zu states", fixture->name, sync,
				    result.state_count);
			record_free(&recording);
			mail_free(&mail);
		}
}

/* Two for the same maildrop at once, into one that has to be made, too. */
static void
test_a_power_failure_in_a_group(void **state)
{
	static const char *const places[] = { "maildir:%s/made", "mbox:%s/made" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct parcel parcels[GROUP];
		struct recording recording;
		struct crash_result result;
		struct mail mail = { .count = 0 };

		disk_clear(live);
		snprintf(mail.place, sizeof(mail.place), places[i], live);
		for (size_t j = 0; j < GROUP; j++) {
			parcel_make(&parcels[j], mail.place, numbers[j]);
			mail_expect(&mail, parcels[j].text, parcels[j].size, 1);
		}
		record_begin(&recording, live);
		parcels_deliver(parcels, GROUP);
		for (size_t j = 0; j < GROUP; j++) {
			assert_int_equal(parcels[j].result, 0);
			parcel_free(&parcels[j]);
		}
		record_mark(&recording, 1);
		record_end(&recording, live);
		snprintf(mail.place, sizeof(mail.place), places[i], copy);
		for (int model = CRASH_EXT4; model <= CRASH_WEAK; model++) {
			crash_replay(&recording, (enum crash_model)model, copy, check, &mail, &result);
			if (result.is_rejected)
				fail_msg("%s: %s", places[i], result.story);
			assert_true(result.state_count > 10);
		}
		record_free(&recording);
		mail_free(&mail);
	}
}

/* A delivery that comes upon what a power failure left of another, and a session behind it. */
static const char *
check_after_delivery(void *context, uint64_t promised)
{
	struct mail *mail = context;
	struct parcel parcel;

	boot(mail);
	parcel_make(&parcel, mail->place, 17);
	calls_close_directory(mail->is_closed);
	parcels_deliver(&parcel, 1);
	calls_close_directory(false);
	parcel_free(&parcel);
	if (parcel.result != 0)
		return "the next delivery fails";
	return mail_check(mail, promised | 4, MAIL_MAY_BE_HIDDEN);
}

static void
test_a_delivery_behind_a_power_failure(void **state)
{
	static char text[LETTER_SIZE];

	(void)state;
	for (size_t i = 0; i < fixture_count; i++) {
		struct recording recording;
		struct crash_result result;
		struct mail mail;

		if (strcmp(fixtures[i].scheme, "mbox") != 0)
			continue;
		crash_record(&fixtures[i], &recording, &mail, 0);
		mail_expect(&mail, text, letter_write(17, text, sizeof(text)), 4);
		crash_replay(&recording, CRASH_EXT4, copy, check_after_delivery, &mail, &result);
		if (result.is_rejected)
			fail_msg("%s: %s", fixtures[i].name, result.story);
		record_free(&recording);
		mail_free(&mail);
	}
}

/* The same behind a removal that was interrupted: its journal is settled first. */
/* A delivery that is killed may leave an mbox with something in it; the next one does not sync its directory. */
static void
test_a_new_mbox_is_durable_before_it_holds_anything(void **state)
{
	struct recording recording;
	struct parcel parcel;
	char place[MAIL_PLACE_SIZE];
	uint32_t mbox = UINT32_MAX;
	bool is_durable = false, is_written = false;

	(void)state;
	disk_clear(live);
	snprintf(place, sizeof(place), "mbox:%s/new", live);
	parcel_make(&parcel, place, numbers[0]);
	record_begin(&recording, live);
	parcels_deliver(&parcel, 1);
	record_end(&recording, live);
	assert_int_equal(parcel.result, 0);
	for (size_t i = 0; i < recording.count; i++) {
		const struct operation *operation = &recording.operations[i];

		if (operation->kind == OPERATION_ADD && strcmp(operation->name, "new") == 0)
			mbox = operation->node;
		else if (operation->kind == OPERATION_SYNC && operation->node == 0)
			is_durable = mbox != UINT32_MAX;
		else if (operation->kind == OPERATION_WRITE && operation->node == mbox) {
			is_written = true;
			assert_true(is_durable);
		}
	}
	assert_true(is_written);
	record_free(&recording);
	parcel_free(&parcel);
}

static void
test_a_delivery_behind_a_removal(void **state)
{
	static char text[LETTER_SIZE];
	const bool marked[LETTERS] = { false, true, false };

	(void)state;
	for (size_t i = 0; i < fixture_count; i++) {
		struct recording recording;
		struct crash_result result;
		struct store *store;
		struct error error;
		struct mail mail;

		if (strcmp(fixtures[i].scheme, "mbox") != 0)
			continue;
		disk_clear(live);
		fixture_make(&fixtures[i], live, LETTERS, &mail);
		mail.letters[1].removed_by = 1;
		record_begin(&recording, live);
		calls_close_directory(mail.is_closed);
		assert_int_equal(store_open(&store, mail.place, &error), 0);
		assert_int_equal(store_remove(store, marked, &error), 0);
		record_mark(&recording, 1);
		store_close(store);
		calls_close_directory(false);
		record_end(&recording, live);
		fixture_locate(&fixtures[i], copy, &mail);
		mail_expect(&mail, text, letter_write(17, text, sizeof(text)), 4);
		crash_replay(&recording, CRASH_EXT4, copy, check_after_delivery, &mail, &result);
		if (result.is_rejected)
			fail_msg("%s: %s", fixtures[i].name, result.story);
		record_free(&recording);
		mail_free(&mail);
	}
}

/* Each call fails */

static const struct fault {
	int error;
	bool lasting;
	const char *calls;	/* NULL: whatever it is */
} faults[] = {
	{ EIO, false, NULL },
	{ EIO, true, NULL },
	{ ENOSPC, false, "open pwrite ftruncate fsync rename mkdir" },
	{ EDQUOT, true, "pwrite" },
	{ ENOMEM, false, "malloc calloc" },
	{ EINTR, false, "open close pread pwrite ftruncate fcntl fsync" },
	{ CALLS_SHORT, false, "pread pwrite" },
};

struct trial {
	const char *form;	/* of the places */
	const char *shared;	/* what one call may spoil for both; NULL: nothing */
	struct disk disk;
	char places[GROUP][MAIL_PLACE_SIZE];
	unsigned failures, half;	/* how often one failed, and how often one alone */
};

static size_t
left_count(const char *place)
{
	char path[MAIL_PLACE_SIZE + 8];
	const struct dirent *entry;
	size_t count = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/tmp", strchr(place, ':') + 1);
	directory = opendir(path);
	if (directory == NULL)
		return 0;
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

/* All promised letters are there once, nothing that failed is, and what was there still is. */
static void
trial_judge(struct trial *t, const struct parcel parcels[], const char *what)
{
	const char *failed = calls_failed();
	size_t failures = 0;

	for (size_t i = 0; i < GROUP; i++) {
		struct mail mail = { .count = 0 };
		const char *wrong;

		failures += parcels[i].result != 0;
		snprintf(mail.place, sizeof(mail.place), "%s", t->places[i]);
		for (size_t j = 0; j < GROUP; j++)
			if (parcels[j].result == 0 && strcmp(t->places[i], t->places[j]) == 0)
				mail_expect(&mail, parcels[j].text, parcels[j].size, 0);
		wrong = mail_check(&mail, 0, MAIL_MAY_BE_HIDDEN);
		if (wrong != NULL)
			fail_msg("%s: %s", what, wrong);
		if (left_count(t->places[i]) != 0 && strcmp(failed, "unlink") != 0)
			fail_msg("%s: something is left in tmp", what);
		mail_free(&mail);
		if (parcels[i].result != 0 && parcels[i].error.kind != ERROR_TEMPORARY)
			fail_msg("%s: %s", what, parcels[i].error.text);
	}
	t->failures += failures > 0;
	t->half += failures == 1;
}

static const char *
trial_run(struct trial *t, const struct calls_fault *fault, unsigned *count)
{
	struct parcel parcels[GROUP];
	const char *failed;
	size_t failures = 0;
	char what[160];

	disk_store(&t->disk, live);
	calls_show(NULL, 0);
	for (size_t i = 0; i < GROUP; i++)
		parcel_make(&parcels[i], t->places[i], numbers[i]);
	calls_watch(fault);
	parcels_deliver(parcels, GROUP);
	*count = calls_unwatch();
	failed = calls_failed();
	snprintf(what, sizeof(what), "%s: call %u (%s): error %d%s", t->form, fault->number,
	    failed != NULL ? failed : "none", fault->error, fault->lasting ? ", lasting" : "");
	if (calls_blocks() != 0)
		fail_msg("%s: %ld blocks of memory are left", what, calls_blocks());
	for (size_t i = 0; i < GROUP; i++)
		failures += parcels[i].result != 0;
	if (failures > 0 && fault->number == 0)
		fail_msg("%s: %s", what, parcels[0].error.text);
	/* One fails alone, unless the call was for both. */
	if (failures > 1 && !fault->lasting && (t->shared == NULL || strstr(t->shared, failed) == NULL))
		fail_msg("%s: both failed: %s; %s", what, parcels[0].error.text, parcels[1].error.text);
	trial_judge(t, parcels, what);
	for (size_t i = 0; i < GROUP; i++)
		parcel_free(&parcels[i]);
	return failed;
}

static void
each_call_fail(struct trial *t)
{
	struct calls_fault fault = { .number = 0 };
	unsigned count, ignored;

	trial_run(t, &fault, &count);
	assert_true(count > 10);
	for (unsigned number = 1; number <= count; number++) {
		const char *name = NULL;

		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
			if (name != NULL && faults[i].calls != NULL && strstr(faults[i].calls, name) == NULL)
				continue;
			fault = (struct calls_fault){ .number = number, .error = faults[i].error,
				.lasting = faults[i].lasting };
			name = trial_run(t, &fault, &ignored);
			assert_non_null(name);
		}
	}
}

static void
test_each_call_fails(void **state)
{
	static const struct {
		const char *form[GROUP], *shared;
	} cases[] = {
		{ { "maildir:%s/a", "maildir:%s/b" }, NULL },
		{ { "maildir:%s/a", "maildir:%s/a" }, "fsync" },
		{ { "mbox:%s/a", "mbox:%s/b" }, NULL },
		{ { "mbox:%s/a", "mbox:%s/a" },
		  "open fcntl fstat lstat malloc calloc pread pwrite ftruncate fsync close" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trial t = { .form = cases[i].form[1], .shared = cases[i].shared };

		disk_clear(live);
		for (size_t j = 0; j < GROUP; j++)
			snprintf(t.places[j], sizeof(t.places[j]), cases[i].form[j], live);
		disk_load(&t.disk, live);
		each_call_fail(&t);
		print_message("%s: %u failures, %u of one alone\n", t.form, t.failures, t.half);
		assert_true(t.failures > 10 && t.half > 0);
		disk_free(&t.disk);
	}
}

/* Several processes */

#define PROCESSES 3
#define THREADS   2
#define EACH      120	/* messages of a thread */
#define TOTAL     (PROCESSES * THREADS * EACH)

struct courier {
	pthread_t id;
	struct append_group *group;
	const char *place;
	unsigned first;
};

static void *
courier_run(void *context)
{
	struct courier *courier = context;

	for (unsigned i = 0; i < EACH; i++) {
		struct delivery delivery = { .place = courier->place, .sender = "", .head = "" };
		struct append *append;
		struct error error;
		char text[64];

		snprintf(text, sizeof(text), "Subject: %u\n\n%u\n", courier->first + i, courier->first + i);
		delivery.message = message_of(text, strlen(text));
		if (append_begin(&append, &delivery, &error) != 0 ||
		    append_commit(append, courier->group, &error) != 0) {
			fprintf(stderr, "%s\n", error.text);
			_exit(1);
		}
		append_end(append);
		close(delivery.message);
	}
	return NULL;
}

static void
process_run(const char *place, unsigned first)
{
	struct courier couriers[THREADS];
	struct append_group group;

	append_group_begin(&group);
	for (unsigned i = 0; i < THREADS; i++) {
		couriers[i] = (struct courier){ .group = &group, .place = place, .first = first + i * EACH };
		if (pthread_create(&couriers[i].id, NULL, courier_run, &couriers[i]) != 0)
			_exit(2);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(couriers[i].id, NULL);
	_exit(0);
}

/* One session: reads all there is, and removes every second message. */
static void
session_run(const char *place, unsigned char seen[TOTAL], size_t *removed)
{
	struct store *store;
	struct error error;
	bool *marked;

	if (store_open(&store, place, &error) != 0)
		fail_msg("%s", error.text);
	marked = calloc(store->count + 1, sizeof(*marked));
	assert_non_null(marked);
	for (size_t i = 0; i < store->count; i++) {
		char text[64] = "";
		unsigned number, again;

		if (store_read(store, i, 0, text, sizeof(text) - 1, &error) < 0)
			fail_msg("%s", error.text);
		assert_int_equal(sscanf(text, "Subject: %u\n\n%u\n", &number, &again), 2);
		assert_true(number < TOTAL && number == again);
		if (seen[number] == 2)
			fail_msg("message %u is there again", number);
		marked[i] = number % 2 == 0;
		seen[number] = marked[i] ? 2 : 1;
		*removed += marked[i];
	}
	if (store_remove(store, marked, &error) != 0)
		fail_msg("%s", error.text);
	store_close(store);
	free(marked);
}

static void
test_processes_deliver_while_sessions_remove(void **state)
{
	static const char *const forms[] = { "maildir:%s/mail", "mbox:%s/mail" };

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		static unsigned char seen[TOTAL];
		char place[MAIL_PLACE_SIZE];
		size_t removed = 0, running = PROCESSES, count = 0;

		disk_clear(live);
		memset(seen, 0, sizeof(seen));
		snprintf(place, sizeof(place), forms[i], live);
		for (unsigned j = 0; j < PROCESSES; j++) {
			pid_t child = fork();

			assert_true(child >= 0);
			if (child == 0)
				process_run(place, j * THREADS * EACH);
		}
		while (running > 0) {
			int status;

			session_run(place, seen, &removed);
			if (waitpid(-1, &status, WNOHANG) <= 0)
				continue;
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			running--;
		}
		session_run(place, seen, &removed);
		for (unsigned j = 0; j < TOTAL; j++)
			count += seen[j] != 0;
		assert_int_equal(count, TOTAL);
		assert_int_equal(removed, TOTAL / 2);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_power_failure),
		cmocka_unit_test(test_each_sync_is_needed),
		cmocka_unit_test(test_a_power_failure_in_a_group),
		cmocka_unit_test(test_a_delivery_behind_a_power_failure),
		cmocka_unit_test(test_a_new_mbox_is_durable_before_it_holds_anything),
		cmocka_unit_test(test_a_delivery_behind_a_removal),
		cmocka_unit_test(test_each_call_fails),
		cmocka_unit_test(test_processes_deliver_while_sessions_remove),
	};
	int result;

	if (disk_directory_new(live) == NULL || disk_directory_new(copy) == NULL)
		return 1;
	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	calls_show(NULL, 0);
	disk_directory_remove(live);
	disk_directory_remove(copy);
	return result;
}
