/* The maildrops that these tests try: one row each. */

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "mail/wire.h"
#include "replay/mail.h"
#include "store/maildir_uidls.h"

#define SETTLE_MICROSECONDS 150000

static void
file_put(const char *path, size_t number)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char text[LETTER_SIZE];
	size_t size = letter_write(number, text, sizeof(text));

	assert_true(file >= 0);
	assert_int_equal(write(file, text, size), (ssize_t)size);
	close(file);
}

static size_t
wire_size(size_t number)
{
	char text[LETTER_SIZE];
	struct wire_size size;

	wire_size_begin(&size);
	wire_size_add(&size, text, letter_write(number, text, sizeof(text)));
	return (size_t)wire_size_end(&size);
}

static void
maildir_make_directories(const char *directory)
{
	static const char *const names[] = { "new", "cur", "tmp" };
	char path[512];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

/* In new/ and cur/ by turns. */
static void
maildir_make(const char *directory, size_t count)
{
	char path[512];

	maildir_make_directories(directory);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s/17%02zu.M%zuP1.mx%s", directory,
		    i % 2 == 0 ? "new" : "cur", i, i, i % 2 == 0 ? "" : ":2,");
		file_put(path, i);
	}
}

/* The same mail, half of which has UIDLs from another server. */
static void
maildir_make_migrated(const char *directory, size_t count)
{
	struct uidl_table table = { 0 };
	bool in_place;
	struct error error;
	char name[64], uidl[64];
	int maildir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	maildir_make(directory, count);
	for (size_t i = 0; i < count; i += 2) {
		int name_size = snprintf(name, sizeof(name), "17%02zu.M%zuP1.mx", i, i);
		int uidl_size = snprintf(uidl, sizeof(uidl), "UID%zu-1290000000", i);

		assert_int_equal(uidl_table_add(&table, name, (size_t)name_size, uidl, (size_t)uidl_size), 0);
	}
	uidl_table_sort(&table);
	assert_int_equal(maildir_uidls_write(&table, maildir, &in_place, &error), 0);
	uidl_table_free(&table);
	close(maildir);
}

/* Names that are no UIDLs, and long, so that an index of many is mapped rather than read. */
static void
maildir_make_odd(const char *directory, size_t count)
{
	char path[512];

	maildir_make_directories(directory);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/cur/a name with %0200d spaces %zu:2,", directory, 0, i);
		file_put(path, i);
	}
}

static void
maildir_deliver(const char *directory, size_t number)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/new/1800.M%zuP1.mx", directory, number);
	file_put(path, number);
}

/* Mail that was never looked at, and a cur/ that is made for the first that is. */
static void
maildir_make_new(const char *directory, size_t count)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/new", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/new/17%02zu.M%zuP1.mx,W=%zu", directory, i, i, wire_size(i));
		file_put(path, i);
	}
}

static void
maildir_deliver_cur(const char *directory, size_t number)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/cur", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/cur/1800.M%zuP1.mx:2,", directory, number);
	file_put(path, number);
}

/* A reader opens the mailbox: what is in new/ moves to cur/, the rest gets a flag. */
static void
maildir_disturb(const char *directory)
{
	char from[512], to[1024];
	struct dirent *entry;
	DIR *all;

	snprintf(from, sizeof(from), "%s/cur", directory);
	all = opendir(from);
	assert_non_null(all);
	while ((entry = readdir(all)) != NULL) {
		if (entry->d_name[0] == '.' || strchr(entry->d_name, 'S') != NULL)
			continue;
		snprintf(from, sizeof(from), "%s/cur/%.250s", directory, entry->d_name);
		snprintf(to, sizeof(to), "%sS", from);
		assert_int_equal(rename(from, to), 0);
	}
	closedir(all);
	snprintf(from, sizeof(from), "%s/new", directory);
	all = opendir(from);
	assert_non_null(all);
	while ((entry = readdir(all)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "%s/new/%.250s", directory, entry->d_name);
		snprintf(to, sizeof(to), "%s/cur/%.250s:2,S", directory, entry->d_name);
		assert_int_equal(rename(from, to), 0);
	}
	closedir(all);
}

#define ENVELOPE "From anna@example.org Fri Jul  8 12:08:34 2011\n"

static void
mbox_put(int file, size_t number, const char *note)
{
	char text[LETTER_SIZE];
	size_t size = letter_write(number, text, sizeof(text));
	const char *end = text[size - 1] == '\n' ? "\n" : "\n\n";
	FILE *out = fdopen(dup(file), "a");

	assert_non_null(out);
	fprintf(out, "%s%s%s%s", ENVELOPE, note, text, end);
	assert_int_equal(fclose(out), 0);
}

static void
mbox_make(const char *directory, size_t count)
{
	char path[512];
	int file;

	snprintf(path, sizeof(path), "%s/mbox", directory);
	file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	for (size_t i = 0; i < count; i++)
		mbox_put(file, i, i % 2 == 0 ? "" : "Status: O\n");
	close(file);
}

static void
mbox_deliver(const char *directory, size_t number)
{
	char path[512];
	int file;

	snprintf(path, sizeof(path), "%s/mbox", directory);
	file = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_true(file >= 0);
	mbox_put(file, number, "");
	close(file);
}

/* Another program notes in each message that it was read, as carefully as it can be done. */
static void
mbox_disturb(const char *directory)
{
	char path[512], new_path[512], line[1024];
	char *text = NULL;
	size_t size = 0;
	FILE *old, *out = open_memstream(&text, &size);
	int file;

	snprintf(path, sizeof(path), "%s/mbox", directory);
	snprintf(new_path, sizeof(new_path), "%s/mbox.another", directory);
	old = fopen(path, "r");
	assert_true(old != NULL && out != NULL);
	while (fgets(line, sizeof(line), old) != NULL)
		fprintf(out, "%s%s", line, strcmp(line, ENVELOPE) == 0 ? "Status: RO\n" : "");
	fclose(old);
	assert_int_equal(fclose(out), 0);
	file = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(write(file, text, size), (ssize_t)size);
	assert_int_equal(fsync(file), 0);
	assert_int_equal(rename(new_path, path), 0);
	close(file);
	free(text);
}

/* What a power failure left of a dot lock is older than the boot. */
static void
mbox_boot(const char *directory)
{
	const struct timespec past[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	char path[512];

	snprintf(path, sizeof(path), "%s/mbox.lock", directory);
	(void)utimensat(AT_FDCWD, path, past, 0);
}

const struct fixture fixtures[] = {
	{ .name = "maildir", .scheme = "maildir", .file = "", .index = "restante-index",
	  .make = maildir_make, .disturb = maildir_disturb, .deliver = maildir_deliver },
	{ .name = "maildir from another server", .scheme = "maildir", .file = "", .index = "restante-index",
	  .make = maildir_make_migrated, .disturb = maildir_disturb, .deliver = maildir_deliver },
	{ .name = "maildir with odd names", .scheme = "maildir", .file = "", .index = "restante-index",
	  .make = maildir_make_odd, .disturb = maildir_disturb, .deliver = maildir_deliver },
	{ .name = "maildir without cur", .scheme = "maildir", .file = "", .index = "restante-index",
	  .make = maildir_make_new, .deliver = maildir_deliver_cur },
	/* Messages are removed by a new file and a rename; */
	{ .name = "mbox", .scheme = "mbox", .file = "/mbox", .index = ".mbox.restante-index",
	  .make = mbox_make, .disturb = mbox_disturb, .deliver = mbox_deliver, .boot = mbox_boot },
	/* and in place, with a journal. */
	{ .name = "mbox in a closed directory", .scheme = "mbox", .file = "/mbox",
	  .index = ".mbox.restante-index", .is_closed = true,
	  .make = mbox_make, .disturb = mbox_disturb, .deliver = mbox_deliver, .boot = mbox_boot },
};
const size_t fixture_count = sizeof(fixtures) / sizeof(fixtures[0]);

void
fixture_locate(const struct fixture *fixture, const char *directory, struct mail *mail)
{
	snprintf(mail->place, sizeof(mail->place), "%s:%s%s", fixture->scheme, directory, fixture->file);
	snprintf(mail->index, sizeof(mail->index), "%s/%s", directory, fixture->index);
	mail->is_closed = fixture->is_closed;
}

void
fixture_make(const struct fixture *fixture, const char *directory, size_t count, struct mail *mail)
{
	fixture->make(directory, count);
	usleep(SETTLE_MICROSECONDS);
	fixture_locate(fixture, directory, mail);
	mail_learn(mail);
	assert_int_equal(mail->count, count);
}
