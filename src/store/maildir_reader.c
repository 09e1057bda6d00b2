/* See maildir_reader.h. */

#include "store/maildir_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/maildir_file.h"

void
maildir_reader_begin(struct maildir_reader *reader, const int *maildir,
    const struct index_list *list)
{
	*reader = (struct maildir_reader){ .maildir = maildir, .list = list, .file = -1 };
}

static void
file_close(struct maildir_reader *reader)
{
	if (reader->file >= 0)
		close(reader->file);
	reader->file = -1;
}

void
maildir_reader_end(struct maildir_reader *reader)
{
	file_close(reader);
	while (reader->ahead_count > 0)
		close(reader->ahead[--reader->ahead_count].file);
}

/* The file that was opened ahead is the caller's now; -1: none was. */
static int
ahead_take(struct maildir_reader *reader, size_t index)
{
	for (size_t i = 0; i < reader->ahead_count; i++)
		if (reader->ahead[i].index == index) {
			int file = reader->ahead[i].file;

			reader->ahead[i] = reader->ahead[--reader->ahead_count];
			return file;
		}
	return -1;
}

static int
message_open(struct maildir_reader *reader, size_t index, struct error *error)
{
	int file = ahead_take(reader, index);

	if (file >= 0)
		return file;
	return maildir_file_open(*reader->maildir, reader->list, &reader->list->entries[index], error);
}

/* Opens the message for reading, unless it is open. */
static int
file_change(struct maildir_reader *reader, size_t index, struct error *error)
{
	const struct index_entry *entry = &reader->list->entries[index];
	struct stat status;
	int file;

	if (reader->file >= 0 && reader->index == index) {
		/* Opened ahead while it was open already: nobody else would take it. */
		file = ahead_take(reader, index);
		if (file >= 0)
			close(file);
		return 0;
	}
	file = message_open(reader, index, error);
	if (file < 0)
		return -1;
	file_close(reader);
	reader->file = file;
	reader->index = index;
	reader->stamp = 0;
	/* A message that was counted and is not in wire form has nothing more to teach. */
	if ((entry->flags & (INDEX_COUNTED | INDEX_WIRE_FORM)) != INDEX_COUNTED &&
	    fstat(file, &status) == 0)
		reader->stamp = maildir_file_stamp(&status);
	return 0;
}

ssize_t
maildir_reader_read(struct maildir_reader *reader, size_t index, uint64_t offset, void *buffer,
    size_t size, struct error *error)
{
	ssize_t n;

	if (file_change(reader, index, error) != 0)
		return -1;
	n = maildir_file_read(reader->file, buffer, size, offset, error);
	/* A session that waits for its next command should not keep a file open. */
	if (n <= 0)
		file_close(reader);
	return n;
}

/* Only one that is as it was when it was found to be in wire form. */
int
maildir_reader_file(struct maildir_reader *reader, size_t index)
{
	const struct index_entry *entry = &reader->list->entries[index];
	struct error error;
	struct stat status;
	int file;

	if ((entry->flags & INDEX_WIRE_FORM) == 0)
		return -1;
	file = message_open(reader, index, &error);
	if (file < 0)
		return -1;
	if (fstat(file, &status) == 0 && (uint64_t)status.st_size == entry->wire_size &&
	    maildir_file_stamp(&status) == entry->stamp)
		return file;
	close(file);
	return -1;
}

/* The descriptor is kept: opening would cost more than the rest, and it has to be done anyway. */
void
maildir_reader_ahead(struct maildir_reader *reader, size_t index)
{
	struct error error;
	int file;

	if (reader->ahead_count == STORE_AHEAD_MAX)
		return;
	file = message_open(reader, index, &error);
	if (file < 0)
		return;
	(void)posix_fadvise(file, 0, 0, POSIX_FADV_WILLNEED);
	reader->ahead[reader->ahead_count].index = index;
	reader->ahead[reader->ahead_count++].file = file;
}

uint16_t
maildir_reader_stamp(const struct maildir_reader *reader, size_t index)
{
	return reader->index == index ? reader->stamp : 0;
}
