/* See maildir_uidls.h. */

#include "store/maildir_uidls.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/octets.h"
#include "store/maildir_name.h"
#include "store/text_file.h"

#define TEMPORARY_NAME MAILDIR_UIDLS_NAME ".tmp"
#define FIRST_LINE     "restante-uidls 1\n"
#define LAST_LINE_SIZE 64

static int
damaged(struct error *error, const char *how)
{
	return error_set(error, ERROR_TEMPORARY,
	    "%s is damaged: %s; all mail would be fetched again: remove it and import the UIDLs anew",
	    MAILDIR_UIDLS_NAME, how);
}

/* Where the last line begins, or NULL. The text ends with a newline. */
static const char *
last_line(const char *text, size_t size)
{
	const char *newline = size > 1 ? memrchr(text, '\n', size - 1) : NULL;

	return newline != NULL ? newline + 1 : NULL;
}

static int
frame_check(const char *text, size_t size, uint64_t *count, const char **end, struct error *error)
{
	char wanted[LAST_LINE_SIZE], line[LAST_LINE_SIZE];

	if (size < strlen(FIRST_LINE) || memcmp(text, FIRST_LINE, strlen(FIRST_LINE) - 2) != 0)
		return damaged(error, "it does not begin as it should");
	if (memcmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0)
		return error_set(error, ERROR_TEMPORARY, "%s is of another version of restante",
		    MAILDIR_UIDLS_NAME);
	*end = text[size - 1] == '\n' ? last_line(text, size) : NULL;
	if (*end == NULL || (size_t)(text + size - *end) >= sizeof(line))
		return damaged(error, "its end is missing");
	snprintf(line, sizeof(line), "%.*s", (int)(text + size - *end), *end);
	if (sscanf(line, "end %" SCNu64, count) != 1)
		return damaged(error, "its end is missing");
	snprintf(wanted, sizeof(wanted), "end %" PRIu64 " %016" PRIx64 "\n", *count,
	    (uint64_t)XXH3_64bits(text, (size_t)(*end - text)));
	return strcmp(line, wanted) == 0 ? 0 : damaged(error, "its checksum is wrong");
}

static int
row_parse(struct uidl_table *table, const char *line, size_t size, struct error *error)
{
	const char *space = memchr(line, ' ', size);
	size_t before = table->count, uidl_size = space != NULL ? (size_t)(space - line) : 0;

	if (!maildir_name_is_uidl(line, uidl_size))
		return damaged(error, "a line of it has no UIDL");
	if (uidl_table_add(table, space + 1, size - uidl_size - 1, line, uidl_size) != 0)
		return error_set(error, ERROR_TEMPORARY, "no memory for the UIDLs");
	if (table->count == before || (before > 0 &&
	        uidl_row_compare(table, &table->rows[before - 1], &table->rows[before]) >= 0))
		return damaged(error, "a line of it is where it cannot be");
	return 0;
}

int
maildir_uidls_parse(struct uidl_table *table, const char *text, size_t size, struct error *error)
{
	const char *end = text, *newline;
	uint64_t count = 0;
	int result;

	*table = (struct uidl_table){ 0 };
	result = frame_check(text, size, &count, &end, error);
	text += result == 0 ? strlen(FIRST_LINE) : 0;
	for (; result == 0 && text < end; text = newline + 1) {
		newline = memchr(text, '\n', (size_t)(end - text));
		result = row_parse(table, text, (size_t)(newline - text), error);
	}
	if (result == 0 && table->count != count)
		result = damaged(error, "lines of it are missing");
	if (result != 0)
		uidl_table_free(table);
	return result;
}

int
maildir_uidls_read(struct uidl_table *table, int maildir, struct error *error)
{
	char *text;
	size_t size;
	int result = text_file_read(&text, &size, maildir, MAILDIR_UIDLS_NAME, error);

	*table = (struct uidl_table){ 0 };
	if (result <= 0)
		return result;
	result = maildir_uidls_parse(table, text, size, error);
	free(text);
	return result == 0 ? 1 : -1;
}

/* All of it in memory: a line for each message is what the session has, too. */
static char *
text_make(const struct uidl_table *table, size_t *size)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, size);
	int failed;

	if (stream == NULL)
		return NULL;
	fputs(FIRST_LINE, stream);
	for (size_t i = 0; i < table->count; i++)
		fprintf(stream, "%s %s\n", uidl_row_uidl(table, &table->rows[i]),
		    uidl_row_base(table, &table->rows[i]));
	failed = fflush(stream) != 0 || ferror(stream) || text == NULL;
	if (!failed)
		fprintf(stream, "end %zu %016" PRIx64 "\n", table->count,
		    (uint64_t)XXH3_64bits(text, *size));
	failed |= ferror(stream);
	if (fclose(stream) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

static int
file_fill(int file, const char *text, size_t size)
{
	return octets_write(file, text, size) == 0 ? fsync(file) : -1;
}

/* The caller has the maildrop's lock: a temporary file that is there is a crash's. */
static int
file_replace(int maildir, const char *text, size_t size, bool *in_place, struct error *error)
{
	int file, result;

	unlinkat(maildir, TEMPORARY_NAME, 0);
	file = openat(maildir, TEMPORARY_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot create %s", TEMPORARY_NAME);
	result = file_fill(file, text, size);
	if (result != 0)
		error_errno(error, ERROR_TEMPORARY, "cannot write %s", TEMPORARY_NAME);
	close(file);
	if (result == 0 && renameat(maildir, TEMPORARY_NAME, maildir, MAILDIR_UIDLS_NAME) != 0)
		result = error_errno(error, ERROR_TEMPORARY, "cannot rename %s", TEMPORARY_NAME);
	*in_place = result == 0;
	if (result != 0)
		unlinkat(maildir, TEMPORARY_NAME, 0);
	else if (fsync(maildir) != 0)
		result = error_errno(error, ERROR_TEMPORARY, "cannot sync the Maildir");
	return result;
}

int
maildir_uidls_write(const struct uidl_table *table, int maildir, bool *in_place, struct error *error)
{
	size_t size;
	char *text = text_make(table, &size);
	int result;

	if (text == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the UIDLs");
	result = file_replace(maildir, text, size, in_place, error);
	free(text);
	return result;
}
