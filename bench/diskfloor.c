/*
 * The floor for delivery: how many files of 8 KiB a second this disk takes so that a power failure
 * no longer changes it, when nothing else is done: created in tmp/, written, synced, renamed into
 * new/, and the directory synced. Threads that do it each for itself, and other ways to get there:
 * src/store/append_group.c was chosen by them.
 *
 *	diskfloor DIRECTORY [WAY [SECONDS]]
 *
 * It works in a directory of its own below DIRECTORY and removes it. One line of JSON for 1, 16 and
 * 64 files under way at a time.
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_SIZE   8192
#define THREADS_MAX 64

struct way {
	const char *name;
	bool together;	/* one thread writes all that are under way, then syncs, then renames */
	bool early;	/* it tells the kernel to begin with each before it waits for the first */
	int (*sync)(int file);	/* of one file */
	int (*sync_all)(int file);	/* of all; NULL: each is synced */
};

static int
no_sync(int file)
{
	(void)file;
	return 0;
}

static const struct way ways[] = {
	{ .name = "fsync", .sync = fsync },	/* the first is the floor */
	{ .name = "fdatasync", .sync = fdatasync },
	{ .name = "syncfs", .sync = syncfs },
	{ .name = "group-fsync", .together = true, .sync = fsync },
	{ .name = "group-fdatasync", .together = true, .sync = fdatasync },
	{ .name = "group-range-fsync", .together = true, .early = true, .sync = fsync },
	{ .name = "group-syncfs", .together = true, .sync = no_sync, .sync_all = syncfs },
};

static const struct way *way = &ways[0];
static double seconds = 2;
static int tmp, new;
static unsigned batch;	/* files that one thread has under way */
static atomic_bool over;
static char content[FILE_SIZE];

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static int
file_write(const char *name)
{
	int file = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (file < 0 || write(file, content, FILE_SIZE) != FILE_SIZE)
		die(name);
	if (way->early && sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE) != 0)
		die("sync_file_range");
	return file;
}

/* One file for each that is under way, from writing to being there for good. */
static void
round_run(unsigned thread, unsigned long number)
{
	char names[THREADS_MAX][64];
	int files[THREADS_MAX];

	for (unsigned i = 0; i < batch; i++) {
		snprintf(names[i], sizeof(names[i]), "%u.%lu.%u", thread, number, i);
		files[i] = file_write(names[i]);
	}
	if (way->sync_all != NULL && way->sync_all(new) != 0)
		die("sync");
	for (unsigned i = 0; i < batch; i++) {
		if (way->sync(files[i]) != 0)
			die("sync");
		close(files[i]);
		if (renameat(tmp, names[i], new, names[i]) != 0)
			die("rename");
	}
	if (fsync(new) != 0)
		die("fsync");
}

static void *
thread_run(void *context)
{
	unsigned long *count = context;
	unsigned thread = (unsigned)*count;

	*count = 0;
	for (unsigned long round = 0; !over; round++) {
		round_run(thread, round);
		*count += batch;
	}
	return NULL;
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Files a second. */
static double
measure(unsigned under_way)
{
	unsigned threads = way->together ? 1 : under_way;
	pthread_t ids[THREADS_MAX];
	unsigned long counts[THREADS_MAX], sum = 0;
	double begin = now();

	batch = way->together ? under_way : 1;
	over = false;
	for (unsigned i = 0; i < threads; i++) {
		counts[i] = i;
		if (pthread_create(&ids[i], NULL, thread_run, &counts[i]) != 0)
			die("thread");
	}
	usleep((useconds_t)(seconds * 1e6));
	over = true;
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		sum += counts[i];
	}
	return (double)sum / (now() - begin);
}

static void
clear(const char *path)
{
	char command[1200];

	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	if (system(command) != 0)
		die(path);
}

static void
measure_in(const char *directory, unsigned under_way, const char *before)
{
	char path[1024];
	int top = -1;

	snprintf(path, sizeof(path), "%s/diskfloor-XXXXXX", directory);
	if (mkdtemp(path) == NULL || (top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
	    mkdirat(top, "tmp", 0700) != 0 || mkdirat(top, "new", 0700) != 0)
		die(directory);
	tmp = openat(top, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	new = openat(top, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tmp < 0 || new < 0)
		die(path);
	printf("%s\"%u\": %.0f", before, under_way, measure(under_way));
	close(tmp);
	close(new);
	close(top);
	clear(path);
}

int
main(int argument_count, char *arguments[])
{
	size_t i = 0, way_count = sizeof(ways) / sizeof(ways[0]);

	if (argument_count > 2)
		while (i < way_count && strcmp(arguments[2], ways[i].name) != 0)
			i++;
	if (argument_count < 2 || i == way_count) {
		fprintf(stderr, "usage: diskfloor DIRECTORY [WAY [SECONDS]]; ways:");
		for (i = 0; i < way_count; i++)
			fprintf(stderr, " %s", ways[i].name);
		fprintf(stderr, "\n");
		return 2;
	}
	way = &ways[i];
	if (argument_count > 3)
		seconds = strtod(arguments[3], NULL);
	memset(content, 'x', sizeof(content));
	printf("{\"way\": \"%s\", \"files_per_second\": {", way->name);
	measure_in(arguments[1], 1, "");
	measure_in(arguments[1], 16, ", ");
	measure_in(arguments[1], 64, ", ");
	printf("}}\n");
	return 0;
}
