/*
 * A small file system in memory: what a directory holds, so that it can be changed operation by
 * operation and laid down again. Node 0 is the directory it was loaded from; a node keeps its
 * number for ever. Failures end the test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "replay/calls.h"

#define DISK_NONE     UINT32_MAX
#define DISK_NODES_MAX 512

struct disk_times {
	struct timespec modified, changed;
};

struct disk_node {
	bool is_directory;
	ino_t inode;
	struct disk_times times;
	char *data;
	size_t size;
};

struct disk_entry {
	uint32_t directory, node;
	char name[256];
};

struct disk {
	struct disk_node *nodes;
	size_t node_count;
	struct disk_entry *entries;
	size_t entry_count;
};

void disk_load(struct disk *, const char *path);
void disk_copy(struct disk *, const struct disk *);
void disk_free(struct disk *);

/* Returns the number of a node that no entry names yet. */
uint32_t disk_node_add(struct disk *, bool is_directory, ino_t inode);
/* DISK_NONE: there is no such entry. */
uint32_t disk_find(const struct disk *, uint32_t directory, const char *name);
/* Adds an entry, or lets it name another node. */
void disk_put(struct disk *, uint32_t directory, const char *name, uint32_t node);
void disk_drop(struct disk *, uint32_t directory, const char *name);
void disk_write(struct disk *, uint32_t node, uint64_t offset, const char *data, size_t size);
void disk_truncate(struct disk *, uint32_t node, uint64_t size);

/* The same for disks with the same names and contents (with_times: and times). */
uint64_t disk_digest(const struct disk *, bool with_times);
/* Lays it down in a directory, which is emptied before; its inodes and times will be shown. */
void disk_store(const struct disk *, const char *path);
/*
 * Makes a directory for a test and leaves its name in path; in memory where that is possible, since
 * thousands of states are laid down and none of them has to last. NULL: it cannot be made.
 */
char *disk_directory_new(char path[64]);
void disk_directory_remove(const char *path);
/* Removes what is in a directory. */
void disk_clear(const char *path);
