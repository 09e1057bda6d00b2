/* See maildir_world.h. */

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
#include <unistd.h>
#include <cmocka.h>

#include "store/maildir_world.h"

char world_root[] = "/tmp/restante-maildir-XXXXXX";
char world_place[64];
int world_directory = -1;

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
	static const char *const names[] = { "new", "cur", "tmp" };

	(void)state;
	if (world_directory < 0) {
		if (mkdtemp(world_root) == NULL)
			return -1;
		world_directory = open(world_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		snprintf(world_place, sizeof(world_place), "maildir:%s", world_root);
	}
	nftw(world_root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mkdirat(world_directory, names[i], 0700) != 0)
			return -1;
	return 0;
}

void
world_end(void)
{
	nftw(world_root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	close(world_directory);
	rmdir(world_root);
}

void
world_put(const char *name, const char *text)
{
	int file = openat(world_directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	close(file);
}

void
world_move(const char *from, const char *to)
{
	assert_int_equal(renameat(world_directory, from, world_directory, to), 0);
}

bool
world_has(const char *name)
{
	struct stat status;

	return fstatat(world_directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

struct store *
world_open(void)
{
	struct store *store = NULL;
	struct error error = { .kind = ERROR_NONE };

	if (store_open(&store, world_place, &error) != 0)
		fail_msg("%s", error.text);
	return store;
}
