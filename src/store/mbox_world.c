/* See mbox_world.h. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/mbox_world.h"

#define STRANGER 12345

char world_mbox[64];
char world_place[80];

static char root[] = "/tmp/restante-mbox-XXXXXX";
static bool made;

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	return walk->level == 0 ? 0 : remove(path);
}

int
world_begin(void **state)
{
	(void)state;
	if (!made && mkdtemp(root) == NULL)
		return -1;
	made = true;
	snprintf(world_mbox, sizeof(world_mbox), "%s/anna", root);
	snprintf(world_place, sizeof(world_place), "mbox:%s", world_mbox);
	nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return chmod(root, 0755);
}

void
world_end(void)
{
	nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(root);
}

/* The clock of a file system is coarse; a test must not wait for it. ctime cannot be set. */
void
world_make_old(void)
{
	struct timespec past[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	assert_int_equal(utimensat(AT_FDCWD, world_mbox, past, 0), 0);
	usleep(150000);
}

void
world_put_octets(const char *octets, size_t size)
{
	int file = open(world_mbox, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(file >= 0);
	assert_int_equal(write(file, octets, size), (ssize_t)size);
	close(file);
}

void
world_put(const char *text)
{
	world_put_octets(text, strlen(text));
}

void
world_append(const char *text)
{
	int file = open(world_mbox, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	close(file);
}

char *
world_get(size_t *size)
{
	FILE *file = fopen(world_mbox, "r");
	char *text = NULL;
	size_t room = 0;
	ssize_t n;

	assert_non_null(file);
	n = getdelim(&text, &room, -1, file);
	if (n < 0) {
		n = 0;
		text[0] = '\0';
	}
	fclose(file);
	if (size != NULL)
		*size = (size_t)n;
	return text;
}

void
world_assert_content(const char *text)
{
	char *content = world_get(NULL);

	assert_string_equal(content, text);
	free(content);
}

const char *
world_path(const char *prefix, const char *suffix)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%sanna%s", root, prefix, suffix);
	return path;
}

bool
world_has(const char *prefix, const char *suffix)
{
	return access(world_path(prefix, suffix), F_OK) == 0;
}

int
world_as_stranger_to_directory(int (*act)(void *), void *context)
{
	int status;
	pid_t child;

	if (getuid() == 0)
		assert_int_equal(chown(world_mbox, STRANGER, STRANGER), 0);
	else
		assert_int_equal(chmod(root, 0555), 0);
	child = fork();
	if (child == 0) {
		if (getuid() == 0 && (setgid(STRANGER) != 0 || setuid(STRANGER) != 0))
			_exit(99);
		_exit(act(context));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(chmod(root, 0755), 0);
	return status;
}

struct store *
world_open(void)
{
	struct error error = { .kind = ERROR_NONE };
	struct store *store = NULL;

	if (store_open(&store, world_place, &error) != 0)
		fail_msg("%s", error.text);
	return store;
}

char *
world_read(struct store *store, size_t index, size_t piece, ssize_t *size, struct error *error)
{
	size_t room = 1 << 20, done = 0;
	char *text = malloc(room + 1);
	ssize_t n;

	while ((n = store_read(store, index, done, text + done, piece < room - done ? piece : room - done,
	    error)) > 0)
		done += (size_t)n;
	*size = n < 0 ? -1 : (ssize_t)done;
	text[done] = '\0';
	return text;
}

void
world_assert_text(struct store *store, size_t index, const char *wanted)
{
	static const size_t pieces[] = { 1 << 20, 7, 1 };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct error error = { .kind = ERROR_NONE };
		ssize_t size;
		char *text = world_read(store, index, pieces[i], &size, &error);

		if (size < 0)
			fail_msg("%s", error.text);
		assert_string_equal(text, wanted);
		free(text);
	}
}

void
world_uidl(struct store *store, size_t index, char uidl[UIDL_SIZE])
{
	struct message message;
	struct error error;

	assert_int_equal(store_message(store, index, &message, &error), 0);
	assert_true(message.uidl_size > 0 && message.uidl_size < UIDL_SIZE);
	memcpy(uidl, message.uidl, message.uidl_size);
	uidl[message.uidl_size] = '\0';
}

int
world_remove(unsigned bits, struct error *error)
{
	struct store *store = NULL;
	bool marked[32];
	int result;

	if (store_open(&store, world_place, error) != 0)
		return -1;
	for (size_t i = 0; i < 32; i++)
		marked[i] = i < store->count && (bits >> i & 1) != 0;
	result = store_remove(store, marked, error);
	store_release(store);
	store_close(store);
	return result;
}
