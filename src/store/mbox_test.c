/*
 * mboxes in a private directory: what is a message, what is handed out of it, and what other
 * programs may do with the file before and during a session.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "mail/wire.h"
#include "store/mbox_world.h"

#define MESSAGES_MAX 4
#define A ENVELOPE "Subject: a\n\nalpha\n\n"
#define B ENVELOPE "Subject: b\n\nbeta\n\n"
#define C ENVELOPE "Subject: c\n\ngamma\n\n"
#define TEXT_A "Subject: a\n\nalpha\n"
#define TEXT_B "Subject: b\n\nbeta\n"
#define TEXT_C "Subject: c\n\ngamma\n"

static const struct {
	const char *name, *mbox, *texts[MESSAGES_MAX + 1];
} cases[] = {
	{ "empty", "", { NULL } },
	{ "empty lines only", "\n\n", { NULL } },
	{ "two", A B, { TEXT_A, TEXT_B } },
	{ "CRLF", "From a Fri Jul  8 12:08:34 2011\r\nSubject: a\r\n\r\nalpha\r\n\r\n" B,
	    { "Subject: a\r\n\r\nalpha\r\n", TEXT_B } },
	{ "no final newline", A ENVELOPE "Subject: b\n\nbeta", { TEXT_A, "Subject: b\n\nbeta" } },
	{ "no empty line at the end", A ENVELOPE "Subject: b\n\nbeta\n", { TEXT_A, TEXT_B } },
	{ "no empty line between", ENVELOPE "Subject: a\n\nalpha\n" B, { TEXT_A, TEXT_B } },
	{ "two empty lines between", ENVELOPE "Subject: a\n\nalpha\n\n\n" B,
	    { "Subject: a\n\nalpha\n\n", TEXT_B } },
	{ "empty lines in the body", ENVELOPE "a: b\n\n\n\nx\n\n\ny\n\n" B, { "a: b\n\n\n\nx\n\n\ny\n", TEXT_B } },
	{ "header alone", ENVELOPE "Subject: a\n" B, { "Subject: a\n", TEXT_B } },
	{ "empty body", ENVELOPE "Subject: a\n\n" B, { "Subject: a\n\n", TEXT_B } },
	{ "empty body and its empty line", ENVELOPE "Subject: a\n\n\n" B, { "Subject: a\n\n", TEXT_B } },
	{ "nothing but the From line", ENVELOPE B, { "", TEXT_B } },
	{ "From in a body", ENVELOPE "a: b\n\nFrom here on\n\nFrom there\n\n" B,
	    { "a: b\n\nFrom here on\n\nFrom there\n", TEXT_B } },
	{ "From in a header", ENVELOPE "From: anna\nFrom anna\n\nx\n\n", { "From: anna\nFrom anna\n\nx\n" } },
	{ "quoted", ENVELOPE "a: b\n\n>" ENVELOPE ">>From x\n\n" B,
	    { "a: b\n\n>" ENVELOPE ">>From x\n", TEXT_B } },
	{ "garbage before", "junk\n\nmore\n" A, { TEXT_A } },
	{ "a false Content-Length", ENVELOPE "Content-Length: 200\nSubject: a\n\nalpha\n\n" B,
	    { TEXT_A, TEXT_B } },
	{ "notes of others", ENVELOPE "Status: RO\nSubject: a\nX-UID: 5\nX-Keywords: a\n b\n\tc\n"
	    "X-Status: A\nTo: x\n y\n\nStatus: body\n\n" B,
	    { "Subject: a\nTo: x\n y\n\nStatus: body\n", TEXT_B } },
	{ "notes alone", ENVELOPE "Status: RO\n\nx\n\n", { "\nx\n" } },
	{ "notes without an end", ENVELOPE "Status: RO", { "" } },
	{ "c-client's message", ENVELOPE "Subject: DON'T DELETE THIS MESSAGE\nX-IMAP: 1 2\n\nnotes\n\n" A,
	    { TEXT_A } },
	{ "X-IMAPbase is a note", ENVELOPE "X-IMAPbase: 1 2\nSubject: a\n\nalpha\n\n" B, { TEXT_A, TEXT_B } },
	{ "lone CR", ENVELOPE "a: b\n\nx\ry\r\r\n\nz\r", { "a: b\n\nx\ry\r\r\n\nz\r" } },
};

static uint64_t
wire_size_of(const char *text)
{
	struct wire_size size;

	wire_size_begin(&size);
	wire_size_add(&size, text, strlen(text));
	return wire_size_end(&size);
}

static void
test_texts(void **state)
{
	(void)state;
	/* The second round reads the index that the first one wrote. */
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		size_t which = i / 2, count = 0;
		uint64_t octets = 0;
		struct store *store;

		if (i % 2 == 0)
			world_put(cases[which].mbox);
		store = world_open();
		while (cases[which].texts[count] != NULL && count < store->count) {
			struct message message;
			struct error error;

			assert_int_equal(store_message(store, count, &message, &error), 0);
			if (message.size != wire_size_of(cases[which].texts[count]))
				fail_msg("%s: message %zu has %ju octets", cases[which].name, count,
				    (uintmax_t)message.size);
			octets += message.size;
			world_assert_text(store, count, cases[which].texts[count]);
			count++;
		}
		if (store->count != count || cases[which].texts[count] != NULL)
			fail_msg("%s: %zu messages", cases[which].name, store->count);
		assert_int_equal(store->octets, octets);
		store_close(store);
		world_assert_content(cases[which].mbox);
	}
}

/* Lines and headers that are longer than any buffer, against what the wire would count. */
static void
test_long_lines(void **state)
{
	enum { LONG = 200000 };
	char *mbox = malloc(3 * LONG), *text = malloc(3 * LONG);

	(void)state;
	assert_true(mbox != NULL && text != NULL);
	for (size_t shift = 0; shift < 3; shift++) {
		struct error error;
		struct message message;
		struct store *store;
		size_t at = (size_t)sprintf(mbox, ENVELOPE "X-Keywords: %*s\nSubject: %*s\r\n\r\n",
		    LONG, "k", LONG, "s");
		ssize_t size;
		char *read;

		memset(mbox + at, '\r', 65536 + shift);
		strcpy(mbox + at + 65536 + shift, "\nFrom the end\r\n");
		snprintf(text, 3 * LONG, "Subject: %*s\r\n\r\n%s", LONG, "s", mbox + at);
		world_put(mbox);
		store = world_open();
		assert_int_equal(store->count, 1);
		assert_int_equal(store_message(store, 0, &message, &error), 0);
		assert_int_equal(message.size, wire_size_of(text));
		read = world_read(store, 0, 1000, &size, &error);
		assert_int_equal(size, strlen(text));
		assert_memory_equal(read, text, (size_t)size);
		free(read);
		store_close(store);
	}
	free(mbox);
	free(text);
}

static void
test_what_is_no_mbox(void **state)
{
	static const struct {
		const char *place;
		int result;
		enum error_kind kind;
	} places[] = {
		{ "mbox:/tmp/restante-no-such-mbox", 0, ERROR_NONE },
		{ "mbox:/nonexistent/restante/mbox", -1, ERROR_TEMPORARY },
		{ "mbox:/tmp", -1, ERROR_PERMANENT },
		{ "mbox:/etc/passwd/x", -1, ERROR_PERMANENT },
		{ "mbox:/tmp/x/", -1, ERROR_PERMANENT },
		{ "mbox:/dev/null", -1, ERROR_PERMANENT },
		{ "mbox:", -1, ERROR_PERMANENT },
	};
	struct error error;
	struct store *store;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		store = NULL;
		error.kind = ERROR_NONE;
		if (store_open(&store, places[i].place, &error) != places[i].result ||
		    error.kind != places[i].kind)
			fail_msg("%s: %d", places[i].place, (int)error.kind);
		store_close(store);
	}
	world_put("just text\n");
	assert_int_equal(store_open(&store, world_place, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	world_put(A);
	assert_int_equal(rename(world_mbox, world_path("", ".real")), 0);
	assert_int_equal(symlink(world_path("", ".real"), world_mbox), 0);
	assert_int_equal(store_open(&store, world_place, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
}

/* What the sandbox must leave reachable. */
static void
test_roots(void **state)
{
	static const struct {
		const char *place, *root;
	} places[] = {
		{ "mbox:/var/mail/anna", "/var/mail" },
		{ "mbox:/anna", "/" },
		{ "mbox:anna", "." },
		{ "mbox:mail/anna", "mail" },
		{ "maildir:/home/anna/Maildir", "/home/anna/Maildir" },
		{ "mbax:/var/mail/anna", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char root[PLACE_SIZE];

		assert_int_equal(store_root(root, places[i].place), places[i].root != NULL ? 0 : -1);
		if (places[i].root != NULL)
			assert_string_equal(root, places[i].root);
	}
}

/* What mutt or Dovecot may do to a file changes no UIDL and no size. */
static void
test_uidls_outlive_rewriting(void **state)
{
	static const char *const rewritten[] = {
		A B,
		"From x Sat Jul  9 12:08:34 2011\nSubject: a\nStatus: RO\n\nalpha\n\n"
		"From y Sat Jul  9 12:08:34 2011\nX-UID: 7\nSubject: b\nContent-Length: 5\nLines: 1\n\nbeta\n\n",
		ENVELOPE "Subject: a\r\n\r\nalpha\r\n" ENVELOPE "Subject: b\n\nbeta",
		C A B,
	};
	char first[2][UIDL_SIZE], uidl[UIDL_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rewritten) / sizeof(rewritten[0]); i++) {
		struct store *store;
		size_t base = i == 3;

		world_put(rewritten[i]);
		store = world_open();
		assert_int_equal(store->count, 2 + base);
		for (size_t j = 0; j < 2; j++) {
			struct message message;
			struct error error;

			assert_int_equal(store_message(store, base + j, &message, &error), 0);
			assert_int_equal(message.size, wire_size_of(j == 0 ? TEXT_A : TEXT_B));
			world_uidl(store, base + j, uidl);
			if (i == 0)
				strcpy(first[j], uidl);
			assert_string_equal(uidl, first[j]);
		}
		store_close(store);
	}
	assert_string_not_equal(first[0], first[1]);
}

static void
test_equal_messages_get_different_uidls(void **state)
{
	char uidls[3][UIDL_SIZE], base[UIDL_SIZE + 4];
	struct store *store;
	struct error error;

	(void)state;
	world_put(A B A A);
	store = world_open();
	world_uidl(store, 0, uidls[0]);
	world_uidl(store, 2, uidls[1]);
	world_uidl(store, 3, uidls[2]);
	store_close(store);
	sprintf(base, "%s.2", uidls[0]);
	assert_string_equal(uidls[1], base);
	sprintf(base, "%s.3", uidls[0]);
	assert_string_equal(uidls[2], base);
	/* The next one moves up, and the index agrees with what a new reading would tell. */
	for (int without_index = 0; without_index < 2; without_index++) {
		world_put(A B A A);
		assert_int_equal(world_remove(1, &error), 0);
		if (without_index)
			unlink(world_path(".", ".restante-index"));
		store = world_open();
		world_uidl(store, 1, base);
		assert_string_equal(base, uidls[0]);
		world_uidl(store, 2, base);
		assert_string_equal(base, uidls[1]);
		store_close(store);
	}
}

static void
test_mail_that_arrives_waits(void **state)
{
	const bool marked[] = { true, false };
	struct error error;
	struct store *store;

	(void)state;
	world_put(A B);
	store = world_open();
	world_append(C);
	assert_int_equal(store->count, 2);
	world_assert_text(store, 0, TEXT_A);
	world_append(A);
	world_assert_text(store, 1, TEXT_B);
	assert_int_equal(store_remove(store, marked, &error), 0);
	store_close(store);
	world_assert_content(B C A);
	store = world_open();
	assert_int_equal(store->count, 3);
	world_assert_text(store, 1, TEXT_C);
	store_close(store);
}

static void
test_a_session_excludes_others_but_no_delivery(void **state)
{
	struct store *store, *second = NULL;
	struct error error;
	int status;
	pid_t child;

	(void)state;
	world_put(A);
	store = world_open();
	assert_int_equal(store_open(&second, world_place, &error), -1);
	assert_int_equal(error.kind, ERROR_BUSY);
	child = fork();
	if (child == 0) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int file = open(world_mbox, O_RDWR);

		_exit(store_open(&second, world_place, &error) == -1 && error.kind == ERROR_BUSY &&
		    fcntl(file, F_SETLK, &lock) == 0 && !world_has("", ".lock") ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	store_release(store);
	second = world_open();
	store_close(store);
	store_close(second);
}

/* What another program does between the listing and the reading of message 2 (TEXT_B). */
static const struct {
	const char *name, *mbox;
	bool by_rename, gone;
} changes[] = {
	{ "appended", A B C A, false, false },
	{ "a note added to the first", ENVELOPE "Status: RO\nSubject: a\n\nalpha\n\n" B C, false, false },
	{ "a note added to the second", A ENVELOPE "Subject: b\nStatus: RO\n\nbeta\n\n" C, false, false },
	{ "first removed", B C, false, false },
	{ "first removed by rename", B C, true, false },
	{ "replaced by the same", A B C, true, false },
	{ "second removed", A C, false, true },
	{ "second removed by rename", A C, true, true },
	{ "another in its place", A C C, false, true },
	{ "the same but for one octet", A ENVELOPE "Subject: b\n\nbetA\n\n" C, false, true },
	{ "all removed", "", false, true },
	{ "file removed", NULL, true, true },
};

static void
change_apply(size_t i)
{
	if (changes[i].by_rename)
		assert_int_equal(rename(world_mbox, world_path("", ".old")), 0);
	if (changes[i].mbox != NULL)
		world_put(changes[i].mbox);
}

static void
test_changes_during_a_session(void **state)
{
	(void)state;
	/* With the first octets of the message read before the change, and without. */
	for (size_t i = 0; i < 2 * sizeof(changes) / sizeof(changes[0]); i++) {
		size_t begun = i % 2 == 0 ? 0 : 14, which = i / 2;
		struct error error = { .kind = ERROR_NONE };
		struct store *store;
		char text[64] = "";
		ssize_t n = 0;

		world_begin(NULL);
		world_put(A B C);
		world_make_old();
		store = world_open();
		if (begun > 0)
			assert_int_equal(store_read(store, 1, 0, text, begun, &error), (ssize_t)begun);
		change_apply(which);
		for (size_t at = begun; (n = store_read(store, 1, at, text + at, 3, &error)) > 0;)
			at += (size_t)n;
		if (changes[which].gone ? n != -1 || error.kind != ERROR_GONE
		                        : n != 0 || strcmp(text, TEXT_B) != 0)
			fail_msg("%s: %zd %s %s", changes[which].name, n, text, n < 0 ? error.text : "");
		store_close(store);
	}
}

/* Removing after such a change takes away message 2 and nothing else. */
static void
test_changes_before_update(void **state)
{
	static const bool marked[] = { false, true, false };
	static const char *const lefts[] = { A C A, ENVELOPE "Status: RO\nSubject: a\n\nalpha\n\n" C,
		A C, C, C, A C, A C, A C, A C C, A ENVELOPE "Subject: b\n\nbetA\n\n" C, "", NULL };

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct error error;
		struct store *store;

		world_begin(NULL);
		world_put(A B C);
		store = world_open();
		change_apply(i);
		if (store_remove(store, marked, &error) != 0)
			fail_msg("%s: %s", changes[i].name, error.text);
		store_close(store);
		if (lefts[i] != NULL)
			world_assert_content(lefts[i]);
		else
			assert_false(world_has("", ""));
	}
}

/* Which of two equal ones is left nobody can tell: it stays. */
static void
test_one_of_two_equals_gone(void **state)
{
	static const bool marked[] = { false, true, false };
	struct error error;
	struct store *store;

	(void)state;
	world_put(A A B);
	store = world_open();
	world_put(A B);
	assert_int_equal(store_remove(store, marked, &error), -1);
	store_close(store);
	world_assert_content(A B);
}

/* A foreign program takes the session's file away and another session opens the new one. */
static void
test_two_sessions_after_a_rename(void **state)
{
	static const bool marked[] = { true, false };
	struct store *store, *second;
	struct error error;
	char octet;

	(void)state;
	world_put(A B);
	store = world_open();
	assert_int_equal(rename(world_mbox, world_path("", ".old")), 0);
	world_put(A B);
	second = world_open();
	assert_int_equal(store_read(store, 0, 0, &octet, 1, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_int_equal(store_remove(store, marked, &error), -1);
	world_assert_content(A B);
	store_close(store);
	store_close(second);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_texts, world_begin),
		cmocka_unit_test_setup(test_long_lines, world_begin),
		cmocka_unit_test_setup(test_what_is_no_mbox, world_begin),
		cmocka_unit_test(test_roots),
		cmocka_unit_test_setup(test_uidls_outlive_rewriting, world_begin),
		cmocka_unit_test_setup(test_equal_messages_get_different_uidls, world_begin),
		cmocka_unit_test_setup(test_mail_that_arrives_waits, world_begin),
		cmocka_unit_test_setup(test_a_session_excludes_others_but_no_delivery, world_begin),
		cmocka_unit_test_setup(test_changes_during_a_session, world_begin),
		cmocka_unit_test_setup(test_changes_before_update, world_begin),
		cmocka_unit_test_setup(test_one_of_two_equals_gone, world_begin),
		cmocka_unit_test_setup(test_two_sessions_after_a_rename, world_begin),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);

	world_end();
	return result;
}
