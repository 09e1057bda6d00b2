/*
 * What was delivered is learnt (store_learn()): whatever a power failure leaves of that, whichever call of
 * it fails, and before whichever call another program delivers, the next session has all messages, with
 * their UIDLs and sizes.
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
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "replay/calls.h"
#include "replay/crash.h"
#include "replay/mail.h"
#include "store/store.h"

#define LETTERS 4
#define DELIVERED 50	/* the numbers of letters with LF line ends, the last line ended */
#define FOREIGN   63

static char live[64], copy[64];
static const struct fixture *current;

static void
expect_letter(struct mail *mail, size_t number)
{
	char text[LETTER_SIZE];

	mail_expect(mail, text, letter_write(number, text, sizeof(text)), 0);
}

static void
deliver(const struct mail *mail)
{
	struct delivery delivery = { .place = mail->place, .index_directory = STORE_INDEX_BESIDE, .sender = "",
		.head = "", .message = memfd_create("message", MFD_CLOEXEC) };
	char text[LETTER_SIZE];
	size_t size = letter_write(DELIVERED, text, sizeof(text));
	struct append *append;
	struct error error;

	assert_int_equal(write(delivery.message, text, size), (ssize_t)size);
	if (append_begin(&append, &delivery, &error) != 0 || append_commit(append, NULL, &error) != 0)
		fail_msg("%s", error.text);
	append_end(append);
	close(delivery.message);
}

/* A maildrop that a session has seen, and one message that has come since, long enough ago. */
static void
make(const struct fixture *fixture, struct mail *mail)
{
	current = fixture;
	disk_clear(live);
	fixture_make(fixture, live, LETTERS, mail);
	deliver(mail);
	expect_letter(mail, DELIVERED);
	usleep(150000);
}

static enum learning
learn(const struct mail *mail)
{
	enum learning learning;

	calls_close_directory(mail->is_closed);
	learning = store_learn(mail->place, STORE_INDEX_BESIDE);
	calls_close_directory(false);
	return learning;
}

static const char *
check(void *context, uint64_t promised)
{
	if (current->boot != NULL)
		current->boot(copy);
	return mail_check(context, promised, MAIL_STRICT);
}

static void
test_a_power_failure(void **state)
{
	(void)state;
	for (size_t i = 0; i < fixture_count; i++) {
		struct recording recording;
		struct crash_result result;
		struct mail mail;

		make(&fixtures[i], &mail);
		record_begin(&recording, live);
		assert_int_equal(learn(&mail), mail.is_closed ? LEARNING_LEFT : LEARNING_DONE);
		record_end(&recording, live);
		fixture_locate(&fixtures[i], copy, &mail);
		for (int model = CRASH_EXT4; model <= CRASH_WEAK; model++) {
			crash_replay(&recording, (enum crash_model)model, copy, check, &mail, &result);
			if (result.is_rejected)
				fail_msg("%s: %s", fixtures[i].name, result.story);
			assert_true(mail.is_closed || result.state_count > 2);
		}
		record_free(&recording);
		mail_free(&mail);
	}
}

static size_t
descriptors_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

/* One run with that fault; how many calls there were. */
static unsigned
trial_run(const struct disk *disk, const struct mail *mail, const struct calls_fault *fault,
    enum learning *learning)
{
	size_t descriptors = descriptors_count();
	const char *wrong;
	unsigned count;
	char what[160];

	disk_store(disk, live);
	calls_watch(fault);
	*learning = learn(mail);
	count = calls_unwatch();
	snprintf(what, sizeof(what), "%s: call %u (%s), error %d", current->name, fault->number,
	    calls_failed() != NULL ? calls_failed() : "none", fault->error);
	if (calls_blocks() != 0)
		fail_msg("%s: %ld blocks of memory are left", what, calls_blocks());
	if (descriptors_count() != descriptors)
		fail_msg("%s: a descriptor is left open", what);
	if (current->boot != NULL)
		current->boot(live);
	wrong = mail_check(mail, 0, MAIL_STRICT);
	if (wrong != NULL)
		fail_msg("%s: %s", what, wrong);
	return count;
}

static void
test_each_call_fails(void **state)
{
	static const struct calls_fault faults[] = {
		{ .error = EIO }, { .error = EIO, .lasting = true }, { .error = ENOSPC, .lasting = true },
		{ .error = EMFILE, .lasting = true }, { .error = EACCES }, { .error = ENOMEM },
		{ .error = ENOMEM, .lasting = true }, { .error = CALLS_SHORT },
	};

	(void)state;
	for (size_t i = 0; i < fixture_count; i++) {
		struct calls_fault fault = { .number = 0 };
		enum learning learning;
		struct disk disk;
		struct mail mail;
		unsigned left = 0;

		make(&fixtures[i], &mail);
		disk_load(&disk, live);
		trial_run(&disk, &mail, &fault, &learning);
		assert_int_equal(learning, mail.is_closed ? LEARNING_LEFT : LEARNING_DONE);
		for (size_t j = 0; j < sizeof(faults) / sizeof(faults[0]); j++) {
			fault = faults[j];
			for (fault.number = 1; fault.number <= trial_run(&disk, &mail, &fault, &learning); fault.number++)
				left += learning != LEARNING_DONE;
		}
		assert_true(left > 10);
		calls_show(NULL, 0);
		disk_free(&disk);
		mail_free(&mail);
	}
}

static void
foreign_delivery(void)
{
	current->deliver(live, FOREIGN);
}

/* It is never hidden; where it came before the look it is not yet believed that nothing comes behind it. */
static void
test_another_program_delivers_meanwhile(void **state)
{
	(void)state;
	for (size_t i = 0; i < fixture_count; i++) {
		struct calls_fault fault = { .happens = foreign_delivery };
		enum learning learning;
		struct disk disk;
		struct mail mail;
		unsigned count, later = 0;

		if (strcmp(fixtures[i].name, "maildir without cur") == 0)
			continue;
		make(&fixtures[i], &mail);
		disk_load(&disk, live);
		count = trial_run(&disk, &mail, &fault, &learning);
		expect_letter(&mail, FOREIGN);
		for (fault.number = 1; fault.number <= count; fault.number++) {
			(void)trial_run(&disk, &mail, &fault, &learning);
			later += learning == LEARNING_LATER;
		}
		print_message("%s: %u calls, %u put off\n", fixtures[i].name, count, later);
		assert_true(count > 10);
		calls_show(NULL, 0);
		disk_free(&disk);
		mail_free(&mail);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_power_failure),
		cmocka_unit_test(test_each_call_fails),
		cmocka_unit_test(test_another_program_delivers_meanwhile),
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
