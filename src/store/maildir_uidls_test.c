/*
 * UIDLs that were taken over: they hold still whatever other programs do, nobody else gets them, a
 * damaged file gives no others, and a second import keeps what is there.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/maildir_import.h"
#include "store/maildir_name.h"
#include "store/maildir_uidls.h"
#include "store/maildir_world.h"

static void
path_make(char path[512], const char *name)
{
	snprintf(path, 512, "%s/%s", world_root, name);
}

static size_t
file_get(const char *name, char *text, size_t size)
{
	char path[512];
	FILE *file;

	path_make(path, name);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	size = fread(text, 1, size - 1, file);
	text[size] = '\0';
	fclose(file);
	return size;
}

static void
file_remove(const char *name)
{
	char path[512];

	path_make(path, name);
	assert_int_equal(unlink(path), 0);
}

/* All UIDLs in order, a blank behind each. */
static const char *
uidls(void)
{
	static char text[2048];
	struct store *store = NULL;
	struct error error = { .kind = ERROR_NONE };
	size_t used = 0;

	text[0] = '\0';
	if (store_open(&store, world_place, &error) != 0)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < store->count; i++) {
		struct message message;

		assert_int_equal(store_message(store, i, &message, &error), 0);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s ",
		    (int)message.uidl_size, message.uidl);
	}
	store_close(store);
	return text;
}

static int
import(const char *list, bool dry_run, struct import_counts *counts, struct error *error)
{
	struct import_source source = { .kind = foreign_kind_find("list"), .text = list,
		.size = strlen(list), .format = "%u", .dry_run = dry_run };

	return maildir_import(world_root, &source, counts, error);
}

static void
assert_import(const char *list, const struct import_counts *wanted)
{
	struct import_counts counts;
	struct error error;

	if (import(list, false, &counts, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(counts.messages, wanted->messages);
	assert_int_equal(counts.taken, wanted->taken);
	assert_int_equal(counts.changed, wanted->changed);
	assert_int_equal(counts.kept, wanted->kept);
	assert_int_equal(counts.without, wanted->without);
	assert_int_equal(counts.dropped, wanted->dropped);
}

static void
test_they_hold_still(void **state)
{
	(void)state;
	world_put("cur/10.a:2,", "a\n");
	world_put("new/20.b", "b\n");
	world_put("cur/30.c,S=2:2,S", "c\n");
	assert_string_equal(uidls(), "10.a 20.b 30.c ");
	assert_import("10.a one\n20.b two\n30.c,S=2 three\n99.gone four\n",
	    &(struct import_counts){ .messages = 3, .taken = 3 });
	assert_false(world_has("restante-index"));
	assert_string_equal(uidls(), "one two three ");
	assert_true(world_has("restante-index"));
	assert_string_equal(uidls(), "one two three ");
	/* Flags, moves, sizes that come and go, new mail, mail that goes. */
	world_move("cur/10.a:2,", "cur/10.a:2,RS");
	world_move("new/20.b", "cur/20.b,S=2,W=3:2,");
	world_move("cur/30.c,S=2:2,S", "cur/30.c:2,S");
	world_put("new/15.d", "d\n");
	assert_string_equal(uidls(), "one 15.d two three ");
	file_remove("cur/10.a:2,RS");
	assert_string_equal(uidls(), "15.d two three ");
	file_remove("restante-index");
	assert_string_equal(uidls(), "15.d two three ");
}

static void
test_a_dry_run_changes_nothing(void **state)
{
	struct import_counts counts;
	struct error error;

	(void)state;
	world_put("cur/10.a:2,", "a\n");
	world_put("cur/20.b:2,", "b\n");
	assert_string_equal(uidls(), "10.a 20.b ");
	assert_int_equal(import("10.a one\n", true, &counts, &error), 0);
	assert_int_equal(counts.taken, 1);
	assert_int_equal(counts.without, 1);
	assert_false(world_has("restante-uidls"));
	assert_true(world_has("restante-index"));
	assert_string_equal(uidls(), "10.a 20.b ");
}

static void
test_a_second_import(void **state)
{
	(void)state;
	world_put("cur/10.a:2,", "a\n");
	world_put("cur/20.b:2,", "b\n");
	world_put("cur/30.c:2,", "c\n");
	world_put("cur/40.d:2,", "d\n");
	assert_import("10.a one\n20.b two\n30.c three\n",
	    &(struct import_counts){ .messages = 4, .taken = 3, .without = 1 });
	assert_string_equal(uidls(), "one two three 40.d ");
	assert_import("10.a one\n20.b two\n30.c three\n",
	    &(struct import_counts){ .messages = 4, .kept = 3, .without = 1 });
	file_remove("cur/30.c:2,");
	/* The first is the same, the second another, the third gone, the fourth new. */
	assert_import("20.b zwei\n40.d four\n",
	    &(struct import_counts){ .messages = 3, .taken = 1, .changed = 1, .kept = 1, .dropped = 1 });
	assert_string_equal(uidls(), "one zwei four ");
}

/* A message without one never gets what another has, or had before it went. */
static void
test_nobody_else_gets_one(void **state)
{
	char digest[UIDL_SIZE], list[256], wanted[256];

	(void)state;
	maildir_name_digest("20.b", 4, 0, digest);
	world_put("cur/10.a:2,", "a\n");
	world_put("cur/20.b:2,", "b\n");
	assert_import("10.a 20.b\n", &(struct import_counts){ .messages = 2, .taken = 1, .without = 1 });
	snprintf(wanted, sizeof(wanted), "20.b %s ", digest);
	assert_string_equal(uidls(), wanted);
	world_put("new/30.c", "c\n");
	snprintf(wanted, sizeof(wanted), "20.b %s 30.c ", digest);
	assert_string_equal(uidls(), wanted);
	/* The one that had it has gone; it is remembered for as long as somebody could inherit it. */
	file_remove("cur/10.a:2,");
	snprintf(wanted, sizeof(wanted), "%s 30.c ", digest);
	assert_string_equal(uidls(), wanted);
	assert_import("30.c three\n", &(struct import_counts){ .messages = 2, .taken = 1, .without = 1 });
	snprintf(wanted, sizeof(wanted), "%s three ", digest);
	assert_string_equal(uidls(), wanted);
	/* Not even the digest can be had twice. */
	world_begin(NULL);
	world_put("cur/10.a:2,", "a\n");
	world_put("cur/15.z:2,", "z\n");
	world_put("cur/20.b:2,", "b\n");
	snprintf(list, sizeof(list), "10.a %s\n15.z 20.b\n", digest);
	assert_import(list, &(struct import_counts){ .messages = 3, .taken = 2, .without = 1 });
	snprintf(wanted, sizeof(wanted), "%s 20.b ", digest);
	assert_memory_equal(uidls(), wanted, strlen(wanted));
	assert_int_equal(strlen(uidls()), strlen(wanted) + 64 + 1);
	assert_null(strstr(uidls() + strlen(wanted), digest));
}

/* Two files that could be meant: neither has it for sure. */
static void
test_doubled_names(void **state)
{
	const char *all;

	(void)state;
	world_put("cur/10.a:2,", "a\n");
	assert_import("10.a one\n", &(struct import_counts){ .messages = 1, .taken = 1 });
	world_put("new/10.a", "another\n");
	all = uidls();
	assert_null(strstr(all, "one"));
	assert_int_equal(strlen(all), 2 * 65);
	/* Which of them it was nobody knows any more: neither has it afterwards. */
	file_remove("new/10.a");
	assert_int_equal(strlen(uidls()), 65);
	/* With another size it is another file: the name as it stands in the list goes first. */
	world_begin(NULL);
	world_put("cur/10.a:2,", "a\n");
	assert_import("10.a one\n", &(struct import_counts){ .messages = 1, .taken = 1 });
	world_put("new/10.a,S=8", "another\n");
	all = uidls();
	assert_memory_equal(all, "one ", 4);
	assert_int_equal(strlen(all), 4 + 65);
}

/* In new/ and cur/ with one name that cannot be a UIDL: each keeps what it was given. */
static void
test_twins_hold_still(void **state)
{
	char name[100], path[128], all[256];

	(void)state;
	snprintf(name, sizeof(name), "10.%080d", 0);
	snprintf(path, sizeof(path), "cur/%s:2,S", name);
	world_put(path, "a\n");
	assert_int_equal(strlen(uidls()), 65);
	snprintf(path, sizeof(path), "new/%s", name);
	world_put(path, "another\n");
	snprintf(all, sizeof(all), "%s", uidls());
	assert_int_equal(strlen(all), 2 * 65);
	/* Once more, and with the directories read again. */
	assert_string_equal(uidls(), all);
	world_put("new/20.b", "b\n");
	strcat(all, "20.b ");
	assert_string_equal(uidls(), all);
}

/*
 * A second file that could be meant came later, and has a UIDL of its own. It keeps that when the
 * first has gone: clients know "one" as the first, and would never fetch the second.
 */
static void
test_a_twin_inherits_nothing(void **state)
{
	static const char *const twins[][2] = {
		{ "10.a,S=2", "10.a,S=8" },
		{ "10.a,S=2", "10.a" },
		{ "10.a", "10.a,S=8" },
		{ "10.a", "10.a" },
	};
	char list[64], first[64], second[64], wanted[128];
	const char *all;

	(void)state;
	for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
		world_begin(NULL);
		snprintf(first, sizeof(first), "cur/%s:2,S", twins[i][0]);
		snprintf(second, sizeof(second), "new/%s", twins[i][1]);
		snprintf(list, sizeof(list), "%s one\n", twins[i][0]);
		world_put(first, "a\n");
		assert_import(list, &(struct import_counts){ .messages = 1, .taken = 1 });
		assert_string_equal(uidls(), "one ");
		world_put(second, "another\n");
		all = uidls();
		assert_int_equal(strlen(all), 4 + 65);
		assert_non_null(strstr(all, "one "));
		snprintf(wanted, sizeof(wanted), "%.65s", strncmp(all, "one ", 4) == 0 ? all + 4 : all);
		file_remove(first);
		for (int sessions = 0; sessions < 3; sessions++)
			assert_string_equal(uidls(), wanted);
		world_put("new/20.b", "b\n");
		strcat(wanted, "20.b ");
		assert_string_equal(uidls(), wanted);
	}
}

/* What an index from before the import says of twins is not kept: the import names the files. */
static void
test_twins_before_the_import(void **state)
{
	struct import_counts counts;
	struct store *store;
	struct error error;

	(void)state;
	world_put("cur/10.a,S=2:2,", "a\n");
	world_put("cur/10.a,S=8:2,", "another\n");
	usleep(150000);	/* so that an index of it will be believed */
	assert_int_equal(store_open(&store, world_place, &error), 0);
	store_release(store);
	assert_int_equal(import("10.a,S=2 one\n10.a,S=8 two\n", false, &counts, &error), 0);
	store_close(store);
	assert_true(world_has("restante-index"));
	assert_string_equal(uidls(), "one two ");
}

static void
assert_refused(const char *what)
{
	struct store *store = NULL;
	struct error error;

	if (store_open(&store, world_place, &error) == 0)
		fail_msg("%s: it was opened", what);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_non_null(strstr(error.text, "restante-uidls"));
}

/* Any octet that is changed, any cut: no session, and no import over it. */
static void
test_damage(void **state)
{
	static char text[512], changed[512];
	struct import_counts counts;
	struct error error;
	char path[512];
	size_t size;

	(void)state;
	world_put("cur/10.a:2,", "a\n");
	world_put("cur/20.b:2,", "b\n");
	assert_import("10.a one\n20.b two\n", &(struct import_counts){ .messages = 2, .taken = 2 });
	size = file_get("restante-uidls", text, sizeof(text));
	assert_true(size > 40);
	for (size_t i = 0; i < size; i++) {
		struct uidl_table table;

		memcpy(changed, text, size + 1);
		changed[i] ^= 1;
		if (maildir_uidls_parse(&table, changed, size, &error) == 0)
			fail_msg("octet %zu", i);
		if (maildir_uidls_parse(&table, text, i, &error) == 0)
			fail_msg("cut to %zu", i);
	}
	assert_string_equal(uidls(), "one two ");
	/* With the index it goes unnoticed for as long as nothing changes. */
	text[20] ^= 1;
	world_put("restante-uidls", text);
	world_put("new/30.c", "c\n");
	assert_refused("a changed octet");
	assert_int_equal(import("10.a one\n", false, &counts, &error), -1);
	world_put("restante-uidls", "");
	assert_refused("an empty file");
	world_put("restante-uidls", "restante-uidls 2\nend 0 0\n");
	assert_refused("a version to come");
	assert_int_equal(import("10.a one\n", false, &counts, &error), -1);
	file_remove("restante-uidls");
	path_make(path, "restante-uidls");
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_refused("a symbolic link");
	file_remove("restante-uidls");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused("a pipe");
	file_remove("restante-uidls");
	assert_import("10.a one\n20.b two\n",
	    &(struct import_counts){ .messages = 3, .taken = 2, .without = 1 });
	assert_string_equal(uidls(), "one two 30.c ");
}

static void
test_refusals(void **state)
{
	static const char long_uidl[] = "10.a 12345678901234567890123456789012345678901234567890"
	                                "123456789012345678901\n";
	static const struct {
		const char *list, *says;
		enum error_kind kind;
	} lists[] = {
		{ "10.a one\n20.b one\n", "10.a and 20.b both have the UIDL one", ERROR_PERMANENT },
		{ "10.a \xe4\n20.b two\n", "10.a has the UIDL \"\xe4\", which is not", ERROR_PERMANENT },
		{ long_uidl, "10.a has the UIDL \"1234", ERROR_PERMANENT },
		{ "10.a\n", "the list: line 1: ", ERROR_PERMANENT },
	};
	struct import_counts counts;
	struct error error;
	char path[512];
	int lock;

	(void)state;
	world_put("cur/10.a:2,", "a\n");
	world_put("cur/20.b:2,", "b\n");
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		assert_int_equal(import(lists[i].list, false, &counts, &error), -1);
		assert_int_equal(error.kind, lists[i].kind);
		if (strstr(error.text, lists[i].says) == NULL)
			fail_msg("%s", error.text);
		assert_false(world_has("restante-uidls"));
	}
	/* What is wrong with messages that are gone does not matter. */
	assert_int_equal(import("10.a one\n30.c one\n31.d \x01\n", true, &counts, &error), 0);
	lock = open(world_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(import("10.a one\n", false, &counts, &error), -1);
	assert_int_equal(error.kind, ERROR_BUSY);
	close(lock);
	assert_int_equal(maildir_import("/nonexistent/x", &(struct import_source){ .format = "" }, &counts,
	                     &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	snprintf(path, sizeof(path), "%s/link", world_root);
	assert_int_equal(symlink(world_root, path), 0);
	assert_int_equal(maildir_import(path, &(struct import_source){ .format = "" }, &counts, &error), -1);
	assert_non_null(strstr(error.text, "symbolic link"));
}

/* Which list it is shows by its name; links inside the Maildir lead nowhere. */
static void
test_lists_in_the_maildir(void **state)
{
	struct import_source source = { .format = "%v-%u" };
	struct import_counts counts;
	struct error error;
	char path[512];

	(void)state;
	world_put("cur/10.a:2,", "a\n");
	assert_int_equal(maildir_import(world_root, &source, &counts, &error), -1);
	assert_non_null(strstr(error.text, "no list"));
	world_put("dovecot-uidlist", "3 V77 N9\n5 :10.a:2,\n");
	assert_int_equal(maildir_import(world_root, &source, &counts, &error), 0);
	assert_string_equal(counts.kind->word, "dovecot");
	assert_string_equal(uidls(), "77-5 ");
	world_put("courierpop3dsizelist", "/3 5 6\n10.a 3 4:6:0\n");
	assert_int_equal(maildir_import(world_root, &source, &counts, &error), -1);
	assert_non_null(strstr(error.text, "both dovecot-uidlist and courierpop3dsizelist"));
	source.kind = foreign_kind_find("courier");
	assert_int_equal(maildir_import(world_root, &source, &counts, &error), 0);
	assert_int_equal(counts.changed, 1);
	assert_string_equal(uidls(), "UID4-6 ");
	world_move("courierpop3dsizelist", "elsewhere");
	path_make(path, "courierpop3dsizelist");
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(maildir_import(world_root, &source, &counts, &error), -1);
	world_put("dovecot-uidlist", "3 V77\n");
	source.kind = foreign_kind_find("dovecot");
	assert_int_equal(maildir_import(world_root, &source, &counts, &error), -1);
	assert_non_null(strstr(error.text, "dovecot-uidlist: line 1: "));
	assert_string_equal(uidls(), "UID4-6 ");
}

/* A link is found before anything is written: the maildrop is left as it was. */
static void
test_directories_that_are_links(void **state)
{
	static const char *const names[] = { "new", "cur" };

	for (size_t i = 0; i < 2; i++) {
		struct import_counts counts = { 0 };
		struct error error;
		char path[512], text[128];

		world_begin(state);
		world_put("cur/10.a:2,", "a\n");
		world_put("new/20.b", "b\n");
		assert_string_equal(uidls(), "10.a 20.b ");
		world_move(names[i], "elsewhere");
		path_make(path, names[i]);
		assert_int_equal(symlink("elsewhere", path), 0);
		snprintf(text, sizeof(text), "%s is no directory; a symbolic link is not followed", names[i]);
		assert_int_equal(import("10.a one\n20.b two\n", false, &counts, &error), -1);
		assert_int_equal(error.kind, ERROR_PERMANENT);
		assert_string_equal(error.text, text);
		assert_false(counts.written);
		assert_false(world_has("restante-uidls"));
		assert_true(world_has("restante-index"));
		/* A session follows it. */
		assert_string_equal(uidls(), "10.a 20.b ");
	}
}

/* A session that ends while the import begins writes its index behind it. */
static void
test_an_index_that_comes_late(void **state)
{
	struct import_counts counts;
	struct store *store;
	struct error error;

	(void)state;
	world_put("cur/10.a:2,", "a\n");
	usleep(150000);	/* so that an index of it will be believed */
	assert_int_equal(store_open(&store, world_place, &error), 0);
	store_release(store);
	assert_int_equal(import("10.a one\n", false, &counts, &error), 0);
	store_close(store);
	assert_true(world_has("restante-index"));
	assert_string_equal(uidls(), "one ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_they_hold_still, world_begin),
		cmocka_unit_test_setup(test_a_dry_run_changes_nothing, world_begin),
		cmocka_unit_test_setup(test_a_second_import, world_begin),
		cmocka_unit_test_setup(test_nobody_else_gets_one, world_begin),
		cmocka_unit_test_setup(test_doubled_names, world_begin),
		cmocka_unit_test_setup(test_twins_hold_still, world_begin),
		cmocka_unit_test_setup(test_a_twin_inherits_nothing, world_begin),
		cmocka_unit_test_setup(test_twins_before_the_import, world_begin),
		cmocka_unit_test_setup(test_damage, world_begin),
		cmocka_unit_test_setup(test_refusals, world_begin),
		cmocka_unit_test_setup(test_lists_in_the_maildir, world_begin),
		cmocka_unit_test_setup(test_directories_that_are_links, world_begin),
		cmocka_unit_test_setup(test_an_index_that_comes_late, world_begin),
	};
	int status;

	status = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return status;
}
