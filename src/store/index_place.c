/* See index_place.h. */

#include "store/index_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <nettle/sha2.h>
#include <xxhash.h>

#include "base/log.h"

#define REST_SECONDS 60
#define TOLD_COUNT   64

int
index_directory_open(const char *path, struct error *error)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (directory < 0)
		return error_errno(error, ERROR_PERMANENT, "cannot open the directory %.150s for indexes",
		    path);
	if (fstat(directory, &status) == 0 && status.st_uid == geteuid() &&
	    (status.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return directory;
	close(directory);
	return error_set(error, ERROR_PERMANENT,
	    "the directory %.150s for indexes is not this user's alone", path);
}

void
index_maildrop_digest(uint8_t maildrop[INDEX_MAILDROP_SIZE], const char *scheme, const char *path)
{
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, strlen(scheme), (const uint8_t *)scheme);
	sha256_update(&context, 1, (const uint8_t *)":");
	sha256_update(&context, strlen(path), (const uint8_t *)path);
	sha256_digest(&context, INDEX_MAILDROP_SIZE, maildrop);
}

void
index_place_none(struct index_place *place)
{
	index_place_beside(place, -1, "");
}

void
index_place_beside(struct index_place *place, int directory, const char *name)
{
	int length = snprintf(place->name, sizeof(place->name), "%s", name);

	if (length < 0 || (size_t)length >= sizeof(place->name))
		place->name[0] = '\0';
	place->directory = directory;
	memset(place->maildrop, 0, sizeof(place->maildrop));
}

void
index_place_apart(struct index_place *place, int directory,
    const uint8_t maildrop[INDEX_MAILDROP_SIZE])
{
	place->directory = directory;
	memcpy(place->maildrop, maildrop, sizeof(place->maildrop));
	for (size_t i = 0; i < INDEX_MAILDROP_SIZE; i++)
		snprintf(place->name + 2 * i, 3, "%02x", maildrop[i]);
}

int
index_place_open(const struct index_place *place)
{
	if (place->name[0] == '\0') {
		errno = ENOENT;
		return -1;
	}
	return openat(place->directory, place->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

static void
temporary_name(const struct index_place *place, char name[INDEX_PLACE_SIZE + 8])
{
	snprintf(name, INDEX_PLACE_SIZE + 8, "%s.tmp", place->name);
}

/*
 * The temporary file has one name, so that a crash leaves at most one behind; one that is old is
 * such a rest.
 */
int
index_place_create(const struct index_place *place)
{
	static const int how = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	char name[INDEX_PLACE_SIZE + 8];
	struct stat status;
	int file;

	temporary_name(place, name);
	file = openat(place->directory, name, how, 0600);
	if (file >= 0 || errno != EEXIST)
		return file;
	if (fstatat(place->directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    status.st_mtime + REST_SECONDS < time(NULL) &&
	    unlinkat(place->directory, name, 0) == 0)
		return openat(place->directory, name, how, 0600);
	errno = EEXIST;
	return -1;
}

int
index_place_commit(const struct index_place *place)
{
	char name[INDEX_PLACE_SIZE + 8];

	temporary_name(place, name);
	return renameat(place->directory, name, place->directory, place->name);
}

void
index_place_abandon(const struct index_place *place)
{
	char name[INDEX_PLACE_SIZE + 8];

	temporary_name(place, name);
	unlinkat(place->directory, name, 0);
}

void
index_place_remove(const struct index_place *place)
{
	if (place->name[0] != '\0')
		unlinkat(place->directory, place->name, 0);
}

/* Bounded: what was told long ago may be told again. */
static bool
is_told(uint64_t what)
{
	static _Atomic uint64_t told[TOLD_COUNT];

	return atomic_exchange(&told[what % TOLD_COUNT], what) == what;
}

void
index_tell_ignored(const struct index_place *place, const struct error *problem)
{
	struct stat status;
	uint64_t what = XXH3_64bits(problem->text, strlen(problem->text));

	/* Where it cannot be replaced, each session finds the same file. */
	if (fstatat(place->directory, place->name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		const uint64_t file[] = { status.st_dev, status.st_ino, (uint64_t)status.st_ctim.tv_sec,
			(uint64_t)status.st_ctim.tv_nsec };

		what = XXH3_64bits_withSeed(file, sizeof(file), what);
	}
	if (!is_told(what))
		LOG(LOG_LEVEL_WARNING, "index-ignored", LOG_REASON(problem));
}

void
index_tell_not_written(const struct error *problem)
{
	if (!is_told(XXH3_64bits(problem->text, strlen(problem->text))))
		LOG(LOG_LEVEL_WARNING, "index-not-written", LOG_REASON(problem),
		    LOG_TEXT("effect", "mail that has changed is read again at each login"));
}
