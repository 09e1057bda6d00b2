/*
 * Each call of a session fails once, and each from then on: the session says what is true or hangs
 * up, nothing is lost, nothing is left open, the log has a line, and the next session is right.
 *
 *	replay_fault_test [fixture]
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "maildrop/session.h"
#include "replay/calls.h"
#include "replay/disk.h"
#include "replay/mail.h"

#define LETTERS     7
#define REMOVED     1	/* the promise: QUIT was answered +OK */
#define OUTPUT_SIZE (64 * 1024)

static char live[64];
static int log_file;
static const char *wanted;	/* the fixture's name; NULL: all */

struct scenario {
	const char *name;
	size_t letters;
	bool with_index;	/* a session was there before */
	bool with_news;		/* something arrived since */
	bool disturbed;		/* another program moves the messages once the maildrop is open */
	bool without_types;	/* of directory entries */
	const char *scheme;	/* only this one's; NULL: all */
};

static const struct scenario scenarios[] = {
	{ .name = "nothing is known", .letters = LETTERS },
	{ .name = "nothing has changed", .letters = LETTERS, .with_index = true },
	{ .name = "something has arrived", .letters = LETTERS, .with_index = true, .with_news = true },
	{ .name = "everything moves", .letters = LETTERS, .with_index = true, .disturbed = true },
	{ .name = "entries without types", .letters = LETTERS, .without_types = true,
	  .scheme = "maildir" },
	{ .name = "many, counted by several threads", .letters = 40, .scheme = "maildir" },
	{ .name = "many, known", .letters = 70, .with_index = true },
	{ .name = "no mail at all" },
};

/* What the client says; letter 2 and 4 are to go. */
static const char *const talk[] = {
	"STAT", "LIST", "UIDL", "RETR 1", "RETR 4", "TOP 2 1", "RETR 6", "DELE 2", "DELE 4", "RETR 3", "QUIT",
};

struct answer {
	char text[OUTPUT_SIZE];
	size_t used, read;
};

static const struct rules rules = { .bad_commands_max = 3, .last = true, .implementation = "" };

static int
answer_sink(void *context, const char *data, size_t size)
{
	struct answer *answer = context;

	assert_true(size < sizeof(answer->text) - answer->used);
	memcpy(answer->text + answer->used, data, size);
	answer->used += size;
	answer->text[answer->used] = '\0';
	return 0;
}

static void
no_pause(void *context, uint64_t milliseconds)
{
	(void)context;
	(void)milliseconds;
}

/* The next line, without its end; NULL: there is none. */
static char *
line_next(struct answer *answer)
{
	char *line = answer->text + answer->read, *end = strstr(line, "\r\n");

	if (end == NULL)
		return NULL;
	*end = '\0';
	answer->read = (size_t)(end + 2 - answer->text);
	return line;
}

struct judgement {
	struct mail *mail;	/* in the order of the store */
	struct answer *answer;
	const char *what;	/* for the message of a failure */
	bool is_estimated;	/* a message could not be read: sizes are allowed to be the file's */
	bool is_dropped;
	bool has_failed;	/* something was not +OK */
	bool is_deleted[LETTERS_MAX];
};

/* +OK (the rest of the line is returned), -ERR or nothing (NULL). */
static const char *
status_take(struct judgement *j)
{
	const char *line = j->is_dropped ? NULL : line_next(j->answer);

	if (line == NULL) {
		j->is_dropped = true;
		j->has_failed = true;
		return NULL;
	}
	if (strncmp(line, "-ERR ", 5) == 0) {
		j->has_failed = true;
		return NULL;
	}
	if (strncmp(line, "+OK ", 4) != 0)
		fail_msg("%s: \"%s\" is no answer", j->what, line);
	return line + 4;
}

static void
size_judge(const struct judgement *j, uint64_t told, uint64_t right)
{
	if (told != right && !j->is_estimated)
		fail_msg("%s: %" PRIu64 " octets instead of %" PRIu64, j->what, told, right);
}

static void
totals_judge(struct judgement *j, const char *text, const char *format)
{
	uint64_t count, octets, right = 0;

	if (text == NULL)
		return;
	assert_int_equal(sscanf(text, format, &count, &octets), 2);
	for (size_t i = 0; i < j->mail->count; i++)
		right += j->mail->letters[i].size;
	if (count != j->mail->count)
		fail_msg("%s: %" PRIu64 " messages", j->what, count);
	size_judge(j, octets, right);
}

/* The lines of LIST or UIDL, all of them and a dot, or no dot and nothing behind. */
static void
listing_judge(struct judgement *j, bool with_uidls)
{
	const char *line;
	size_t count = 0;

	if (status_take(j) == NULL)
		return;
	for (size_t i = 0; (line = line_next(j->answer)) != NULL && strcmp(line, ".") != 0; i++) {
		char right[128];

		if (i >= j->mail->count)
			fail_msg("%s: line \"%s\" too many", j->what, line);
		snprintf(right, sizeof(right), "%zu %s", i + 1, j->mail->letters[i].uidl);
		if (with_uidls && strcmp(line, right) != 0)
			fail_msg("%s: \"%s\" instead of \"%s\"", j->what, line, right);
		if (!with_uidls)
			size_judge(j, strtoull(strchr(line, ' '), NULL, 10), j->mail->letters[i].size);
		count++;
	}
	if (line == NULL)
		j->is_dropped = j->has_failed = true;
	else if (count != j->mail->count)
		fail_msg("%s: a list of %zu", j->what, count);
}

/* Stored text and what came differ in line ends and doubled dots only. */
static void
text_judge(struct judgement *j, size_t index, uint64_t told, bool whole)
{
	const struct letter *letter = &j->mail->letters[index];
	const char *stored = letter->text, *end = stored + letter->text_size, *line;

	while ((line = line_next(j->answer)) != NULL && strcmp(line, ".") != 0) {
		size_t length = strcspn(stored, "\r\n");

		if (line[0] == '.')
			line++;
		if (stored >= end || strlen(line) != length || memcmp(line, stored, length) != 0)
			fail_msg("%s: \"%s\" is not of letter %zu", j->what, line, index);
		stored += length;
		stored += *stored == '\r';
		stored += *stored == '\n';
	}
	if (line == NULL)
		j->is_dropped = j->has_failed = true;
	else if (whole && stored != end)
		fail_msg("%s: a final dot behind a part of letter %zu", j->what, index);
	if (whole && line != NULL)
		size_judge(j, told, letter->size);
}

static void
command_judge(struct judgement *j, const char *command)
{
	size_t index = strpbrk(command, "0123456789") != NULL
	    ? strtoul(strpbrk(command, "0123456789"), NULL, 10) - 1
	    : 0;
	const char *text;

	if (strcmp(command, "STAT") == 0) {
		totals_judge(j, status_take(j), "%" SCNu64 " %" SCNu64);
	} else if (strcmp(command, "LIST") == 0 || strcmp(command, "UIDL") == 0) {
		listing_judge(j, command[0] == 'U');
	} else if (strcmp(command, "QUIT") != 0) {
		text = status_take(j);
		if (text != NULL && index >= j->mail->count)
			fail_msg("%s: there is no message %zu", j->what, index);
		if (text != NULL && command[0] == 'D')
			j->is_deleted[index] = true;
		else if (text != NULL)
			text_judge(j, index, strtoull(text, NULL, 10), command[0] == 'R');
	}
}

/* The whole answer; returns what was promised. Without an answer to QUIT nothing may be gone. */
static uint64_t
answer_judge(struct judgement *j)
{
	bool quit;

	totals_judge(j, status_take(j), "%" SCNu64 " messages (%" SCNu64 " octets)");
	if (j->has_failed)
		j->is_dropped = true;
	for (size_t i = 0; i < sizeof(talk) / sizeof(talk[0]); i++)
		if (!j->is_dropped)
			command_judge(j, talk[i]);
	quit = status_take(j) != NULL;
	if (!j->is_dropped && j->answer->read != j->answer->used)
		fail_msg("%s: \"%s\" behind the end", j->what, j->answer->text + j->answer->read);
	for (size_t i = 0; i < j->mail->count; i++)
		j->mail->letters[i].removed_by = j->is_deleted[i] && !j->is_dropped ? REMOVED : 0;
	return quit ? REMOVED : 0;
}

/* A session as maildrop/client.c runs it. */
static void
session_run(const char *place, const struct fixture *fixture, const struct scenario *scenario,
    struct answer *answer)
{
	static struct scratch scratch;
	static char buffer[512];
	struct writer writer;
	struct session session = { .rules = &rules, .out = &writer, .scratch = &scratch,
		.pause = no_pause };
	struct store *store;
	struct error error;

	writer_init(&writer, buffer, sizeof(buffer), answer_sink, answer);
	calls_close_directory(fixture->is_closed);
	if (store_open(&store, place, &error) == 0)
		session_begin(&session, store);
	else
		session_refuse(&session, &error);
	if (scenario->disturbed && fixture->disturb != NULL && session.store != NULL) {
		calls_watch_pause(true);
		calls_close_directory(false);
		fixture->disturb(live);
		calls_close_directory(fixture->is_closed);
		calls_watch_pause(false);
	}
	for (size_t i = 0; i < sizeof(talk) / sizeof(talk[0]); i++) {
		char line[32];
		int size = snprintf(line, sizeof(line), "%s\r\n", talk[i]);

		session_input(&session, line, (size_t)size);
	}
	writer_flush(&writer);
	session_close(&session);
	calls_close_directory(false);
}

static size_t
descriptors_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

/* The maildrop as the scenario wants it, kept in memory to be laid down for each fault. */
static void
scenario_make(const struct fixture *fixture, const struct scenario *scenario, struct disk *disk,
    struct mail *mail)
{
	disk_clear(live);
	fixture_make(fixture, live, scenario->letters, mail);
	if (!scenario->with_index)
		unlink(mail->index);
	if (scenario->with_news && fixture->deliver != NULL)
		fixture->deliver(live, scenario->letters);
	disk_load(disk, live);
	if (scenario->with_news) {
		mail_free(mail);
		mail_learn(mail);
	}
}

struct trial {
	const struct fixture *fixture;
	const struct scenario *scenario;
	const struct disk *disk;
	struct mail *mail;
	struct calls_fault fault;
};

/*
 * The directories that were laid down look old to the store, as they would be; but their true times
 * are of this moment, and tmpfs may give a removal in the same tick the same time. Some kernels give some
 * changes the exact time, and others that of the tick before: the next tick must be behind this moment.
 */
static void
tick_wait(void)
{
	struct timespec laid_down, tick;

	clock_gettime(CLOCK_REALTIME, &laid_down);
	do {
		usleep(500);
		clock_gettime(CLOCK_REALTIME_COARSE, &tick);
	} while (tick.tv_sec < laid_down.tv_sec ||
	    (tick.tv_sec == laid_down.tv_sec && tick.tv_nsec <= laid_down.tv_nsec));
}

/* Returns how many calls the session made. */
static unsigned
trial_run(struct trial *t)
{
	static struct answer answer;
	struct judgement j = { .mail = t->mail, .answer = &answer };
	char what[200];
	const char *wrong;
	size_t descriptors;
	unsigned count;
	uint64_t promised;

	disk_store(t->disk, live);
	tick_wait();
	answer.used = answer.read = 0;
	answer.text[0] = '\0';
	assert_int_equal(ftruncate(log_file, 0), 0);
	assert_int_equal(lseek(log_file, 0, SEEK_SET), 0);
	descriptors = descriptors_count();
	calls_hide_types(t->scenario->without_types);
	calls_watch(&t->fault);
	session_run(t->mail->place, t->fixture, t->scenario, &answer);
	count = calls_unwatch();
	snprintf(what, sizeof(what), "%s: %s: call %u (%s): %s%s", t->fixture->name, t->scenario->name,
	    t->fault.number, calls_failed() != NULL ? calls_failed() : "none",
	    t->fault.error == CALLS_SHORT ? "short" : strerror(t->fault.error),
	    t->fault.lasting ? ", lasting" : "");
	j.what = what;
	if (descriptors_count() != descriptors)
		fail_msg("%s: a descriptor is left", what);
	if (calls_blocks() != 0)
		fail_msg("%s: %ld blocks of memory are left", what, calls_blocks());
	j.is_estimated = t->fault.error == EIO || t->fault.error == EACCES;
	promised = answer_judge(&j);
	if (j.has_failed && t->fault.number == 0 && t->mail->count > 0)
		fail_msg("%s: it failed: %s", what, answer.text);
	if (j.has_failed && t->mail->count > 0 && lseek(log_file, 0, SEEK_END) == 0)
		fail_msg("%s: nothing in the log", what);
	wrong = mail_check(t->mail, promised, MAIL_STRICT);
	calls_hide_types(false);
	if (wrong != NULL)
		fail_msg("%s: the next session: %s", what, wrong);
	return count;
}

/* NULL: whatever the call is. What a kernel never answers there is not tried. */
static const struct fault {
	int error;
	bool lasting;	/* also from then on */
	const char *calls;
} faults[] = {
	{ EIO, true, NULL },
	{ ENOSPC, false, "open write pwrite ftruncate fallocate fsync rename link mkdir" },
	{ EMFILE, true, "open" },
	{ ENOMEM, true, "malloc calloc realloc reallocarray strdup open mmap pthread_create" },
	{ EINTR, false, "open close read pread write pwrite ftruncate fallocate flock fcntl fsync" },
	{ EACCES, false, "open rename link unlink mkdir fcntl fstatat stat lstat" },
	{ CALLS_SHORT, false, "read pread write pwrite" },
};

static bool
names_hold(const char *names, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = names; (at = strstr(at, name)) != NULL; at++)
		if ((at == names || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

static bool
is_allocation(const char *name)
{
	return names_hold("malloc calloc realloc reallocarray strdup", name);
}

/* Every error that makes sense for the n-th call, once and from then on. */
static void
call_fail(struct trial *t, unsigned number)
{
	const char *name = NULL;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		/* The first tells what call it is. */
		if (name != NULL && faults[i].calls != NULL && !names_hold(faults[i].calls, name))
			continue;
		t->fault = (struct calls_fault){ .number = number, .error = faults[i].error };
		trial_run(t);
		name = calls_failed();
		if (name == NULL)
			return;	/* so late that it does not always come */
		t->fault.lasting = faults[i].lasting;
		if (t->fault.lasting && (i > 0 || !is_allocation(name)))
			trial_run(t);
	}
}

static void
scenario_fail(const struct fixture *fixture, const struct scenario *scenario)
{
	struct disk disk;
	struct mail mail;
	struct trial t = { .fixture = fixture, .scenario = scenario, .disk = &disk, .mail = &mail };
	unsigned count;

	scenario_make(fixture, scenario, &disk, &mail);
	count = trial_run(&t);
	assert_true(count > 3);
	print_message("%s: %s: %u calls\n", fixture->name, scenario->name, count);
	for (unsigned number = 1; number <= count; number++)
		call_fail(&t, number);
	mail_free(&mail);
	disk_free(&disk);
}

static void
test_each_call_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < fixture_count; i++)
		for (size_t j = 0; j < sizeof(scenarios) / sizeof(scenarios[0]); j++)
			if ((wanted == NULL || strcmp(wanted, fixtures[i].name) == 0) &&
			    (scenarios[j].scheme == NULL ||
			        strcmp(scenarios[j].scheme, fixtures[i].scheme) == 0))
				scenario_fail(&fixtures[i], &scenarios[j]);
}

int
main(int argument_count, char *arguments[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_call_fails),
	};
	int result;

	wanted = argument_count > 1 ? arguments[1] : NULL;
	log_file = memfd_create("log", MFD_CLOEXEC);
	if (disk_directory_new(live) == NULL || log_file < 0)
		return 1;
	log_descriptor_set(log_file, LOG_FORM_PLAIN);
	calls_ignore(log_file);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	calls_show(NULL, 0);
	disk_directory_remove(live);
	return result;
}
