/*
 * What works on a maildrop as its owner, who can stop it, gets a time to end: import-uidl for each
 * maildrop, also of a tree, and verify-uidl. When it is over, the next maildrop has its turn.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>
#include <cmocka.h>

#include "ctl/ctl.h"
#include "ctl/migration.h"
#include "ctl/password_command.h"

#define PATIENCE_MAX_SECONDS 3600

static struct {
	size_t begun;			/* maildrops that were worked on */
	unsigned patience_seconds;	/* of the last */
} works;

/* What the rest of restantectl does. Each maildrop's owner stops the work. */
int
ctl_config_read(struct config *config)
{
	*config = (struct config){ .first_uid = 1 };
	return EX_OK;
}

int
ctl_fail(int status, const char *format, ...)
{
	(void)format;
	return status;
}

int
password_command(char password[PASSWORD_SIZE], const char *command, struct error *error)
{
	(void)command;
	(void)error;
	strcpy(password, "secret");
	return 0;
}

int
target_work(const struct config *config, const struct target *target, const struct target_job *job,
    struct error *error)
{
	(void)config;
	(void)target;
	works.begun++;
	works.patience_seconds = job->patience_seconds;
	error_set(error, ERROR_TEMPORARY, "its process was killed");
	return 1;
}

int
target_tree(const char *directory, target_visitor visit, void *context)
{
	const struct target target = { .name = directory, .place = "maildir:/nowhere" };
	int result = visit(context, &target, NULL);

	return result != 0 ? result : visit(context, &target, NULL);
}

int
target_all_users(const struct config *config, target_visitor visit, void *context)
{
	(void)config;
	return target_tree("all", visit, context);
}

int
target_of_word(const struct config *config, const char *word, target_visitor visit, void *context)
{
	const struct target target = { .name = word, .place = "maildir:/nowhere" };

	(void)config;
	return visit(context, &target, NULL);
}

int
target_status(const struct error *error)
{
	return error->kind == ERROR_TEMPORARY ? EX_TEMPFAIL : EX_SOFTWARE;
}

void
target_clean(char *text)
{
	(void)text;
}

void
target_print(const char *text)
{
	(void)text;
}

static void
test_patience(void **state)
{
	static const struct {
		int (*run)(int argc, char **argv);
		char *arguments[8];
		size_t begun;
	} cases[] = {
		{ ctl_import_uidl, { "import-uidl", "--format", "%u", "--tree", "/srv" }, 2 },
		{ ctl_verify_uidl, { "verify-uidl", "--host", "127.0.0.1", "--user", "anna",
			"--password-command", "true" }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *arguments[8];
		int count = 0;

		memcpy(arguments, cases[i].arguments, sizeof(arguments));
		while (arguments[count] != NULL)
			count++;
		memset(&works, 0, sizeof(works));
		assert_int_equal(cases[i].run(count, arguments), EX_TEMPFAIL);
		assert_int_equal(works.begun, cases[i].begun);
		assert_in_range(works.patience_seconds, 1, PATIENCE_MAX_SECONDS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
