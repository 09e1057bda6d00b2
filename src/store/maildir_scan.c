/* See maildir_scan.h. */

#include "store/maildir_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/maildir_name.h"

#define ENTRIES_SIZE  (32 * 1024)
#define SCANS_MAX     8
#define UNSEEN_MAX    3
#define FINDS_MAX     32

/* Called for each message file; nonzero ends the walk and is handed on. */
typedef int (*entry_visitor)(void *context, enum maildir_directory, const struct dirent64 *);

const char *const maildir_directory_names[2] = { [MAILDIR_NEW] = "new", [MAILDIR_CUR] = "cur" };

/* 1, 0, or -1 if that cannot be seen: a message must not be left out for it. */
static int
is_message(int directory, const struct dirent64 *entry)
{
	struct stat status;

	if (entry->d_name[0] == '.')
		return 0;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	if (fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : -1;
	return S_ISREG(status.st_mode);
}

static int
entries_walk(int directory, enum maildir_directory which, entry_visitor visit, void *context)
{
	_Alignas(struct dirent64) char entries[ENTRIES_SIZE];
	ssize_t size;
	int result = 0;

	while ((size = getdents64(directory, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < size && result == 0;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

			at += entry->d_reclen;
			result = is_message(directory, entry);
			if (result > 0)
				result = visit(context, which, entry);
		}
		if (result != 0)
			return result;
	}
	return size < 0 ? -1 : 0;
}

static int
directory_failure(struct error *error, enum maildir_directory which)
{
	return error_errno(error, ERROR_TEMPORARY, "cannot read the directory %s of the Maildir",
	    maildir_directory_names[which]);
}

static int
directory_open(int maildir, enum maildir_directory which)
{
	return openat(maildir, maildir_directory_names[which], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
directory_walk(int maildir, enum maildir_directory which, entry_visitor visit, void *context,
    struct error *error)
{
	int directory = directory_open(maildir, which), result;

	if (directory < 0)
		return errno == ENOENT ? 0 : directory_failure(error, which);
	result = entries_walk(directory, which, visit, context);
	if (result < 0)
		directory_failure(error, which);
	close(directory);
	return result;
}

/* Where entries go. */
struct putting {
	struct index_list *list;
	size_t count_max;
};

static int
list_put(void *context, enum maildir_directory which, const struct dirent64 *entry)
{
	const struct putting *putting = context;
	struct maildir_name parsed;
	struct index_entry row;

	if (putting->list->count >= putting->count_max)
		return 1;
	maildir_name_parse(&parsed, entry->d_name);
	memset(&row, 0, sizeof(row));
	row.time = parsed.time;
	row.inode = entry->d_ino;
	row.directory = (uint8_t)which;
	row.unique_size = (uint16_t)parsed.unique_size;
	row.wire_size = parsed.wire_size;
	row.flags = parsed.has_wire_size ? INDEX_SIZED : 0;
	return index_append(putting->list, &row, entry->d_name, parsed.base_size,
	    entry->d_name + parsed.base_size, "");
}

/* By time, then unique part (so that equal ones stand together), then the whole name. */
int
maildir_compare(const struct index_list *x_list, const struct index_entry *x,
    const struct index_list *y_list, const struct index_entry *y)
{
	size_t shorter = x->unique_size < y->unique_size ? x->unique_size : y->unique_size;
	const char *x_base, *y_base;
	int order;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	x_base = index_base(x_list, x);
	y_base = index_base(y_list, y);
	order = memcmp(x_base, y_base, shorter);
	if (order == 0 && x->unique_size != y->unique_size)
		order = x->unique_size < y->unique_size ? -1 : 1;
	return order != 0 ? order : strcmp(x_base, y_base);
}

static int
compare_entries(const void *x, const void *y, void *list)
{
	int order = maildir_compare(list, x, list, y);

	return order != 0 ? order
	                  : ((const struct index_entry *)x)->directory -
	        ((const struct index_entry *)y)->directory;
}

/*
 * A file that was renamed while the directories were read may have been met under both names: same
 * base, same inode. The later entry (in cur/) is the newer one. But it may also have two names, left
 * by a rename that a crash cut in two: removing it has to look for both, and no index that holds one
 * of them may stand for a directory.
 */
static void
list_drop_doubles(struct index_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct index_entry *previous = kept > 0 ? &list->grown[kept - 1] : NULL;

		if (previous != NULL && previous->inode == list->grown[i].inode &&
		    strcmp(index_base(list, previous), index_base(list, &list->grown[i])) == 0) {
			kept--;
			list->grown[i].flags |= INDEX_DOUBLE;
			list->stamps[MAILDIR_NEW].settled = list->stamps[MAILDIR_CUR].settled = false;
		}
		list->grown[kept++] = list->grown[i];
	}
	list->count = kept;
}

void
maildir_stamps(int maildir, struct index_stamp stamps[2])
{
	struct timespec now;
	struct stat status;

	clock_gettime(CLOCK_REALTIME, &now);
	for (int which = MAILDIR_NEW; which <= MAILDIR_CUR; which++) {
		int result = fstatat(maildir, maildir_directory_names[which], &status, 0);

		index_stamp_make(&stamps[which], result == 0 ? &status : NULL, &now);
		if (result != 0 && errno != ENOENT) {
			stamps[which].inode = UINT64_MAX;
			stamps[which].settled = false;
		}
	}
}

static bool
is_disturbed(int maildir, const struct index_stamp before[2])
{
	struct index_stamp after[2];

	maildir_stamps(maildir, after);
	after[MAILDIR_CUR].settled = before[MAILDIR_CUR].settled;
	return memcmp(&before[MAILDIR_CUR], &after[MAILDIR_CUR], sizeof(after[0])) != 0;
}

/* 1: what is known of that directory was copied. 0: it has to be read. */
static int
known_copy(const struct index_list *known, enum maildir_directory which, struct index_list *list)
{
	size_t count_before = list->count;

	if (known == NULL || !index_stamp_same(&known->stamps[which], &list->stamps[which]))
		return 0;
	for (size_t i = 0; i < known->count; i++) {
		const struct index_entry *entry = &known->entries[i];

		if (!index_entry_sound(known, i)) {
			list->count = count_before;
			return 0;
		}
		if (entry->directory == which &&
		    index_append(list, entry, index_base(known, entry), entry->base_size,
		        index_flags(known, entry), "") != 0)
			return -1;
	}
	return 1;
}

static int
too_many(size_t count_max, struct error *error)
{
	return error_set(error, ERROR_TEMPORARY, "more than %zu messages", count_max);
}

/* new/ before cur/: what moves meanwhile moves into what is still to be read. */
static int
scan_once(int maildir, const struct index_list *known, size_t count_max, struct index_list *list,
    struct error *error)
{
	struct putting putting = { list, count_max };

	list->count = list->texts_size = 0;
	maildir_stamps(maildir, list->stamps);
	for (int which = MAILDIR_NEW; which <= MAILDIR_CUR; which++) {
		int result = known_copy(known, (enum maildir_directory)which, list);

		if (result < 0)
			return error_set(error, ERROR_TEMPORARY, "no memory for a list of messages");
		if (result > 0 && list->count > count_max)
			return too_many(count_max, error);
		if (result > 0)
			continue;
		result = directory_walk(maildir, (enum maildir_directory)which, list_put, &putting, error);
		if (result < 0)
			return -1;
		if (result > 0)
			return too_many(count_max, error);
	}
	/* What is known is copied as it is. */
	return list->count > count_max ? too_many(count_max, error) : 0;
}

static void
list_sort(struct index_list *list)
{
	if (list->count < 2)
		return;
	qsort_r(list->grown, list->count, sizeof(*list->grown), compare_entries, list);
	list_drop_doubles(list);
}

/* Is the same file in a sorted list, at or behind where the equal ones begin? */
static bool
list_holds(const struct index_list *list, size_t at, const struct index_list *other,
    const struct index_entry *entry)
{
	for (; at < list->count && maildir_compare(list, &list->entries[at], other, entry) == 0; at++)
		if (list->entries[at].inode == entry->inode)
			return true;
	return false;
}

static int
entry_copy(struct index_list *to, const struct index_list *from, const struct index_entry *entry,
    unsigned unseen)
{
	if (index_append(to, entry, index_base(from, entry), entry->base_size,
	        index_flags(from, entry), "") != 0)
		return -1;
	to->grown[to->count - 1].unseen = (uint8_t)unseen;
	return 0;
}

/* Adds to a reading what only the ones before have met; the older list is freed. -1: no memory. */
static int
list_merge(struct index_list *older, struct index_list *list)
{
	struct index_list merged = { 0 };
	size_t j = 0;
	int result = 0;

	memcpy(merged.stamps, list->stamps, sizeof(merged.stamps));
	for (size_t i = 0; i < older->count && result == 0; i++) {
		const struct index_entry *entry = &older->entries[i];

		while (j < list->count && result == 0 &&
		    maildir_compare(list, &list->entries[j], older, entry) < 0)
			result = entry_copy(&merged, list, &list->entries[j++], 0);
		if (result == 0 && entry->unseen < UNSEEN_MAX && !list_holds(list, j, older, entry))
			result = entry_copy(&merged, older, entry, entry->unseen + 1u);
	}
	for (; j < list->count && result == 0; j++)
		result = entry_copy(&merged, list, &list->entries[j], 0);
	index_free(older);
	index_free(list);
	*list = merged;
	return result;
}

/*
 * A rename inside cur/ (a flag was set) can hide a file from a reader of the directory: when cur/
 * has changed meanwhile, read again. If it changes in every reading, what one of the last few has
 * met is taken to be there.
 */
int
maildir_scan(int maildir, const struct index_list *known, size_t count_max, struct index_list *list,
    struct error *error)
{
	struct index_list older = { 0 };

	*list = (struct index_list){ 0 };
	for (int scans = 0; scans < SCANS_MAX; scans++) {
		bool is_calm;

		if (scan_once(maildir, known, count_max, list, error) != 0) {
			index_free(list);
			index_free(&older);
			return -1;
		}
		is_calm = !is_disturbed(maildir, list->stamps);
		list_sort(list);
		if (is_calm) {
			index_free(&older);
			return 0;
		}
		if (list_merge(&older, list) != 0) {
			index_free(list);
			return error_set(error, ERROR_TEMPORARY, "no memory for a list of messages");
		}
		older = *list;
		*list = (struct index_list){ 0 };
	}
	*list = older;
	list->stamps[MAILDIR_NEW].settled = list->stamps[MAILDIR_CUR].settled = false;
	return 0;
}

struct finding {
	const char *base;
	size_t base_size;
	uint64_t inode;
	enum maildir_directory directory;
	char name[256];
};

static int
compare_entry(void *context, enum maildir_directory which, const struct dirent64 *entry)
{
	struct finding *finding = context;

	if (entry->d_ino != finding->inode || strcspn(entry->d_name, ":") != finding->base_size ||
	    memcmp(entry->d_name, finding->base, finding->base_size) != 0)
		return 0;
	finding->directory = which;
	memcpy(finding->name, entry->d_name, strlen(entry->d_name) + 1);
	return 1;
}

int
maildir_find(int maildir, const struct index_list *list, const struct index_entry *entry,
    enum maildir_directory *directory, char name[256], struct error *error)
{
	struct finding finding = { .base = index_base(list, entry), .base_size = entry->base_size,
		.inode = entry->inode };

	/*
	 * "Not there" is what a removal is answered with: it takes a reading that nothing disturbed, or
	 * so many that chance cannot have hidden it in each.
	 */
	for (int scans = 0; scans < FINDS_MAX; scans++) {
		struct index_stamp before[2];

		maildir_stamps(maildir, before);
		for (int which = MAILDIR_NEW; which <= MAILDIR_CUR; which++) {
			int result = directory_walk(maildir, (enum maildir_directory)which,
			    compare_entry, &finding, error);

			if (result < 0)
				return -1;
			if (result > 0) {
				*directory = finding.directory;
				memcpy(name, finding.name, sizeof(finding.name));
				return 1;
			}
		}
		if (!is_disturbed(maildir, before))
			return 0;
	}
	return 0;
}
