/*
 * The walk through a tree whose parts belong to others: each Maildir is found, and nothing that
 * somebody makes of his part, or does to it meanwhile, ends the walk.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "ctl/ctl.h"
#include "ctl/migration.h"

#define DEEP 300

static char root[] = "/tmp/target_tree_test_XXXXXX";

struct visits {
	const char *end_at;	/* the visitor ends the walk there */
	void (*meanwhile)(void);
	char found[4096];	/* names of Maildirs below the root, in order, a blank behind each */
	char told[4096];	/* errors */
};

/* What the rest of restantectl does. */
int
ctl_fail(int status, const char *format, ...)
{
	(void)format;
	return status;
}

int
target_of_directory(const char *name, const char *path, const struct stat *status,
    target_visitor visit, void *context)
{
	const struct target target = { .name = name, .uid = status->st_uid };

	assert_string_equal(name, path);
	assert_int_equal(status->st_uid, geteuid());
	return visit(context, &target, NULL);
}

static const char *
inside(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void
directories_make(const char *names[])
{
	for (; *names != NULL; names++)
		assert_int_equal(mkdir(inside(*names), 0700), 0);
}

/* Also what is too deep for a path. */
static void
directory_empty(int directory)
{
	DIR *stream = fdopendir(directory);
	const struct dirent *entry;

	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(directory, entry->d_name, 0) != 0) {
			directory_empty(openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
			assert_int_equal(unlinkat(directory, entry->d_name, AT_REMOVEDIR), 0);
		}
	}
	closedir(stream);
}

static int
setup(void **state)
{
	(void)state;
	directory_empty(open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	return 0;
}

static int
visit(void *context, const struct target *target, const struct error *error)
{
	struct visits *visits = context;
	const char *name = target->name + strlen(root);
	char *text = error != NULL ? visits->told : visits->found;
	size_t used = strlen(text);

	snprintf(text + used, 4096 - used, error != NULL ? "%.20s: %s\n" : "%s ", name + (name[0] == '/'),
	    error != NULL ? error->text : "");
	if (visits->meanwhile != NULL)
		visits->meanwhile();
	return visits->end_at != NULL && strcmp(visits->end_at, name + 1) == 0 ? 7 : 0;
}

static bool
found(const struct visits *visits, const char *name)
{
	char text[64];

	snprintf(text, sizeof(text), "%s ", name);
	return strstr(visits->found, text) != NULL;
}

static void
test_maildirs_are_found(void **state)
{
	static const char *names[] = { "a", "a/Maildir", "a/Maildir/new", "a/Maildir/cur",
		"a/Maildir/.Sent", "a/Maildir/.Sent/new", "a/Maildir/.Sent/cur", "b", "b/c", "b/c/new",
		"b/c/cur", "d", "d/new", "e", NULL };
	struct visits visits = { .end_at = NULL };

	(void)state;
	directories_make(names);
	assert_int_equal(symlink("../a/Maildir", inside("e/link")), 0);
	assert_int_equal(symlink("../..", inside("e/up")), 0);
	assert_int_equal(mkfifo(inside("e/pipe"), 0600), 0);
	assert_int_equal(target_tree(root, visit, &visits), 0);
	assert_true(found(&visits, "a/Maildir") && found(&visits, "b/c"));
	assert_int_equal(strlen(visits.found), strlen("a/Maildir b/c "));
	assert_string_equal(visits.told, "");
	/* The directory itself. */
	memset(&visits, 0, sizeof(visits));
	assert_int_equal(target_tree(inside("b/c"), visit, &visits), 0);
	assert_string_equal(visits.found, "b/c ");
	visits = (struct visits){ .end_at = "b/c" };
	assert_int_equal(target_tree(root, visit, &visits), 7);
	assert_int_equal(target_tree(inside("e/link"), visit, &visits), 66);
	assert_int_equal(target_tree(inside("nothing"), visit, &visits), 66);
}

static void
test_what_is_too_deep(void **state)
{
	static const char *names[] = { "a", "z", "z/new", "z/cur", "long", NULL };
	struct visits visits = { .end_at = NULL };
	char name[201];
	int directory;

	(void)state;
	directories_make(names);
	directory = open(inside("a"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEEP; i++) {
		int next;

		assert_int_equal(mkdirat(directory, "d", 0700), 0);
		next = openat(directory, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(directory);
		directory = next;
	}
	close(directory);
	directory = open(inside("long"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 10; i++) {
		int next;

		assert_int_equal(mkdirat(directory, name, 0700), 0);
		next = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(directory);
		directory = next;
	}
	close(directory);
	assert_int_equal(target_tree(root, visit, &visits), 0);
	assert_string_equal(visits.found, "z ");
	assert_non_null(strstr(visits.told, "a/d/d/d/d/d/d/d/d/d/: too deep"));
	assert_non_null(strstr(visits.told, "long/xxxxxxxxxxxxxxx: a directory in it has too long a path"));
	assert_null(strchr(strchr(strchr(visits.told, '\n') + 1, '\n') + 1, '\n'));
}

/* All that is empty: it was met already when the first Maildir is visited. */
static void
others_remove(void)
{
	char name[16];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		rmdir(inside(name));
	}
}

static void
test_what_goes_meanwhile(void **state)
{
	struct visits visits = { .meanwhile = others_remove };
	char name[16];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(mkdir(inside(name), 0700), 0);
		snprintf(name, sizeof(name), "m%d", i);
		assert_int_equal(mkdir(inside(name), 0700), 0);
		snprintf(name, sizeof(name), "m%d/new", i);
		assert_int_equal(mkdir(inside(name), 0700), 0);
		snprintf(name, sizeof(name), "m%d/cur", i);
		assert_int_equal(mkdir(inside(name), 0700), 0);
	}
	assert_int_equal(target_tree(root, visit, &visits), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		assert_true(found(&visits, name));
	}
	assert_string_equal(visits.told, "");
}

/* Root reads everything, but for another's FUSE. */
static void
test_what_cannot_be_read(void **state)
{
	static const char *names[] = { "a", "b", "b/new", "b/cur", NULL };
	struct visits visits = { .end_at = NULL };

	(void)state;
	if (geteuid() == 0)
		skip();
	directories_make(names);
	assert_int_equal(chmod(inside("a"), 0), 0);
	assert_int_equal(target_tree(root, visit, &visits), 0);
	chmod(inside("a"), 0700);
	assert_string_equal(visits.found, "b ");
	assert_string_equal(visits.told, "a: cannot be read: Permission denied\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_maildirs_are_found, setup),
		cmocka_unit_test_setup(test_what_is_too_deep, setup),
		cmocka_unit_test_setup(test_what_goes_meanwhile, setup),
		cmocka_unit_test_setup(test_what_cannot_be_read, setup),
	};
	int result;

	if (mkdtemp(root) == NULL)
		return 1;
	result = cmocka_run_group_tests(tests, NULL, NULL);
	setup(NULL);
	rmdir(root);
	return result;
}
