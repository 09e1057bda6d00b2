/* See spool.h. */

#include "lmtp/spool.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/octets.h"

#define SEALS       (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define MEMORY_STEP 4096

#define NAME_LENGTH 16		/* of a file, while it has a name: hexadecimal digits */

static bool
is_name(const char *name)
{
	size_t length = 0;

	while (isxdigit((unsigned char)name[length]))
		length++;
	return length == NAME_LENGTH && name[length] == '\0';
}

void
spool_clear(const char *directory)
{
	DIR *entries = opendir(directory);
	const struct dirent *entry;

	if (entries == NULL)
		return;
	while ((entry = readdir(entries)) != NULL)
		if (is_name(entry->d_name))
			(void)unlinkat(dirfd(entries), entry->d_name, 0);
	closedir(entries);
}

void
spool_begin(struct spool *spool, const char *directory, uint64_t name)
{
	*spool = (struct spool){ .directory = directory, .name = name, .file = -1, .sealed = -1 };
}

static int
failed(struct error *error, const char *what)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return error_errno(error, full ? ERROR_FULL : ERROR_TEMPORARY, "%s", what);
}

/*
 * Two descriptors of one file, of which the one that is handed on can only be read. O_TMPFILE gives no second
 * one without /proc. What a crash leaves between these calls is an empty file, which the next process removes;
 * if this one still runs by then, it may have lost its name already.
 */
static int
file_make(struct spool *spool, struct error *error)
{
	char path[PATH_SIZE + 32];
	int result = 0;

	if (spool->sealed >= 0)
		close(spool->sealed);
	spool->sealed = -1;
	snprintf(path, sizeof(path), "%s/%016" PRIx64, spool->directory, spool->name);
	spool->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (spool->file < 0)
		return failed(error, spool->directory);
	spool->sealed = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (spool->sealed < 0)
		result = failed(error, spool->directory);
	if (unlink(path) != 0 && errno != ENOENT && result == 0)
		result = failed(error, spool->directory);
	return result;
}

static int
keep(int file, const char *octets, size_t size, struct error *error)
{
	return octets_write(file, octets, size) == 0 ? 0 : failed(error, "cannot keep the message");
}

static int
grow(struct spool *spool, size_t size, struct error *error)
{
	size_t wanted = spool->size == 0 ? MEMORY_STEP : spool->size;
	char *memory;

	while (wanted < size)
		wanted *= 2;
	if (wanted == spool->size)
		return 0;
	memory = realloc(spool->memory, wanted);
	if (memory == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory to keep the message");
	spool->memory = memory;
	spool->size = wanted;
	return 0;
}

static int
empty(struct spool *spool, struct error *error)
{
	if ((spool->file < 0 && file_make(spool, error) < 0) ||
	    keep(spool->file, spool->memory, spool->used, error) < 0)
		return -1;
	spool->used = 0;
	return 0;
}

int
spool_put(struct spool *spool, const char *octets, size_t size, struct error *error)
{
	if (size > SPOOL_MEMORY_SIZE - spool->used) {
		if (empty(spool, error) < 0)
			return -1;
		if (size >= SPOOL_MEMORY_SIZE)
			return keep(spool->file, octets, size, error);
	}
	if (grow(spool, spool->used + size, error) < 0)
		return -1;
	if (size > 0)
		memcpy(spool->memory + spool->used, octets, size);
	spool->used += size;
	return 0;
}

static int
memory_make(void)
{
	return memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

void
spool_prepare(struct spool *spool)
{
	/* If that fails spool_seal() says so. */
	if (spool->sealed < 0 && spool->file < 0)
		spool->sealed = memory_make();
}

static int
memory_seal(struct spool *spool, struct error *error)
{
	if (spool->sealed < 0)
		spool->sealed = memory_make();
	if (spool->sealed < 0)
		return failed(error, "cannot keep the message");
	if (keep(spool->sealed, spool->memory, spool->used, error) < 0)
		return -1;
	if (fcntl(spool->sealed, F_ADD_SEALS, SEALS) < 0)
		return failed(error, "cannot seal the message");
	return 0;
}

int
spool_seal(struct spool *spool, size_t copied_max, struct error *error)
{
	int result;

	if (spool->file < 0 && spool->sealed < 0 && copied_max > 0 && spool->used <= copied_max) {
		spool->whole = true;
		return 0;
	}
	result = spool->file < 0 ? memory_seal(spool, error) : empty(spool, error);
	if (spool->file >= 0)
		close(spool->file);
	spool->file = -1;
	free(spool->memory);
	spool->memory = NULL;
	spool->used = spool->size = 0;
	spool->whole = result == 0;
	return result;
}

void
spool_end(struct spool *spool)
{
	if (spool->file >= 0)
		close(spool->file);
	if (spool->sealed >= 0)
		close(spool->sealed);
	free(spool->memory);
	spool_begin(spool, spool->directory, spool->name);
}
