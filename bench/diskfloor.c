/*
 * The floor for delivery: how many files of 8 KiB a second this disk takes so that a power failure
 * no longer changes it, when nothing else is done: created in tmp/, written, synced, renamed into
 * new/, and the directory synced. Threads that do it each for itself, and other ways to get there:
 * src/store/append.c was chosen by them.
 *
 *	diskfloor DIRECTORY [WAY [SECONDS [UNDER_WAY [MAILDIRS [keep]]]]]
 *
 * It works in a directory of its own below DIRECTORY and removes it, unless it is to be kept: ext4 is slow
 * to create files for a while where many were removed. One line of JSON for 1, 16 and
 * 64 files under way at a time, or for as many as UNDER_WAY says. Files go into one Maildir, or into so
 * many in turn: those who sync one directory wait for each other.
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
#define MAILDIRS_MAX 1000

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

struct maildir {
	int tmp, new;
};

static const struct way *way = &ways[0];
static double seconds = 2;
static struct maildir maildirs[MAILDIRS_MAX];
static unsigned maildir_count = 1;
static unsigned batch;	/* files that one thread has under way */
static atomic_uint turn;
static unsigned long file_count;	/* of all runs */
static atomic_bool over;
static bool keeps;
static char content[FILE_SIZE];

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static int
file_write(const struct maildir *maildir, const char *name)
{
	int file = openat(maildir->tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

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
	const struct maildir *maildir = &maildirs[atomic_fetch_add(&turn, 1) % maildir_count];
	char names[THREADS_MAX][64];
	int files[THREADS_MAX];

	for (unsigned i = 0; i < batch; i++) {
		snprintf(names[i], sizeof(names[i]), "%u.%lu.%u", thread, number, i);
		files[i] = file_write(maildir, names[i]);
	}
	if (way->sync_all != NULL && way->sync_all(maildir->new) != 0)
		die("sync");
	for (unsigned i = 0; i < batch; i++) {
		if (way->sync(files[i]) != 0)
			die("sync");
		close(files[i]);
		if (renameat(maildir->tmp, names[i], maildir->new, names[i]) != 0)
			die("rename");
	}
	if (fsync(maildir->new) != 0)
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
	file_count += sum;
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
maildir_make(struct maildir *maildir, const char *path)
{
	static const char *const parts[] = { "tmp", "new" };
	int *const files[] = { &maildir->tmp, &maildir->new };
	char name[1100];

	snprintf(name, sizeof(name), "%s/%zu", path, (size_t)(maildir - maildirs));
	if (mkdir(name, 0700) != 0)
		die(name);
	for (size_t i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s/%zu/%s", path, (size_t)(maildir - maildirs), parts[i]);
		if (mkdir(name, 0700) != 0 || (*files[i] = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
			die(name);
	}
}

static void
measure_in(const char *directory, unsigned under_way, const char *before)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/diskfloor-XXXXXX", directory);
	if (mkdtemp(path) == NULL)
		die(directory);
	for (unsigned i = 0; i < maildir_count; i++)
		maildir_make(&maildirs[i], path);
	printf("%s\"%u\": %.0f", before, under_way, measure(under_way));
	for (unsigned i = 0; i < maildir_count; i++) {
		close(maildirs[i].tmp);
		close(maildirs[i].new);
	}
	if (!keeps)
		clear(path);
}

static void
usage_exit(void)
{
	fprintf(stderr, "usage: diskfloor DIRECTORY [WAY [SECONDS [UNDER_WAY [MAILDIRS [keep]]]]]; ways:");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		fprintf(stderr, " %s", ways[i].name);
	fprintf(stderr, "\n");
	exit(2);
}

static const struct way *
way_find(const char *name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(name, ways[i].name) == 0)
			return &ways[i];
	usage_exit();
	return NULL;
}

static unsigned
number(const char *text, unsigned maximum)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (value < 1 || value > maximum)
		usage_exit();
	return (unsigned)value;
}

int
main(int argument_count, char *arguments[])
{
	unsigned under_way = argument_count > 4 ? number(arguments[4], THREADS_MAX) : 0;

	if (argument_count < 2 || argument_count > 7)
		usage_exit();
	if (argument_count > 2)
		way = way_find(arguments[2]);
	if (argument_count > 3)
		seconds = strtod(arguments[3], NULL);
	if (argument_count > 5)
		maildir_count = number(arguments[5], MAILDIRS_MAX);
	keeps = argument_count > 6 && strcmp(arguments[6], "keep") == 0;
	memset(content, 'x', sizeof(content));
	printf("{\"way\": \"%s\", \"files_per_second\": {", way->name);
	if (under_way > 0) {
		measure_in(arguments[1], under_way, "");
	} else {
		measure_in(arguments[1], 1, "");
		measure_in(arguments[1], 16, ", ");
		measure_in(arguments[1], 64, ", ");
	}
	printf("}, \"files\": %lu}\n", file_count);
	return 0;
}
