/* See maildir_scan.h. */

#include "store/maildir_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/maildir_name.h"

#define ENTRIES_SIZE  (32 * 1024)
#define SCANS_MAX     8

/* Called for each message file; nonzero ends the walk and is handed on. */
typedef int (*entry_visitor)(void *context, enum maildir_directory, const struct dirent64 *);

static const char *const directory_names[] = { [MAILDIR_NEW] = "new", [MAILDIR_CUR] = "cur" };

static bool
is_message(int directory, const struct dirent64 *entry)
{
	struct stat status;

	if (entry->d_name[0] == '.')
		return false;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	return fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(status.st_mode);
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
			if (is_message(directory, entry))
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
	    directory_names[which]);
}

/* Zeroes *changed for a directory that is not there. */
static int
directory_walk(int maildir, enum maildir_directory which, entry_visitor visit, void *context,
    struct timespec *changed, struct error *error)
{
	int directory = openat(maildir, directory_names[which], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat status;
	int result;

	*changed = (struct timespec){ 0 };
	if (directory < 0)
		return errno == ENOENT ? 0 : directory_failure(error, which);
	if (fstat(directory, &status) != 0 ||
	    (result = entries_walk(directory, which, visit, context)) < 0) {
		directory_failure(error, which);
		close(directory);
		return -1;
	}
	*changed = status.st_ctim;
	close(directory);
	return result;
}

static int
names_put(struct maildir_list *list, const char *text, size_t size)
{
	if (list->names_size + size + 1 > list->names_capacity) {
		size_t capacity = list->names_capacity * 2 + size + 1024;
		char *names = capacity < UINT32_MAX ? realloc(list->names, capacity) : NULL;

		if (names == NULL)
			return -1;
		list->names = names;
		list->names_capacity = capacity;
	}
	memcpy(list->names + list->names_size, text, size);
	list->names[list->names_size + size] = '\0';
	list->names_size += size + 1;
	return 0;
}

static int
list_put(void *context, enum maildir_directory which, const struct dirent64 *entry)
{
	struct maildir_list *list = context;
	struct maildir_name parsed;
	struct maildir_file *file;

	if (list->count == list->capacity) {
		size_t capacity = list->capacity * 2 + 32;
		struct maildir_file *files = reallocarray(list->files, capacity, sizeof(*files));

		if (files == NULL)
			return -1;
		list->files = files;
		list->capacity = capacity;
	}
	maildir_name_parse(&parsed, entry->d_name);
	file = &list->files[list->count];
	*file = (struct maildir_file){
		.inode = entry->d_ino,
		.time = parsed.time,
		.wire_size = parsed.wire_size,
		.name = (uint32_t)list->names_size,
		.base_size = (uint32_t)parsed.base_size,
		.unique_size = (uint16_t)parsed.unique_size,
		.directory = (uint8_t)which,
		.has_wire_size = parsed.has_wire_size,
	};
	if (names_put(list, entry->d_name, parsed.base_size) != 0 ||
	    names_put(list, entry->d_name + parsed.base_size,
	        strlen(entry->d_name + parsed.base_size)) != 0)
		return -1;
	list->count++;
	return 0;
}

/* By time, then unique part (so that equal ones stand together), then the whole name. */
static int
compare_files(const void *a, const void *b, void *names)
{
	const struct maildir_file *x = a, *y = b;
	const char *x_name = (char *)names + x->name, *y_name = (char *)names + y->name;
	size_t shorter = x->unique_size < y->unique_size ? x->unique_size : y->unique_size;
	int order;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	order = memcmp(x_name, y_name, shorter);
	if (order == 0 && x->unique_size != y->unique_size)
		order = x->unique_size < y->unique_size ? -1 : 1;
	if (order == 0)
		order = strcmp(x_name, y_name);
	if (order != 0)
		return order;
	return x->directory != y->directory ? (x->directory < y->directory ? -1 : 1) : 0;
}

/*
 * A file that was renamed while the directories were read may have been met under both names: same
 * base, same inode. The later entry (in cur/) is the newer one.
 */
static void
list_drop_doubles(struct maildir_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct maildir_file *previous = kept > 0 ? &list->files[kept - 1] : NULL;

		if (previous != NULL && previous->inode == list->files[i].inode &&
		    strcmp(list->names + previous->name, list->names + list->files[i].name) == 0)
			kept--;
		list->files[kept++] = list->files[i];
	}
	list->count = kept;
}

static bool
changed_since(int maildir, enum maildir_directory which, const struct timespec *then)
{
	struct stat status;

	if (fstatat(maildir, directory_names[which], &status, 0) != 0)
		return errno != ENOENT || then->tv_sec != 0;
	return status.st_ctim.tv_sec != then->tv_sec || status.st_ctim.tv_nsec != then->tv_nsec;
}

/* new/ before cur/: what moves meanwhile moves into what is still to be read. */
static int
scan_once(int maildir, struct maildir_list *list, bool *disturbed, struct error *error)
{
	struct timespec changed[2];
	int result = 0;

	list->count = list->names_size = 0;
	for (int which = MAILDIR_NEW; which <= MAILDIR_CUR && result == 0; which++)
		result = directory_walk(maildir, (enum maildir_directory)which, list_put, list,
		    &changed[which], error);
	if (result != 0)
		return -1;
	*disturbed = changed_since(maildir, MAILDIR_CUR, &changed[MAILDIR_CUR]);
	return 0;
}

/* Gives back what growing by doubling left over. */
static void
list_shrink(struct maildir_list *list)
{
	void *files = reallocarray(list->files, list->count + (list->count == 0), sizeof(*list->files));
	void *names = realloc(list->names, list->names_size + (list->names_size == 0));

	list->files = files != NULL ? files : list->files;
	list->names = names != NULL ? names : list->names;
	list->capacity = list->count;
	list->names_capacity = list->names_size;
}

int
maildir_scan(int maildir, struct maildir_list *list, struct error *error)
{
	bool disturbed = true;

	*list = (struct maildir_list){ 0 };
	/*
	 * A rename inside cur/ (a flag was set) can hide a file from a reader of the directory: when
	 * cur/ has changed meanwhile, read again. A program that renames without pause gets the last
	 * reading.
	 */
	for (int scans = 0; scans < SCANS_MAX && disturbed; scans++) {
		if (scan_once(maildir, list, &disturbed, error) != 0) {
			maildir_list_free(list);
			return -1;
		}
	}
	if (list->count > 1) {
		qsort_r(list->files, list->count, sizeof(*list->files), compare_files, list->names);
		list_drop_doubles(list);
	}
	list_shrink(list);
	return 0;
}

void
maildir_list_free(struct maildir_list *list)
{
	free(list->files);
	free(list->names);
	*list = (struct maildir_list){ 0 };
}

struct finding {
	const char *base;
	size_t base_size;
	enum maildir_directory directory;
	char name[256];
};

static int
compare_entry(void *context, enum maildir_directory which, const struct dirent64 *entry)
{
	struct finding *finding = context;

	if (strcspn(entry->d_name, ":") != finding->base_size ||
	    memcmp(entry->d_name, finding->base, finding->base_size) != 0)
		return 0;
	finding->directory = which;
	memcpy(finding->name, entry->d_name, strlen(entry->d_name) + 1);
	return 1;
}

int
maildir_find(int maildir, const char *base, size_t base_size, enum maildir_directory *directory,
    char name[256], struct error *error)
{
	struct finding finding = { .base = base, .base_size = base_size };

	for (int scans = 0; scans < SCANS_MAX; scans++) {
		struct timespec changed = { 0 };

		for (int which = MAILDIR_NEW; which <= MAILDIR_CUR; which++) {
			int result = directory_walk(maildir, (enum maildir_directory)which,
			    compare_entry, &finding, &changed, error);

			if (result < 0)
				return -1;
			if (result > 0) {
				*directory = finding.directory;
				memcpy(name, finding.name, sizeof(finding.name));
				return 1;
			}
		}
		if (!changed_since(maildir, MAILDIR_CUR, &changed))
			return 0;
	}
	return 0;
}
