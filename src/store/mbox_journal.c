/* See mbox_journal.h. */

#include "store/mbox_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "store/append.h"
#include "store/mbox_scan.h"

#define BLOCK_SIZE   512	/* of the header, and what it is aligned to: no disk tears it */
#define CHUNK_SIZE   (64 * 1024)
#define DIGEST_CHARACTERS (2 * SHA256_DIGEST_SIZE)

#define FROM_LINE  "From  Thu Jan  1 00:00:00 1970\n"
#define FIELDS     "X-Restante-Journal: 1 size=%020" PRIu64 " begin=%020" PRIu64 \
    " kept=%020" PRIu64 " inode=%020" PRIu64 " sum="
#define EXPLANATION "\nSubject: an interrupted removal\n\n" \
    "What follows is mail that restante was moving when it was stopped. It finishes by\n" \
    "itself when the mailbox is opened next.\n"
#define EXPLANATION_OF_APPEND "\nSubject: an interrupted delivery\n\n" \
    "What stands before this is mail that did not arrive in whole. restante removes it by\n" \
    "itself when the mailbox is opened next.\n"
#define TRAILER    "\n" FROM_LINE "X-Restante-Journal-End: "
#define TRAILER_SIZE (sizeof(TRAILER) - 1 + DIGEST_CHARACTERS + 2)

static void
digest_hex(struct sha256_ctx *context, char hex[DIGEST_CHARACTERS + 1])
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_digest(context, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* It guards mail that is being appended; nothing is removed. */
static bool
is_append(const struct mbox_journal *journal)
{
	return journal->begin == journal->size;
}

static void
header_make(char block[BLOCK_SIZE], const struct mbox_journal *journal, uint64_t inode)
{
	char text[BLOCK_SIZE + 1], sum[DIGEST_CHARACTERS + 1];
	struct sha256_ctx context;
	int size = snprintf(text, sizeof(text), "\n" FROM_LINE FIELDS, journal->size, journal->begin,
	    journal->kept, inode);

	sha256_init(&context);
	sha256_update(&context, (size_t)size, (const uint8_t *)text);
	digest_hex(&context, sum);
	size += snprintf(text + size, sizeof(text) - (size_t)size, "%s%s", sum,
	    is_append(journal) ? EXPLANATION_OF_APPEND : EXPLANATION);
	memset(text + size, ' ', BLOCK_SIZE - (size_t)size);
	memcpy(block, text, BLOCK_SIZE - 1);
	block[BLOCK_SIZE - 1] = '\n';
}

/* Everything that follows from the three sizes. */
static void
journal_place(struct mbox_journal *journal)
{
	uint64_t before = journal->size + (is_append(journal) ? journal->kept : 0);
	uint64_t block = (before + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;

	journal->data = block + BLOCK_SIZE;
	journal->end = journal->data + (is_append(journal) ? 0 : journal->kept + TRAILER_SIZE);
}

static int
digest_add(struct sha256_ctx *context, int file, uint64_t offset, uint64_t size,
    struct error *error)
{
	uint8_t *chunk = malloc(CHUNK_SIZE);
	int result = chunk != NULL ? 0 : error_set(error, ERROR_TEMPORARY, "no memory for a journal");

	while (result == 0 && size > 0) {
		size_t part = size < CHUNK_SIZE ? (size_t)size : CHUNK_SIZE;

		result = mbox_read_all(file, offset, chunk, part, error);
		if (result == 0)
			sha256_update(context, part, chunk);
		offset += part;
		size -= part;
	}
	free(chunk);
	return result;
}

static void
trailer_make(char trailer[TRAILER_SIZE + 1], struct sha256_ctx *context)
{
	char sum[DIGEST_CHARACTERS + 1];

	digest_hex(context, sum);
	snprintf(trailer, TRAILER_SIZE + 1, TRAILER "%s\n\n", sum);
}

/* Does the file hold the trailer that belongs to this header and data? */
static bool
is_certain(int file, const char block[BLOCK_SIZE], const struct mbox_journal *journal)
{
	char found[TRAILER_SIZE], wanted[TRAILER_SIZE + 1];
	struct sha256_ctx context;
	struct error error;

	sha256_init(&context);
	sha256_update(&context, BLOCK_SIZE, (const uint8_t *)block);
	if (digest_add(&context, file, journal->data, journal->kept, &error) != 0 ||
	    mbox_read_all(file, journal->end - TRAILER_SIZE, found, TRAILER_SIZE, &error) != 0)
		return false;
	trailer_make(wanted, &context);
	return memcmp(found, wanted, TRAILER_SIZE) == 0;
}

bool
mbox_journal_find(int file, uint64_t offset, uint64_t end, struct mbox_journal *journal)
{
	char block[BLOCK_SIZE + 1], wanted[BLOCK_SIZE];
	struct mbox_journal found = { 0 };
	struct error error;
	struct stat status;
	uint64_t inode;

	if (offset % BLOCK_SIZE != 1 || end - offset < BLOCK_SIZE - 1 || fstat(file, &status) != 0 ||
	    mbox_read_all(file, offset - 1, block, BLOCK_SIZE, &error) != 0)
		return false;
	block[BLOCK_SIZE] = '\0';
	if (sscanf(block, "\n" FROM_LINE "X-Restante-Journal: 1 size=%" SCNu64 " begin=%" SCNu64
	    " kept=%" SCNu64 " inode=%" SCNu64, &found.size, &found.begin, &found.kept, &inode) != 4 ||
	    inode != status.st_ino || found.size > offset || found.begin > found.size ||
	    found.kept > (is_append(&found) ? offset : found.size) - found.begin)
		return false;
	header_make(wanted, &found, inode);
	journal_place(&found);
	if (memcmp(block, wanted, BLOCK_SIZE) != 0 || found.data != offset - 1 + BLOCK_SIZE)
		return false;
	found.certain = !is_append(&found) && found.end <= end && is_certain(file, block, &found);
	if (found.end > end)
		found.end = end;
	*journal = found;
	return true;
}

/* Does that text stand so far before the end? */
static bool
stands_before(int file, uint64_t size, uint64_t distance, const char *text)
{
	char found[BLOCK_SIZE];
	size_t length = strlen(text);
	struct error error;

	return size >= distance && mbox_read_all(file, size - distance, found, length, &error) == 0 &&
	    memcmp(found, text, length) == 0;
}

bool
mbox_journal_ends(int file, uint64_t size)
{
	char last;
	struct error error;

	/* One that is not whole ends with the NULs by which the file grew. */
	if (size > 0 && mbox_read_all(file, size - 1, &last, 1, &error) == 0 && last == '\0')
		return true;
	return stands_before(file, size, TRAILER_SIZE, TRAILER) ||
	    stands_before(file, size, BLOCK_SIZE, "\n" FROM_LINE "X-Restante-Journal: ");
}

static int
failure(struct error *error, const char *what)
{
	return error_errno(error, ERROR_TEMPORARY, "cannot %s the mbox", what);
}

static int
write_all(int file, uint64_t offset, const void *data, size_t size, struct error *error)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(file, (const char *)data + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failure(error, "write");
		done += (size_t)n;
	}
	return 0;
}

/* context: a digest that the octets are added to, or NULL. */
static int
range_copy(int file, uint64_t from, uint64_t to, uint64_t size, struct sha256_ctx *context,
    struct error *error)
{
	uint8_t *chunk = malloc(CHUNK_SIZE);
	int result = chunk != NULL ? 0 : error_set(error, ERROR_TEMPORARY, "no memory for a journal");

	while (result == 0 && size > 0) {
		size_t part = size < CHUNK_SIZE ? (size_t)size : CHUNK_SIZE;

		result = mbox_read_all(file, from, chunk, part, error);
		if (result == 0 && context != NULL)
			sha256_update(context, part, chunk);
		if (result == 0)
			result = write_all(file, to, chunk, part, error);
		from += part;
		to += part;
		size -= part;
	}
	free(chunk);
	return result;
}

static int
file_sync(int file, struct error *error)
{
	return fsync(file) == 0 ? 0 : failure(error, "sync");
}

int
mbox_journal_guard(int file, uint64_t size, uint64_t room, struct error *error)
{
	struct mbox_journal journal = { .size = size, .begin = size, .kept = room };
	char block[BLOCK_SIZE];
	struct stat status;

	if (fstat(file, &status) != 0)
		return failure(error, "look at");
	journal_place(&journal);
	header_make(block, &journal, status.st_ino);
	if (write_all(file, journal.data - BLOCK_SIZE, block, BLOCK_SIZE, error) != 0)
		return -1;
	return append_sync(file) == 0 ? 0 : failure(error, "sync");
}

static int
file_cut(int file, uint64_t size, struct error *error)
{
	if (ftruncate(file, (off_t)size) != 0)
		return failure(error, "cut");
	return file_sync(file, error);
}

/*
 * Step 1. Where the disk is full it fails here, before anything has happened. Synced before the
 * header is written: in a file that had only grown half-way, mail that is delivered after a crash
 * would lie where the header says that the journal is.
 */
static int
file_grow(int file, const struct mbox_journal *journal, struct error *error)
{
	if (fallocate(file, 0, (off_t)journal->size, (off_t)(journal->end - journal->size)) != 0 &&
	    (errno != EOPNOTSUPP || ftruncate(file, (off_t)journal->end) != 0))
		return failure(error, "enlarge");
	return file_sync(file, error);
}

/* Steps 2 and 3. */
static int
journal_write(int file, const struct mbox_journal *journal, const struct mbox_range removed[],
    size_t count, struct error *error)
{
	char block[BLOCK_SIZE], trailer[TRAILER_SIZE + 1];
	uint64_t to = journal->data, end = journal->data + journal->kept;
	struct sha256_ctx context;
	struct stat status;

	if (fstat(file, &status) != 0)
		return failure(error, "look at");
	header_make(block, journal, status.st_ino);
	if (write_all(file, journal->data - BLOCK_SIZE, block, BLOCK_SIZE, error) != 0 ||
	    file_sync(file, error) != 0)
		return -1;
	sha256_init(&context);
	sha256_update(&context, BLOCK_SIZE, (const uint8_t *)block);
	for (size_t i = 0; i < count; i++) {
		uint64_t part = i + 1 < count ? removed[i + 1].begin - removed[i].end : end - to;

		if (range_copy(file, removed[i].end, to, part, &context, error) != 0)
			return -1;
		to += part;
	}
	trailer_make(trailer, &context);
	if (write_all(file, to, trailer, TRAILER_SIZE, error) != 0)
		return -1;
	return file_sync(file, error);
}

/* Steps 4 and 5, or of an interrupted one what is still to be done. */
static int
journal_finish(int file, const struct mbox_journal *journal, uint64_t size, struct error *error)
{
	struct mbox_range rest = { journal->size, journal->end };

	if (journal->certain) {
		rest.begin = journal->begin + journal->kept;
		if (range_copy(file, journal->data, journal->begin, journal->kept, NULL, error) != 0 ||
		    file_sync(file, error) != 0)
			return -1;
	}
	if (journal->end >= size)
		return file_cut(file, rest.begin, error);
	return mbox_journal_remove(file, size, &rest, 1, error);
}

int
mbox_journal_settle(int file, const struct mbox_journal *journal, struct error *error)
{
	struct stat status;

	if (fstat(file, &status) != 0)
		return failure(error, "look at");
	return journal_finish(file, journal, (uint64_t)status.st_size, error);
}

/* The journal must begin a line, or mail behind it would not. The reader ends that line anyway. */
static int
last_line_end(int file, uint64_t *size, struct error *error)
{
	char last;

	if (mbox_read_all(file, *size - 1, &last, 1, error) != 0)
		return -1;
	if (last == '\n')
		return 0;
	if (write_all(file, *size, "\n", 1, error) != 0 || file_sync(file, error) != 0)
		return -1;
	*size += 1;
	return 0;
}

int
mbox_journal_remove(int file, uint64_t size, const struct mbox_range removed[], size_t count,
    struct error *error)
{
	struct mbox_journal journal = { .begin = removed[0].begin };
	struct error ignored;

	for (size_t i = 0; i < count; i++)
		journal.kept += (i + 1 < count ? removed[i + 1].begin : size) - removed[i].end;
	if (journal.kept == 0)
		return file_cut(file, journal.begin, error);
	journal.size = size;
	if (last_line_end(file, &journal.size, error) != 0)
		return -1;
	if (removed[count - 1].end < size)
		journal.kept += journal.size - size;
	journal_place(&journal);
	if (file_grow(file, &journal, error) != 0 ||
	    journal_write(file, &journal, removed, count, error) != 0) {
		/* Undone now, or by the next open. */
		(void)file_cut(file, size, &ignored);
		return -1;
	}
	journal.certain = true;
	return journal_finish(file, &journal, journal.end, error);
}
