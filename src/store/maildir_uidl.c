/* See maildir_uidl.h. */

#include "store/maildir_uidl.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/maildir_name.h"
#include "store/maildir_scan.h"
#include "store/maildir_uidls.h"

static bool
same_text(const struct index_list *list, const struct index_entry *x, size_t x_size,
    const struct index_entry *y, size_t y_size)
{
	return x_size == y_size && memcmp(index_base(list, x), index_base(list, y), x_size) == 0;
}

static bool
same_unique_part(const struct index_list *list, size_t i, size_t j)
{
	const struct index_entry *x = &list->entries[i], *y = &list->entries[j];

	return same_text(list, x, x->unique_size, y, y->unique_size);
}

static bool
same_base(const struct index_list *list, size_t i, size_t j)
{
	const struct index_entry *x = &list->entries[i], *y = &list->entries[j];

	return same_text(list, x, x->base_size, y, y->base_size);
}

/* Is no neighbour like it? Equal unique parts stand together, and so do equal bases. */
static bool
is_alone(const struct index_list *list, size_t index,
    bool (*same)(const struct index_list *, size_t, size_t))
{
	return (index == 0 || !same(list, index - 1, index)) &&
	    (index + 1 == list->count || !same(list, index, index + 1));
}

const struct uidl_row *
maildir_uidls_row(const struct uidl_table *table, const struct index_list *list, size_t index)
{
	const struct index_entry *entry = &list->entries[index];

	if (table->count == 0 || !is_alone(list, index, same_base))
		return NULL;
	return uidl_table_find(table, index_base(list, entry), entry->base_size, entry->unique_size,
	    is_alone(list, index, same_unique_part));
}

/*
 * The first that is not taken: a digest that was given stays for as long as the index remembers it;
 * the unique part, if it can be a UIDL and is this message's alone; a digest. Where several have the
 * same unique part, none gets the plain one: if one goes, no other may inherit what a client knows
 * as the one that went. 1: uidl is set. 0: what it has already is right.
 */
static int
uidl_choose(struct uidl_table *table, const struct index_list *list, size_t index,
    char uidl[UIDL_SIZE])
{
	const struct index_entry *entry = &list->entries[index];
	const char *base = index_base(list, entry);
	bool alone = is_alone(list, index, same_unique_part);
	int taken;

	if (entry->uidl_size > 0 || (alone && maildir_name_is_uidl(base, entry->unique_size))) {
		size_t size;
		const char *present = index_uidl(list, entry, &size);

		taken = table->count > 0 ? uidl_table_has(table, present, size, NULL) : 0;
		if (taken <= 0)
			return taken;
	}
	if (alone) {
		maildir_name_digest(base, entry->unique_size, 0, uidl);
		taken = table->count > 0 ? uidl_table_has(table, uidl, strlen(uidl), NULL) : 0;
		if (taken <= 0)
			return taken == 0 ? 1 : -1;
	}
	maildir_name_digest(base, entry->base_size, entry->inode, uidl);
	return 1;
}

/*
 * Was an index made before the other server's UIDLs were taken over? That gives the directories new
 * times when they are in place. What such an index remembers was given without them.
 */
static bool
is_older(const struct index_list *known, int maildir)
{
	struct stat status;

	if (fstatat(maildir, MAILDIR_UIDLS_NAME, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	for (int which = MAILDIR_NEW; which <= MAILDIR_CUR; which++) {
		const struct index_stamp *stamp = &known->stamps[which];

		if (stamp->changed_seconds > status.st_mtim.tv_sec ||
		    (stamp->changed_seconds == status.st_mtim.tv_sec &&
		        stamp->changed_nanoseconds >= (uint32_t)status.st_mtim.tv_nsec))
			return false;
	}
	return true;
}

/*
 * The row whose UIDL a message gets. What it had while the rows were there already goes first: one
 * that is alone today stood beside another yesterday, and had to do without what was the other's.
 * Of two files with one base that which had it keeps it.
 */
static const struct uidl_row *
row_choose(const struct uidl_table *table, const struct index_list *list, size_t index,
    bool is_remembered)
{
	const struct index_entry *entry = &list->entries[index];
	const struct uidl_row *row;

	if (!is_remembered || entry->uidl_size == 0)
		return maildir_uidls_row(table, list, index);
	row = uidl_table_find(table, index_base(list, entry), entry->base_size, entry->unique_size,
	    is_alone(list, index, same_unique_part));
	return row != NULL && strcmp(index_own_uidl(list, entry), uidl_row_uidl(table, row)) == 0 ? row
	                                                                                          : NULL;
}

static int
uidl_give(struct uidl_table *table, struct index_list *list, size_t index, bool is_remembered)
{
	const struct uidl_row *row = row_choose(table, list, index, is_remembered);
	char uidl[UIDL_SIZE];
	int chosen;

	if (row == NULL) {
		chosen = uidl_choose(table, list, index, uidl);
		return chosen <= 0 ? chosen : index_set_uidl(list, index, uidl);
	}
	if (strcmp(index_own_uidl(list, &list->entries[index]), uidl_row_uidl(table, row)) == 0)
		return 0;
	return index_set_uidl(list, index, uidl_row_uidl(table, row));
}

int
maildir_uidls_give(int maildir, const struct index_list *known, struct index_list *list,
    struct error *error)
{
	struct uidl_table table = { 0 };
	int result = maildir_uidls_read(&table, maildir, error);
	bool is_remembered = result > 0 && known != NULL && !is_older(known, maildir);

	for (size_t i = 0; i < list->count && result >= 0; i++)
		if (uidl_give(&table, list, i, is_remembered) != 0)
			result = error_set(error, ERROR_TEMPORARY, "no memory for the UIDLs");
	uidl_table_free(&table);
	return result < 0 ? -1 : 0;
}
