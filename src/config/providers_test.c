/*
 * Providers: one's own before those installed; what is wrong in a file; and the file that is installed, which
 * is the first argument.
 */

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

#include "config/providers.h"

static char directory[] = "/tmp/providers_test_XXXXXX";
static char path[PATH_SIZE];
static const char *installed_path;
static struct providers providers;

static void
text_put(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
test_find(void **state)
{
	struct error error;

	(void)state;
	providers.count = 0;
	text_put("provider a {\ntoken_url = \"https://one\"\ndomains = \"a.org b.org\"\n}\n"
		 "provider b {\ntoken_url = \"https://two\"\ndomains = \"B.org\"\nserver = pop.b.org\n}\n");
	assert_int_equal(providers_load(&providers, &error), 0);
	assert_string_equal(providers_find(&providers, "b")->token_url, "https://two");
	assert_null(providers_find(&providers, "c"));
	assert_string_equal(providers_of_domain(&providers, "A.ORG")->name, "a");
	assert_string_equal(providers_of_domain(&providers, "b.org")->name, "a");
	assert_null(providers_of_domain(&providers, "org"));
	/* The same name from two files: the first one counts. */
	text_put("provider a {\ntoken_url = \"https://three\"\n}\nprovider c {\n}\n");
	assert_int_equal(providers_read(&providers, path, &error), 0);
	assert_string_equal(providers_find(&providers, "a")->token_url, "https://one");
	assert_non_null(providers_find(&providers, "c"));
}

static void
test_bad(void **state)
{
	struct error error;
	char expected[PATH_SIZE + 128];

	(void)state;
	text_put("provider a {\ntokenurl = x\n}\n");
	assert_int_equal(providers_load(&providers, &error), -1);
	snprintf(expected, sizeof(expected), "%s:2: unknown key `tokenurl`; did you mean `token_url`?", path);
	assert_string_equal(error.text, expected);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	unlink(path);
	assert_int_equal(providers_read(&providers, path, &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	assert_int_equal(providers_load(&providers, &error), 0);
}

/* What people will rely on: names, addresses that are protected, a word where there is no device login. */
static void
test_installed(void **state)
{
	static const char *const names[] = { "microsoft", "google", "yahoo" };
	struct error error;

	(void)state;
	providers.count = 0;
	if (providers_read(&providers, installed_path, &error) != 0)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(providers_find(&providers, names[i]));
	for (size_t i = 0; i < providers.count; i++) {
		const struct provider *provider = &providers.all[i];

		assert_memory_equal(provider->token_url, "https://", 8);
		assert_true(provider->device_url[0] != '\0' ? strncmp(provider->device_url, "https://", 8) == 0
							    : strstr(provider->note, "--refresh-token") != NULL);
		assert_true(provider->scope[0] != '\0' && provider->domains[0] != '\0' && provider->server[0] != '\0');
	}
}

/* cmocka does not count what a teardown finds. */
static int
clean(void)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	return rmdir(path) != 0 ? 1 : rmdir(directory);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_installed),
	};
	int failed;

	if (argc != 2 || mkdtemp(directory) == NULL)
		return 1;
	installed_path = argv[1];
	snprintf(path, sizeof(path), "%s/restante", directory);
	if (mkdir(path, 0700) != 0)
		return 1;
	snprintf(path, sizeof(path), "%s/restante/providers.conf", directory);
	setenv("XDG_CONFIG_HOME", directory, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return clean() != 0 ? 1 : failed;
}
