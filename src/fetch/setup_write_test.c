/* Sections that are written, read again; and files that get one more, or stay as they are. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "fetch/setup_write.h"

static char directory[] = "/tmp/setup_test_XXXXXX";
static char path[PATH_SIZE];

static const char *const values[] = {
	"plain",
	"pass show mail/home",
	"it's",
	"\"quoted\"",
	"back\\slash",
	"a \\' b",
	"${HOME} $HOME",
	"a # b // c /* d */",
	"{(,)}=+*",
	"printf '%s\\n' \"${X}\"",
	"\303\274ber",
	"//x",
	"/x",
	"a//b",
	"~/x",
};

static void
section_of(char text[SECTION_SIZE], const char *name, const char *command)
{
	const struct setting settings[] = {
		{ "server", "pop.example.org:995" },
		{ "user", "anna@example.org" },
		{ "pin", "" },
		{ "password_command", command },
		{ .key = NULL },
	};
	struct error error;

	assert_int_equal(section_write(text, name, settings, &error), 0);
}

static void
text_read(char text[4096])
{
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, 4095, file)] = '\0';
	fclose(file);
}

/* A new file, in directories that are not there; then each of the values once. */
static void
test_round_trip(void **state)
{
	char text[SECTION_SIZE], name[16];
	struct accounts accounts;
	struct error error;
	struct stat status;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(name, sizeof(name), "a%zu", i);
		section_of(text, name, values[i]);
		if (section_append(path, text, &error) != 0)
			fail_msg("%s: %s", values[i], error.text);
	}
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(accounts_read(&accounts, path, NULL, 0, &error), 0);
	assert_int_equal(accounts.count, sizeof(values) / sizeof(values[0]));
	for (size_t i = 0; i < accounts.count; i++) {
		assert_string_equal(accounts.all[i].secret_value, values[i]);
		assert_string_equal(accounts.all[i].host, "pop.example.org");
		assert_string_equal(accounts.all[i].user, "anna@example.org");
	}
	accounts_free(&accounts);
}

static void
test_text(void **state)
{
	char text[SECTION_SIZE];

	(void)state;
	section_of(text, "a", "pass it");
	assert_string_equal(text, "account \"a\" {\n\tserver = pop.example.org:995\n\tuser = anna@example.org\n"
				  "\tpassword_command = 'pass it'\n}\n");
}

/* What is there stays, in its mode and to the last octet, whatever its last line ends with. */
static void
test_append(void **state)
{
	char text[SECTION_SIZE], expected[SECTION_SIZE + 64], found[4096];
	struct error error;
	struct stat status;
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	fputs("# mine\nparallel = 2 # no end", file);
	fclose(file);
	chmod(path, 0644);
	section_of(text, "a", "x");
	assert_int_equal(section_append(path, text, &error), 0);
	snprintf(expected, sizeof(expected), "# mine\nparallel = 2 # no end\n\n%s", text);
	text_read(found);
	assert_string_equal(found, expected);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	/* The same name again. */
	assert_int_equal(section_append(path, text, &error), -1);
	assert_non_null(strstr(error.text, "config would be wrong:"));
	assert_non_null(strstr(error.text, "there is a section with the title `a` already"));
	text_read(found);
	assert_string_equal(found, expected);
}

/* A file that is wrong already gets nothing more. */
static void
test_wrong(void **state)
{
	char text[SECTION_SIZE], found[4096];
	struct error error;
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	fputs("paralel = 2\n", file);
	fclose(file);
	section_of(text, "a", "x");
	assert_int_equal(section_append(path, text, &error), -1);
	assert_non_null(strstr(error.text, "did you mean `parallel`?"));
	text_read(found);
	assert_string_equal(found, "paralel = 2\n");
}

/* cmocka does not count what a teardown finds. */
static int
clean(void)
{
	char inner[PATH_SIZE];

	unlink(path);
	snprintf(inner, sizeof(inner), "%s/a/b", directory);
	/* Nothing else is left beside the file. */
	if (rmdir(inner) != 0)
		return 1;
	*strrchr(inner, '/') = '\0';
	return rmdir(inner) != 0 ? 1 : rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_wrong),
	};
	int failed;

	if (mkdtemp(directory) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/a/b/config", directory);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return clean() != 0 ? 1 : failed;
}
