/* See maildir_import.h. */

#include "store/maildir_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/index.h"
#include "store/maildir_name.h"
#include "store/maildir_scan.h"
#include "store/maildir_uidl.h"
#include "store/maildir_uidls.h"
#include "store/session_lock.h"
#include "store/text_file.h"

struct import {
	int maildir, directories[2];	/* new/ and cur/; -1: it is not there */
	struct index_list list;
	struct uidl_table foreign, old, new;
};

static int
lock(int *maildir, const char *path, struct error *error)
{
	*maildir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*maildir < 0 && errno == ENOENT)
		return error_set(error, ERROR_GONE, "there is no Maildir");
	if (*maildir < 0 && (errno == ELOOP || errno == ENOTDIR))
		return error_set(error, ERROR_PERMANENT, "it is no directory; a symbolic link is not followed");
	if (*maildir < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot open the Maildir");
	if (session_lock(*maildir, *maildir, MAILDIR_GATE) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return error_set(error, ERROR_BUSY, "a session has the maildrop open; try again");
	return error_errno(error, ERROR_TEMPORARY, "cannot lock the Maildir");
}

/* All that will be written to is opened before anything is: what cannot be is found out in time. */
static int
directories_open(struct import *import, struct error *error)
{
	for (int which = MAILDIR_NEW; which <= MAILDIR_CUR; which++) {
		const char *name = maildir_directory_names[which];
		int directory = openat(import->maildir, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (directory < 0 && (errno == ELOOP || errno == ENOTDIR))
			return error_set(error, ERROR_PERMANENT,
			    "%s is no directory; a symbolic link is not followed", name);
		if (directory < 0 && errno != ENOENT)
			return error_errno(error, ERROR_TEMPORARY, "cannot open %s", name);
		import->directories[which] = directory;
	}
	return 0;
}

static bool
is_there(int maildir, const char *name)
{
	struct stat status;

	return fstatat(maildir, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The kind whose list lies in the Maildir. */
static int
kind_find(int maildir, const struct foreign_kind **found, struct error *error)
{
	*found = NULL;
	for (const struct foreign_kind *kind = foreign_kinds; kind->word != NULL; kind++) {
		if (kind->file == NULL || !is_there(maildir, kind->file))
			continue;
		if (*found != NULL)
			return error_set(error, ERROR_PERMANENT,
			    "both %s and %s are there: say with --from which server was used last",
			    (*found)->file, kind->file);
		*found = kind;
	}
	if (*found == NULL)
		return error_set(error, ERROR_GONE, "there is no list of another server in it");
	return 0;
}

static int
list_parse(struct uidl_table *table, const struct import_source *source,
    const struct foreign_kind *kind, const char *text, size_t size, struct error *error)
{
	struct error problem;

	if (kind->parse(table, text, size, source->format, &problem) != 0)
		return error_set(error, problem.kind, "%s: %.200s",
		    source->text == NULL ? kind->file : "the list", problem.text);
	uidl_table_sort(table);
	return 0;
}

static int
foreign_read(struct import *import, const struct import_source *source,
    const struct foreign_kind **kind, struct error *error)
{
	char *text;
	size_t size;
	int result;

	*kind = source->kind;
	if (*kind == NULL && kind_find(import->maildir, kind, error) != 0)
		return -1;
	if (source->text != NULL)
		return list_parse(&import->foreign, source, *kind, source->text, source->size, error);
	if ((*kind)->file == NULL)
		return error_set(error, ERROR_PERMANENT, "a plain list needs --list");
	result = text_file_read(&text, &size, import->maildir, (*kind)->file, error);
	if (result == 0)
		return error_set(error, ERROR_GONE, "there is no %s in it", (*kind)->file);
	if (result < 0)
		return -1;
	result = list_parse(&import->foreign, source, *kind, text, size, error);
	free(text);
	return result;
}

static int
row_add(struct import *import, const char *base, size_t base_size, const struct uidl_table *from,
    const struct uidl_row *row)
{
	return uidl_table_add(&import->new, base, base_size, uidl_row_uidl(from, row), row->uidl_size);
}

/*
 * A message that keeps its own UIDL. Should that be what a message that is gone had on the other
 * server, this is remembered: a client would take the one for the other.
 */
static int
without_row(struct import *import, const struct index_entry *entry)
{
	const char *base = index_base(&import->list, entry);
	const struct uidl_row *row;
	int taken = uidl_table_has(&import->old, base, entry->unique_size, &row);

	if (taken <= 0)
		return taken;
	return row_add(import, uidl_row_base(&import->old, row), row->base_size, &import->old, row);
}

static bool
same_uidl(const struct uidl_table *x_table, const struct uidl_row *x,
    const struct uidl_table *y_table, const struct uidl_row *y)
{
	return strcmp(uidl_row_uidl(x_table, x), uidl_row_uidl(y_table, y)) == 0;
}

/* The new table, and what has become of each message. */
static int
merge(struct import *import, struct import_counts *counts)
{
	for (size_t i = 0; i < import->list.count; i++) {
		const struct index_entry *entry = &import->list.entries[i];
		const char *base = index_base(&import->list, entry);
		const struct uidl_row *now = maildir_uidls_row(&import->foreign, &import->list, i);
		const struct uidl_row *before = maildir_uidls_row(&import->old, &import->list, i);
		int result;

		if (now == NULL && before == NULL) {
			counts->without++;
			result = without_row(import, entry);
		} else if (now == NULL || (before != NULL &&
		               same_uidl(&import->foreign, now, &import->old, before))) {
			counts->kept++;
			result = row_add(import, base, entry->base_size, &import->old, before);
		} else {
			counts->changed += before != NULL;
			counts->taken += before == NULL;
			result = row_add(import, base, entry->base_size, &import->foreign, now);
		}
		if (result != 0)
			return -1;
	}
	counts->messages = import->list.count;
	uidl_table_sort(&import->new);
	counts->dropped = import->old.count + counts->taken - import->new.count;
	return 0;
}

static int
check(struct import *import, struct error *error)
{
	const struct uidl_table *table = &import->new;
	const struct uidl_row *doubled, *other;

	for (size_t i = 0; i < table->count; i++) {
		const struct uidl_row *row = &table->rows[i];

		if (!maildir_name_is_uidl(uidl_row_uidl(table, row), row->uidl_size))
			return error_set(error, ERROR_PERMANENT, "%.60s has the UIDL \"%.80s\", which is not "
			    "1 to 70 printable characters: use a list without it (--from list)",
			    uidl_row_base(table, row), uidl_row_uidl(table, row));
	}
	if (uidl_table_doubled(&import->new, &doubled, &other) != 0)
		return error_set(error, ERROR_TEMPORARY, "no memory for the UIDLs");
	if (doubled != NULL)
		return error_set(error, ERROR_PERMANENT, "%.60s and %.60s both have the UIDL %.70s: "
		    "use a list without one of them (--from list)", uidl_row_base(table, doubled),
		    uidl_row_base(table, other), uidl_row_uidl(table, doubled));
	return 0;
}

static bool
same_tables(const struct uidl_table *x, const struct uidl_table *y)
{
	if (x->count != y->count)
		return false;
	for (size_t i = 0; i < x->count; i++)
		if (strcmp(uidl_row_base(x, &x->rows[i]), uidl_row_base(y, &y->rows[i])) != 0 ||
		    !same_uidl(x, &x->rows[i], y, &y->rows[i]))
			return false;
	return true;
}

static int
directory_renew(const struct import *import, enum maildir_directory which, struct error *error)
{
	int directory = import->directories[which];

	if (directory < 0 || (futimens(directory, NULL) == 0 && fsync(directory) == 0))
		return 0;
	return error_errno(error, ERROR_TEMPORARY, "cannot renew the times of %s",
	    maildir_directory_names[which]);
}

/*
 * On the disk: the index is away, and the directories have new times, so that none that lies or
 * comes elsewhere, and was made before, is taken for this Maildir's.
 */
static int
index_discard(const struct import *import, struct error *error)
{
	if (unlinkat(import->maildir, INDEX_NAME, 0) != 0 && errno != ENOENT)
		return error_errno(error, ERROR_TEMPORARY, "cannot remove %s", INDEX_NAME);
	if (directory_renew(import, MAILDIR_NEW, error) != 0 ||
	    directory_renew(import, MAILDIR_CUR, error) != 0)
		return -1;
	if (fsync(import->maildir) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot sync the Maildir");
	return 0;
}

/*
 * Cut short anywhere, it leaves no index that knows the old UIDLs while the new ones are in place:
 * sessions would give the old ones until something changes, and then the new.
 */
static int
uidls_replace(const struct import *import, bool *written, struct error *error)
{
	if (index_discard(import, error) != 0)
		return -1;
	return maildir_uidls_write(&import->new, import->maildir, written, error);
}

static int
work(struct import *import, const struct import_source *source, struct import_counts *counts,
    struct error *error)
{
	if (foreign_read(import, source, &counts->kind, error) != 0 ||
	    maildir_uidls_read(&import->old, import->maildir, error) < 0 ||
	    maildir_scan(import->maildir, NULL, SIZE_MAX, &import->list, error) != 0)
		return -1;
	if (merge(import, counts) != 0)
		return error_set(error, ERROR_TEMPORARY, "no memory for the UIDLs");
	if (check(import, error) != 0)
		return -1;
	if (source->dry_run)
		return 0;
	if (!same_tables(&import->old, &import->new) &&
	    uidls_replace(import, &counts->written, error) != 0)
		return -1;
	/* Even if nothing is new: the time before may have been cut short here. */
	return index_discard(import, error);
}

int
maildir_import(const char *path, const struct import_source *source, struct import_counts *counts,
    struct error *error)
{
	struct import import = { .maildir = -1, .directories = { -1, -1 } };
	struct import_counts counted = { 0 };
	int result = lock(&import.maildir, path, error);

	if (result == 0)
		result = directories_open(&import, error);
	if (result == 0)
		result = work(&import, source, &counted, error);
	uidl_table_free(&import.foreign);
	uidl_table_free(&import.old);
	uidl_table_free(&import.new);
	index_free(&import.list);
	for (int which = MAILDIR_NEW; which <= MAILDIR_CUR; which++)
		if (import.directories[which] >= 0)
			close(import.directories[which]);
	if (import.maildir >= 0)
		close(import.maildir);
	if (result == 0)
		*counts = counted;
	counts->written = counted.written;
	return result;
}
