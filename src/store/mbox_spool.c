/* See mbox_spool.h. */

#include "store/mbox_spool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/mbox_scan.h"

#define CHUNK_SIZE 16384

/* So that the text can be read as a message; not at the beginning, where c-client keeps its notes. */
static const char preamble[] = "\nFrom - Thu Jan  1 00:00:00 1970\n";

struct mbox_spool *
mbox_spool_new(struct error *error)
{
	struct mbox_spool *spool = malloc(sizeof(*spool));

	if (spool == NULL) {
		error_set(error, ERROR_TEMPORARY, "no memory for a delivery");
		return NULL;
	}
	spool->file = append_spool_open(error);
	mbox_quote_begin(&spool->quote, spool->file, 0);
	append_lines_begin(&spool->lines);
	if (spool->file < 0 || mbox_quote_line(&spool->quote, preamble, strlen(preamble), error) != 0) {
		mbox_spool_free(spool);
		return NULL;
	}
	return spool;
}

int
mbox_spool_put(struct mbox_spool *spool, const char *piece, size_t size, struct error *error)
{
	char text[CHUNK_SIZE + 1];

	while (size > 0) {
		size_t part = size < CHUNK_SIZE ? size : CHUNK_SIZE;
		size_t used = append_lines_convert(&spool->lines, piece, part, text);

		if (mbox_quote_put(&spool->quote, text, used, error) != 0)
			return -1;
		piece += part;
		size -= part;
	}
	return 0;
}

int
mbox_spool_end(struct mbox_spool *spool, struct error *error)
{
	struct mbox_entry entry;
	char held[1];
	int found;

	if (mbox_quote_put(&spool->quote, held, append_lines_end(&spool->lines, held), error) != 0 ||
	    mbox_quote_end(&spool->quote, error) != 0)
		return -1;
	spool->begin = strlen(preamble);
	spool->end = spool->quote.offset;
	found = mbox_scan_one(spool->file, 1, spool->end, &entry, error);
	if (found == 0)
		error_set(error, ERROR_TEMPORARY, "the message changes while it is kept");
	if (found != 1)
		return -1;
	memcpy(spool->digest, entry.uidl, MBOX_DIGEST_SIZE);
	spool->digest[MBOX_DIGEST_SIZE] = '\0';
	return 0;
}

void
mbox_spool_free(struct mbox_spool *spool)
{
	if (spool != NULL && spool->file >= 0)
		close(spool->file);
	free(spool);
}
