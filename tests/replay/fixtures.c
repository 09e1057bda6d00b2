/* The maildrops that these tests try: one row each. */

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
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
	assert_int_equal(maildir_uidls_write(&table, maildir, &error), 0);
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

const struct fixture fixtures[] = {
	{ .name = "maildir", .scheme = "maildir", .file = "", .index = "restante-index",
	  .make = maildir_make, .disturb = maildir_disturb, .deliver = maildir_deliver },
	{ .name = "maildir from another server", .scheme = "maildir", .file = "", .index = "restante-index",
	  .make = maildir_make_migrated, .disturb = maildir_disturb, .deliver = maildir_deliver },
	{ .name = "maildir with odd names", .scheme = "maildir", .file = "", .index = "restante-index",
	  .make = maildir_make_odd, .disturb = maildir_disturb, .deliver = maildir_deliver },
	{ .name = "maildir without cur", .scheme = "maildir", .file = "", .index = "restante-index",
	  .make = maildir_make_new, .deliver = maildir_deliver_cur },
};
const size_t fixture_count = sizeof(fixtures) / sizeof(fixtures[0]);

void
fixture_locate(const struct fixture *fixture, const char *directory, struct mail *mail)
{
	snprintf(mail->place, sizeof(mail->place), "%s:%s%s", fixture->scheme, directory, fixture->file);
	snprintf(mail->index, sizeof(mail->index), "%s/%s", directory, fixture->index);
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
