/* See disk.h. */

#include "replay/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <xxhash.h>

#define PATH_MAX_SIZE 1024

static void
path_join(char path[PATH_MAX_SIZE], const char *directory, const char *name)
{
	assert_true(snprintf(path, PATH_MAX_SIZE, "%s/%s", directory, name) < PATH_MAX_SIZE);
}

uint32_t
disk_node_add(struct disk *disk, bool is_directory, ino_t inode)
{
	assert_true(disk->node_count < DISK_NODES_MAX);
	disk->nodes = reallocarray(disk->nodes, disk->node_count + 1, sizeof(*disk->nodes));
	assert_non_null(disk->nodes);
	disk->nodes[disk->node_count] = (struct disk_node){ .is_directory = is_directory, .inode = inode };
	return (uint32_t)disk->node_count++;
}

static struct disk_entry *
entry_find(const struct disk *disk, uint32_t directory, const char *name)
{
	for (size_t i = 0; i < disk->entry_count; i++)
		if (disk->entries[i].directory == directory && strcmp(disk->entries[i].name, name) == 0)
			return &disk->entries[i];
	return NULL;
}

uint32_t
disk_find(const struct disk *disk, uint32_t directory, const char *name)
{
	const struct disk_entry *entry = entry_find(disk, directory, name);

	return entry != NULL ? entry->node : DISK_NONE;
}

void
disk_put(struct disk *disk, uint32_t directory, const char *name, uint32_t node)
{
	struct disk_entry *entry = entry_find(disk, directory, name);

	if (entry == NULL) {
		disk->entries = reallocarray(disk->entries, disk->entry_count + 1, sizeof(*entry));
		assert_non_null(disk->entries);
		entry = &disk->entries[disk->entry_count++];
		entry->directory = directory;
		assert_true((size_t)snprintf(entry->name, sizeof(entry->name), "%s", name) < sizeof(entry->name));
	}
	entry->node = node;
}

void
disk_drop(struct disk *disk, uint32_t directory, const char *name)
{
	struct disk_entry *entry = entry_find(disk, directory, name);

	if (entry != NULL)
		*entry = disk->entries[--disk->entry_count];
}

void
disk_truncate(struct disk *disk, uint32_t node, uint64_t size)
{
	struct disk_node *n = &disk->nodes[node];
	char *data = realloc(n->data, (size_t)size + 1);

	assert_non_null(data);
	if (size > n->size)
		memset(data + n->size, 0, (size_t)size - n->size);
	n->data = data;
	n->size = (size_t)size;
}

void
disk_write(struct disk *disk, uint32_t node, uint64_t offset, const char *data, size_t size)
{
	if (offset + size > disk->nodes[node].size)
		disk_truncate(disk, node, offset + size);
	if (size > 0)
		memcpy(disk->nodes[node].data + offset, data, size);
}

void
disk_copy(struct disk *copy, const struct disk *disk)
{
	*copy = (struct disk){ 0 };
	for (uint32_t i = 0; i < disk->node_count; i++) {
		disk_node_add(copy, disk->nodes[i].is_directory, disk->nodes[i].inode);
		copy->nodes[i].times = disk->nodes[i].times;
		disk_write(copy, i, 0, disk->nodes[i].data != NULL ? disk->nodes[i].data : "",
		    disk->nodes[i].size);
	}
	copy->entries = calloc(disk->entry_count + 1, sizeof(*copy->entries));
	assert_non_null(copy->entries);
	if (disk->entry_count > 0)
		memcpy(copy->entries, disk->entries, disk->entry_count * sizeof(*copy->entries));
	copy->entry_count = disk->entry_count;
}

void
disk_free(struct disk *disk)
{
	for (size_t i = 0; i < disk->node_count; i++)
		free(disk->nodes[i].data);
	free(disk->nodes);
	free(disk->entries);
	*disk = (struct disk){ 0 };
}

static void
file_load(struct disk *disk, uint32_t node, const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	char piece[8192];
	ssize_t n;

	assert_true(file >= 0);
	while ((n = read(file, piece, sizeof(piece))) > 0)
		disk_write(disk, node, disk->nodes[node].size, piece, (size_t)n);
	assert_int_equal(n, 0);
	close(file);
}

/* Directories may be linked to nothing else, so this ends. */
static uint32_t
node_load(struct disk *disk, const char *path)
{
	struct stat status;
	uint32_t node;
	DIR *directory;
	struct dirent *entry;

	assert_int_equal(lstat(path, &status), 0);
	for (node = 0; node < disk->node_count; node++)
		if (disk->nodes[node].inode == status.st_ino)
			return node;
	node = disk_node_add(disk, S_ISDIR(status.st_mode), status.st_ino);
	disk->nodes[node].times = (struct disk_times){ status.st_mtim, status.st_ctim };
	if (!S_ISDIR(status.st_mode)) {
		file_load(disk, node, path);
		return node;
	}
	directory = opendir(path);
	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL) {
		char below[PATH_MAX_SIZE];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		path_join(below, path, entry->d_name);
		disk_put(disk, node, entry->d_name, node_load(disk, below));
	}
	closedir(directory);
	return node;
}

void
disk_load(struct disk *disk, const char *path)
{
	*disk = (struct disk){ 0 };
	node_load(disk, path);
}

static uint64_t
node_digest(const struct disk *disk, uint32_t node, uint64_t seed, bool with_times)
{
	const struct disk_node *n = &disk->nodes[node];
	uint64_t sum = 0;

	if (with_times)
		seed = XXH3_64bits_withSeed(&n->times, sizeof(n->times), seed);
	if (!n->is_directory)
		return XXH3_64bits_withSeed(n->size > 0 ? n->data : "", n->size, seed);
	/* The order of entries does not matter: a sum. */
	for (size_t i = 0; i < disk->entry_count; i++) {
		const struct disk_entry *entry = &disk->entries[i];

		if (entry->directory == node)
			sum += node_digest(disk, entry->node,
			    XXH3_64bits_withSeed(entry->name, strlen(entry->name), seed), with_times);
	}
	return XXH3_64bits_withSeed(&sum, sizeof(sum), seed);
}

uint64_t
disk_digest(const struct disk *disk, bool with_times)
{
	return node_digest(disk, 0, 1, with_times);
}

static int
remove_below(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	return walk->level == 0 ? 0 : remove(path);
}

void
disk_clear(const char *path)
{
	assert_int_equal(nftw(path, remove_below, 16, FTW_DEPTH | FTW_PHYS), 0);
}

char *
disk_directory_new(char path[64])
{
	snprintf(path, 64, "%s/restante-replay-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	return mkdtemp(path);
}

void
disk_directory_remove(const char *path)
{
	disk_clear(path);
	rmdir(path);
}

static void
file_store(const struct disk_node *node, const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(file >= 0);
	assert_int_equal(write(file, node->size > 0 ? node->data : "", node->size), (ssize_t)node->size);
	close(file);
}

/* paths: of the nodes that are laid down already; a node with two names is linked. */
static void
node_store(const struct disk *disk, uint32_t node, const char *path, char *paths[])
{
	if (paths[node] != NULL) {
		assert_int_equal(link(paths[node], path), 0);
		return;
	}
	paths[node] = strdup(path);
	assert_non_null(paths[node]);
	if (!disk->nodes[node].is_directory) {
		file_store(&disk->nodes[node], path);
		return;
	}
	if (node != 0)
		assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < disk->entry_count; i++) {
		char below[PATH_MAX_SIZE];

		if (disk->entries[i].directory != node)
			continue;
		path_join(below, path, disk->entries[i].name);
		node_store(disk, disk->entries[i].node, below, paths);
	}
}

void
disk_store(const struct disk *disk, const char *path)
{
	static struct calls_likeness likenesses[DISK_NODES_MAX];
	char *paths[DISK_NODES_MAX] = { NULL };
	size_t count = 0;

	calls_show(NULL, 0);
	disk_clear(path);
	node_store(disk, 0, path, paths);
	for (size_t i = 0; i < disk->node_count; i++) {
		const struct disk_node *node = &disk->nodes[i];
		struct stat status;

		if (paths[i] == NULL)
			continue;
		assert_int_equal(lstat(paths[i], &status), 0);
		likenesses[count++] = (struct calls_likeness){ status.st_ino, status.st_mtim,
			status.st_ctim, node->inode, node->times.modified, node->times.changed };
		free(paths[i]);
	}
	calls_show(likenesses, count);
}
