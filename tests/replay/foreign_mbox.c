/* See foreign.h: a mail program that shares an mbox. */

#include "replay/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENVELOPE "From anna@example.org Fri Jul  8 12:08:34 2011\n"

static void
insist(bool done, int status)
{
	if (!done)
		_exit(status);
}

static bool
is_at_path(int file, const char *path)
{
	struct stat here, there;

	return fstat(file, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino;
}

/* fcntl, then the dot lock, on the file that is at the path; never waiting with one in hand. */
static int
mbox_lock(const char *path)
{
	char lock_path[160];

	snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
	for (;; usleep(300)) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int file = open(path, O_RDWR | O_APPEND | O_CLOEXEC), dot;

		insist(file >= 0, 10);
		if (fcntl(file, F_SETLK, &lock) == 0 && is_at_path(file, path)) {
			dot = open(lock_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
			if (dot >= 0) {
				close(dot);
				return file;
			}
			insist(errno == EEXIST, 11);
		}
		close(file);
	}
}

static void
mbox_unlock(const char *path, int file)
{
	char lock_path[160];

	snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
	insist(unlink(lock_path) == 0, 12);
	close(file);
}

void
foreign_mbox_make(const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	insist(file >= 0, 13);
	close(file);
}

void
foreign_mbox_deliver(const char *path, const struct guest *guest)
{
	char whole[FOREIGN_TEXT_SIZE + 128] = ENVELOPE;
	size_t size = strlen(ENVELOPE);
	int file = mbox_lock(path);

	size += foreign_text(guest->number, whole + size, FOREIGN_TEXT_SIZE);
	whole[size++] = '\n';
	insist(write(file, whole, size) == (ssize_t)size, 14);
	mbox_unlock(path, file);
}

static char *
file_read(int file, size_t *size)
{
	struct stat status;
	char *text;

	insist(fstat(file, &status) == 0, 15);
	*size = (size_t)status.st_size;
	text = malloc(*size + 1);
	insist(text != NULL && pread(file, text, *size, 0) == (ssize_t)*size, 16);
	text[*size] = '\0';
	return text;
}

/* Where the message begins, and the next one. NULL: it is not there. */
static char *
message_find(char *text, unsigned number, char **end)
{
	char subject[32];
	char *at, *next;

	snprintf(subject, sizeof(subject), "\nSubject: %u\n", number);
	at = strstr(text, subject);
	if (at == NULL)
		return NULL;
	while (at > text && !(strncmp(at, "From ", 5) == 0 && at[-1] == '\n'))
		at--;
	next = strstr(at + 1, "\nFrom ");
	*end = next != NULL ? next + 1 : at + strlen(at);
	return at;
}

static void
file_write(int file, const char *text, size_t size)
{
	insist(write(file, text, size) == (ssize_t)size, 17);
}

/* What is in three parts now; the file at the path holds it when this is done. */
static void
parts_write(const char *path, int old, bool renames, const char *const parts[3], const size_t sizes[3])
{
	char new_path[160];
	int file = old;

	snprintf(new_path, sizeof(new_path), "%s.another", path);
	if (renames)
		file = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	insist(file >= 0 && (renames || ftruncate(file, 0) == 0), 18);
	for (size_t i = 0; i < 3; i++)
		file_write(file, parts[i], sizes[i]);
	if (!renames)
		return;
	insist(rename(new_path, path) == 0, 19);
	close(file);
}

static bool
message_replace(const char *path, const struct guest *guest, const char *status, bool renames)
{
	int file = mbox_lock(path);
	size_t size, note_size = 0;
	char *text = file_read(file, &size), *end = NULL;
	char *at = message_find(text, guest->number, &end);
	char note[128] = "";

	if (at != NULL) {
		char *rest = end;

		if (status != NULL) {
			note_size = (size_t)snprintf(note, sizeof(note), ENVELOPE "%s", status);
			rest = strstr(at, "Subject: ");
		}
		parts_write(path, file, renames, (const char *const[]){ text, note, rest },
		    (const size_t[]){ (size_t)(at - text), note_size, size - (size_t)(rest - text) });
	}
	free(text);
	mbox_unlock(path, file);
	return at != NULL;
}

bool
foreign_mbox_flag(const char *path, const struct guest *guest, bool flagged, bool renames)
{
	return message_replace(path, guest, flagged ? "Status: RO\nX-Status: F\n" : "Status: O\n", renames);
}

void
foreign_mbox_remove(const char *path, const struct guest *guest, bool renames)
{
	(void)message_replace(path, guest, NULL, renames);
}
