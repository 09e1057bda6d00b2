/*
 * How fast mail goes into a store, without a process that brings it: messages of 8 KiB, delivered by
 * 1, 16 and 64 threads, or as many as THREADS says, that meet in a group. To be held against
 * diskfloor on the same disk.
 *
 *	append SCHEME DIRECTORY [SECONDS [apart] [turns] [alone] [THREADS]]
 *
 * It works in a directory of its own below DIRECTORY and removes it. "apart": each thread has a
 * maildrop of its own; "turns": 100 maildrops take turns; "alone": without a group.
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

#define MESSAGE_SIZE 8192
#define THREADS_MAX  64
#define MAILDROPS    100

static struct append_group group;
static struct append_group *meeting = &group;
static double seconds = 2;
static unsigned long delivered;	/* in all runs */
static int message;
static char place[1100];
static bool apart, turns;
static atomic_uint thread_count, turn;
static atomic_bool over;

static void
die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void
deliver(const char *to)
{
	static const char head[] = "Return-Path: <anna@example.org>\nDelivered-To: berta@example.org\n";
	struct delivery delivery = { .place = to, .index_directory = STORE_INDEX_BESIDE,
		.sender = "anna@example.org", .head = head, .head_size = sizeof(head) - 1,
		.message = message };
	struct append *append;
	struct error error;

	if (append_begin(&append, &delivery, &error) != 0 ||
	    append_commit(append, meeting, &error) != 0)
		die(error.text);
	append_end(append);
}

static void
deliver_in_turn(void)
{
	char to[1120];

	snprintf(to, sizeof(to), "%s%u", place, atomic_fetch_add(&turn, 1) % MAILDROPS);
	deliver(to);
}

static void *
thread_run(void *context)
{
	char own_place[1120];
	unsigned long *count = context;

	snprintf(own_place, sizeof(own_place), "%s%u", place, atomic_fetch_add(&thread_count, 1));
	for (*count = 0; !over; ++*count) {
		if (turns)
			deliver_in_turn();
		else
			deliver(apart ? own_place : place);
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

/* Messages a second. */
static double
measure(unsigned threads)
{
	pthread_t ids[THREADS_MAX];
	unsigned long counts[THREADS_MAX], sum = 0;
	double begin = now();

	over = false;
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, thread_run, &counts[i]) != 0)
			die("cannot start a thread");
	usleep((useconds_t)(seconds * 1e6));
	over = true;
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		sum += counts[i];
	}
	delivered += sum;
	return (double)sum / (now() - begin);
}

static void
measure_in(const char *scheme, const char *directory, unsigned threads, const char *before)
{
	char path[1024], command[1100];

	snprintf(path, sizeof(path), "%s/append-XXXXXX", directory);
	if (mkdtemp(path) == NULL)
		die("cannot make a directory");
	snprintf(place, sizeof(place), "%s:%s/mail", scheme, path);
	for (unsigned i = 0; turns && i < MAILDROPS; i++)
		deliver_in_turn();	/* to make them is not what is measured */
	printf("%s\"%u\": %.0f", before, threads, measure(threads));
	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	if (system(command) != 0)
		die(command);
}

int
main(int argument_count, char *arguments[])
{
	static char text[MESSAGE_SIZE];
	unsigned threads = 0;

	if (argument_count < 3)
		die("usage: append SCHEME DIRECTORY [SECONDS [apart] [turns] [alone] [THREADS]]");
	if (argument_count > 3)
		seconds = strtod(arguments[3], NULL);
	for (int i = 4; i < argument_count; i++) {
		apart = apart || strcmp(arguments[i], "apart") == 0;
		turns = turns || strcmp(arguments[i], "turns") == 0;
		if (strcmp(arguments[i], "alone") == 0)
			meeting = NULL;
		if (strtoul(arguments[i], NULL, 10) > 0 && strtoul(arguments[i], NULL, 10) <= THREADS_MAX)
			threads = (unsigned)strtoul(arguments[i], NULL, 10);
	}
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
	message = memfd_create("message", MFD_CLOEXEC);
	if (message < 0 || pwrite(message, text, sizeof(text), 0) != (ssize_t)sizeof(text))
		die("no memory for a message");
	append_group_begin(&group);
	printf("{\"scheme\": \"%s\", \"messages_per_second\": {", arguments[1]);
	measure_in(arguments[1], arguments[2], threads > 0 ? threads : 1, "");
	if (threads == 0) {
		measure_in(arguments[1], arguments[2], 16, ", ");
		measure_in(arguments[1], arguments[2], 64, ", ");
	}
	printf("}, \"files\": %lu}\n", delivered);
	append_group_end(&group);
	return 0;
}
