/*
 * The message goes to a file first: it is read more than once, and what arrives in pieces over
 * minutes must hold no lock. The file has no name, so that nothing is left of it whatever happens.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/octets.h"
#include "deliver/deliver.h"
#include "smtp/hops.h"

#define PIECE_SIZE         65536
#define FROM_LINE_SIZE_MAX 1000

/* What hops.h finds is compared with. */
struct comparison {
	const struct path *recipient;
	bool found;
};

static void
compare(void *context, const struct path *delivered)
{
	struct comparison *comparison = context;

	if (comparison->recipient != NULL && path_equal(comparison->recipient, delivered))
		comparison->found = true;
}

/* Where TMPDIR or /tmp is on a file system that cannot do without a name, the name goes at once. */
static int
file_make(struct error *error)
{
	const char *directory = getenv("TMPDIR");
	char name[PATH_SIZE];
	int file;

	if (directory == NULL || *directory != '/')
		directory = "/tmp";
	file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file >= 0)
		return file;
	if (snprintf(name, sizeof(name), "%s/restante-deliver-XXXXXX", directory) < (int)sizeof(name) &&
	    (file = mkostemp(name, O_CLOEXEC)) >= 0 && unlink(name) == 0)
		return file;
	return error_errno(error, ERROR_TEMPORARY, "cannot make a file in %.100s", directory);
}

static int
keep(int file, const char *octets, size_t size, struct error *error)
{
	return octets_write(file, octets, size) == 0 ? 0 :
	    error_errno(error, ERROR_TEMPORARY, "cannot keep the message");
}

/* "From anna@example.org  Thu Jan  1 ...": the octets of the line; 0 if it is none. */
static size_t
from_line_take(struct spool *spool, const char *piece, size_t size)
{
	const char *end = memchr(piece, '\n', size < FROM_LINE_SIZE_MAX ? size : FROM_LINE_SIZE_MAX);
	size_t word;

	if (size < 5 || memcmp(piece, "From ", 5) != 0 || end == NULL)
		return 0;
	word = strcspn(piece + 5, " \t\r\n");
	if (word < sizeof(spool->sender))
		snprintf(spool->sender, sizeof(spool->sender), "%.*s", (int)word, piece + 5);
	return (size_t)(end + 1 - piece);
}

int
spool_read(struct spool *spool, int input, const struct path *recipient, struct error *error)
{
	static char piece[PIECE_SIZE + 1];
	struct comparison comparison = { .recipient = recipient };
	static struct hops hops;
	bool first = true;
	ssize_t n;

	*spool = (struct spool){ .file = file_make(error) };
	if (spool->file < 0)
		return -1;
	hops_begin(&hops);
	while ((n = octets_read(input, piece, PIECE_SIZE)) > 0) {
		size_t skip;

		piece[n] = '\0';
		skip = first ? from_line_take(spool, piece, (size_t)n) : 0;
		first = false;
		hops_add(&hops, piece + skip, (size_t)n - skip, compare, &comparison);
		if (keep(spool->file, piece + skip, (size_t)n - skip, error) != 0)
			return -1;
		spool->size += (uint64_t)n - skip;
	}
	if (n < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot read the message");
	hops_end(&hops, compare, &comparison);
	spool->looped = comparison.found || hops_too_many(&hops);
	return 0;
}
