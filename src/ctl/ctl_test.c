/*
 * restantectl without a server: what it prints, its exit statuses, and that its manual has a
 * paragraph for every subcommand. Arguments: restantectl, restantectl.8.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const char *restantectl, *manual;
static char directory[] = "/tmp/ctl_test_XXXXXX";
static char output[32768];

static const char *
configuration(const char *text)
{
	static char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/conf", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "run_directory = %s\n%s", directory, text);
	assert_int_equal(fclose(file), 0);
	return path;
}

/* Runs it with the arguments (at most five); output[] gets what it prints, the status is returned. */
static int
run(const char *config, const char *const arguments[])
{
	const char *argv[10] = { restantectl, "-c", config };
	int ends[2], status, count = 3;
	size_t used = 0;
	ssize_t length;
	pid_t pid;

	for (size_t i = 0; arguments[i] != NULL; i++)
		argv[count++] = arguments[i];
	argv[count] = NULL;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		execv(restantectl, (char *const *)argv);
		_exit(127);
	}
	close(ends[1]);
	while ((length = read(ends[0], output + used, sizeof(output) - 1 - used)) > 0)
		used += (size_t)length;
	output[used] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_statuses(void **state)
{
	static const struct {
		const char *arguments[4];
		int status;
		const char *says;
	} cases[] = {
		{ { "status" }, 69, "the server is not running: nobody answers at " },
		{ { "who" }, 69, "the server is not running" },
		{ { "kick", "anna" }, 69, "the server is not running" },
		{ { "reload" }, 69, "the server is not running" },
		{ { "-s", "/nonexistent/x", "status" }, 69, "nobody answers at /nonexistent/x" },
		{ { "status", "x" }, 64, "usage: restantectl status" },
		{ { "kick" }, 64, "usage: restantectl kick user | session" },
		{ { "statsu" }, 64, "unknown command `statsu`" },
		{ { NULL }, 64, "usage: restantectl" },
		{ { "--help" }, 0, "usage: restantectl" },
		{ { "--version" }, 0, "restantectl " },
	};
	const char *config = configuration("");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(run(config, cases[i].arguments), cases[i].status);
		if (strstr(output, cases[i].says) == NULL)
			fail_msg("%s is not in: %s", cases[i].says, output);
	}
}

static void
test_config_shows_origins(void **state)
{
	static const char *const arguments[] = { "config", NULL };
	const char *config =
	    configuration("idle_timeout_seconds = 900\nlistener a { port = 1110 }\n");
	char line[512];

	(void)state;
	assert_int_equal(run(config, arguments), 0);
	snprintf(line, sizeof(line), "# %s:2\n", config);
	assert_non_null(strstr(output, "idle_timeout_seconds = 900 "));
	assert_non_null(strstr(output, line));
	assert_non_null(strstr(output, "login_timeout_seconds = 180"));
	assert_non_null(strstr(output, "# default\n"));
	assert_non_null(strstr(output, "listener a {"));
	assert_non_null(strstr(output, "\tport = 1110\n"));
	config = configuration("idle_timeout_seconds = 9\n");
	assert_int_equal(run(config, arguments), 78);
	assert_non_null(strstr(output, "conf:2: idle_timeout_seconds = 9 is out of range"));
}

static void
test_manual(void **state)
{
	static const char *const arguments[] = { "--help", NULL };
	static const char *const users[] = { "add", "passwd", "delete", "list", "check" };
	static char page[65536];
	FILE *file = fopen(manual, "r");
	char wanted[64];
	char *rest;
	size_t count = 0;

	(void)state;
	assert_non_null(file);
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
	assert_int_equal(run(configuration(""), arguments), 0);
	for (char *line = strtok_r(output, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		/* Two blanks, then the name; options begin with a dash, explanations stand deeper. */
		if (strncmp(line, "  ", 2) != 0 || line[2] == ' ' || line[2] == '-')
			continue;
		snprintf(
		    wanted, sizeof(wanted), "\n.It Cm %.*s", (int)strcspn(line + 2, " "), line + 2);
		if (strstr(page, wanted) == NULL)
			fail_msg("no paragraph for%s", wanted + 7);
		count++;
	}
	assert_true(count >= 6);
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		snprintf(wanted, sizeof(wanted), "\n.It Cm user %s", users[i]);
		if (strstr(page, wanted) == NULL)
			fail_msg("no paragraph for%s", wanted + 7);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_config_shows_origins),
		cmocka_unit_test(test_manual),
	};
	char path[256];
	int status;

	if (argc < 3 || mkdtemp(directory) == NULL)
		return 1;
	restantectl = argv[1];
	manual = argv[2];
	status = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(path, sizeof(path), "%s/conf", directory);
	unlink(path);
	rmdir(directory);
	return status;
}
