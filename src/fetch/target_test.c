/* Targets with real files, commands and a server that is played by a thread. */

#include "fetch/target.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "fetch/settle.h"

static char directory[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/target-test-XXXXXX");
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static const char *
place_of(const char *form)
{
	static char place[256];

	snprintf(place, sizeof(place), form, directory);
	return place;
}

static struct target *
opened(const char *form, bool trace)
{
	struct target_settings settings = { .place = place_of(form), .sender = "anna@example.org",
		.recipient = "berta@example.org", .trace = trace, .account = "home", .server = "pop.example.org",
		.boot_id = "boot-1", .timeout_seconds = 20 };
	struct target *target;
	struct error error;

	if (target_open(&target, &settings, &error) != 0)
		fail_msg("%s", error.text);
	return target;
}

static struct parcel *
parcel_of(struct target *target, const char *text)
{
	struct parcel *parcel;
	struct error error;

	if (parcel_begin(&parcel, target, "uidl", &error) != 0 ||
	    parcel_write(parcel, text, strlen(text), &error) != 0 || parcel_finish(parcel, &error) != 0)
		fail_msg("%s", error.text);
	return parcel;
}

/* Returns what became of it. */
static enum error_kind
give(struct target *target, const char *text)
{
	struct parcel *parcel = parcel_of(target, text);
	struct error error = { .kind = ERROR_NONE };
	int result;

	target_commit(target, &parcel, 1);
	result = parcel_result(parcel, &error);
	parcel_end(parcel);
	assert_int_equal(result == 0, error.kind == ERROR_NONE);
	return error.kind;
}

static size_t
file_read(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t used;

	if (file == NULL)
		fail_msg("there is no %s", path);
	used = fread(text, 1, size - 1, file);
	text[used] = '\0';
	fclose(file);
	return used;
}

/* The only file in a part of the Maildir; false: there is none. */
static bool
only_file(const char *part, char path[512])
{
	const struct dirent *entry;
	size_t count = 0;
	DIR *stream;

	snprintf(path, 512, "%s/mail/%s", directory, part);
	stream = opendir(path);
	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL)
		if (entry->d_name[0] != '.') {
			snprintf(path, 512, "%s/mail/%s/%s", directory, part, entry->d_name);
			count++;
		}
	closedir(stream);
	assert_true(count < 2);
	return count == 1;
}

static const char message[] = "Subject: x\r\n\r\nFrom here\r\n.\r\nend";

static size_t
descriptors_count(void)
{
	DIR *stream = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(stream);
	while (readdir(stream) != NULL)
		count++;
	closedir(stream);
	return count;
}

/* One file open for each, which is what a batch may have. Those that go meanwhile take nothing with them. */
static void
test_parcels_share_what_is_open(void **state)
{
	struct target *target = opened("maildir:%s/mail", false);
	size_t none = descriptors_count(), first;
	struct parcel *parcels[3];

	(void)state;
	parcels[0] = parcel_of(target, message);
	first = descriptors_count();
	parcels[1] = parcel_of(target, message);
	assert_int_equal(descriptors_count(), first + 1);
	parcel_end(parcels[1]);
	parcels[1] = parcel_of(target, message);
	parcel_end(parcels[0]);
	parcels[2] = parcel_of(target, message);
	assert_int_equal(descriptors_count(), first + 1);
	target_commit(target, parcels + 1, 2);
	for (int i = 1; i < 3; i++) {
		struct error error;

		assert_int_equal(parcel_result(parcels[i], &error), 0);
		parcel_end(parcels[i]);
	}
	assert_int_equal(descriptors_count(), none);
	target_close(target);
}

static void
test_batch_max(void **state)
{
	static const struct {
		const char *form;
		size_t wanted, batch;
	} cases[] = {
		{ "maildir:%s/mail", 0, TARGET_BATCH_MAX },
		{ "maildir:%s/mail", 5, 5 },
		{ "mbox:%s/mbox", TARGET_BATCH_MAX + 1, TARGET_BATCH_MAX },
		{ "command:cat", 0, 1 },
		{ "command:cat", 5, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct target_settings settings = { .place = place_of(cases[i].form), .batch_max = cases[i].wanted };
		struct target *target;
		struct error error;

		assert_int_equal(target_open(&target, &settings, &error), 0);
		assert_int_equal(target_batch_max(target), cases[i].batch);
		target_close(target);
	}
}

static void
test_maildir(void **state)
{
	struct target *target = opened("maildir:%s/mail", false);
	char path[512], text[1024];

	(void)state;
	assert_true(target_is_exact(target));
	assert_int_equal(give(target, message), ERROR_NONE);
	assert_true(only_file("new", path));
	file_read(path, text, sizeof(text));
	assert_string_equal(text, "Subject: x\n\nFrom here\n.\nend");
	assert_non_null(strstr(path, ",S=27,W=33"));
	assert_false(only_file("tmp", path));
	target_close(target);
}

/* Any cutting gives the same text, with line ends as the stores keep them. */
static void
test_pieces(void **state)
{
	static const struct {
		const char *wire, *stored;
	} texts[] = {
		{ "a\r\nb\r\n", "a\nb\n" }, { "a\nb", "a\nb" }, { "a\r\r\nb\r", "a\r\r\nb\r" },
		{ "\r\n\r\n\r", "\n\n\r" }, { "a\rb\r\n", "a\rb\n" },
	};
	char path[512], text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t step = 1; step < 5; step++) {
			struct target *target = opened("maildir:%s/mail", false);
			size_t size = strlen(texts[i].wire);
			struct parcel *parcel;
			struct error error;

			assert_int_equal(parcel_begin(&parcel, target, "uidl", &error), 0);
			for (size_t at = 0; at < size; at += step)
				assert_int_equal(parcel_write(parcel, texts[i].wire + at,
				    size - at < step ? size - at : step, &error), 0);
			assert_int_equal(parcel_finish(parcel, &error), 0);
			target_commit(target, &parcel, 1);
			assert_int_equal(parcel_result(parcel, &error), 0);
			parcel_end(parcel);
			assert_true(only_file("new", path));
			file_read(path, text, sizeof(text));
			if (strcmp(text, texts[i].stored) != 0)
				fail_msg("text %zu by %zu: \"%s\"", i, step, text);
			unlink(path);
			target_close(target);
		}
}

/* Larger than any buffer, in pieces of odd sizes. */
static void
test_a_large_message(void **state)
{
	enum { LINES = 40000, STEP = 65537 };
	static char wire[LINES * 12 + 1], stored[LINES * 12 + 1], there[LINES * 12 + 1];
	struct target *target = opened("maildir:%s/mail", false);
	size_t size = 0, stored_size = 0;
	struct parcel *parcel;
	struct error error;
	char path[512];

	(void)state;
	for (int i = 0; i < LINES; i++) {
		size += (size_t)snprintf(wire + size, sizeof(wire) - size, "line %d\r\n", i);
		stored_size += (size_t)snprintf(stored + stored_size, sizeof(stored) - stored_size, "line %d\n", i);
	}
	assert_int_equal(parcel_begin(&parcel, target, "uidl", &error), 0);
	for (size_t at = 0; at < size; at += STEP)
		assert_int_equal(parcel_write(parcel, wire + at, size - at < STEP ? size - at : STEP, &error), 0);
	assert_int_equal(parcel_finish(parcel, &error), 0);
	target_commit(target, &parcel, 1);
	assert_int_equal(parcel_result(parcel, &error), 0);
	parcel_end(parcel);
	assert_true(only_file("new", path));
	assert_int_equal(file_read(path, there, sizeof(there)), stored_size);
	assert_string_equal(there, stored);
	target_close(target);
}

static void
test_trace(void **state)
{
	struct target *target = opened("maildir:%s/mail", true);
	char path[512], text[2048];

	(void)state;
	assert_int_equal(give(target, message), ERROR_NONE);
	assert_true(only_file("new", path));
	file_read(path, text, sizeof(text));
	assert_memory_equal(text, "Received: from pop.example.org\n\tby ", 35);
	assert_non_null(strstr(text, " with POP3 id "));
	assert_non_null(strstr(text, "\n\t(account home); "));
	assert_non_null(strstr(text, "00\nSubject: x\n\nFrom here\n"));
	assert_null(strstr(text, "Delivered-To"));
	target_close(target);
}

static void
test_mbox(void **state)
{
	struct target *target = opened("mbox:%s/mail", false);
	char path[128], text[1024];

	(void)state;
	assert_true(target_is_exact(target));
	assert_int_equal(give(target, message), ERROR_NONE);
	assert_int_equal(give(target, message), ERROR_NONE);
	snprintf(path, sizeof(path), "%s/mail", directory);
	file_read(path, text, sizeof(text));
	assert_memory_equal(text, "From anna@example.org ", 22);
	assert_non_null(strstr(text, "\nSubject: x\n\n>From here\n.\nend\n\nFrom anna@example.org "));
	target_close(target);
}

static void
test_what_was_not_committed_leaves_nothing(void **state)
{
	struct target *target = opened("maildir:%s/mail", false);
	struct parcel *parcel = parcel_of(target, message);
	char path[512];

	(void)state;
	assert_true(only_file("tmp", path));
	target_prepare(target, &parcel, 1);
	parcel_end(parcel);
	assert_false(only_file("tmp", path));
	assert_false(only_file("new", path));
	target_close(target);
}

static enum target_answer
ask(struct target *target, const char *mark)
{
	enum target_answer answer;
	struct error error;

	if (target_ask(target, mark, &answer, &error) != 0)
		fail_msg("%s", error.text);
	return answer;
}

static void
rename_in(const char *from, const char *to)
{
	char old_path[512], new_path[512];

	snprintf(old_path, sizeof(old_path), "%s/mail/%s", directory, from);
	snprintf(new_path, sizeof(new_path), "%s/mail/%s", directory, to);
	if (rename(old_path, new_path) != 0)
		fail_msg("cannot rename %s", old_path);
}

/* Delivery goes where a link leads, and so does the question whether it arrived. */
static void
test_a_maildir_of_links_is_asked(void **state)
{
	static const char *const links[] = { "mail/new", "mail/.Kept" };
	struct target *target = opened("maildir:%s/mail", false), *other;
	struct target_settings later = { .place = place_of("maildir:%s/mail"), .boot_id = "boot-2" };
	char path[512], there[512], mark[700], name[400];
	struct parcel *parcel;
	struct error error;

	(void)state;
	snprintf(path, sizeof(path), "%s/mail", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(there, sizeof(there), "%s/there-%zu", directory, i);
		snprintf(path, sizeof(path), "%s/%s", directory, links[i]);
		assert_int_equal(mkdir(there, 0700), 0);
		assert_int_equal(symlink(there, path), 0);
	}
	snprintf(path, sizeof(path), "%s/there-1/cur", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	parcel = parcel_of(target, message);
	snprintf(mark, sizeof(mark), "%s", parcel_mark(parcel));
	target_commit(target, &parcel, 1);
	assert_int_equal(parcel_result(parcel, &error), 0);
	parcel_end(parcel);
	assert_int_equal(target_open(&other, &later, &error), 0);
	assert_int_equal(ask(other, mark), TARGET_ARRIVED);
	assert_true(only_file("new", path));
	snprintf(name, sizeof(name), "%s/mail/.Kept/cur/%s:2,S", directory, strrchr(mark, ':') + 1);
	assert_int_equal(rename(path, name), 0);
	assert_int_equal(ask(other, mark), TARGET_ARRIVED);
	unlink(name);
	assert_int_equal(ask(other, mark), TARGET_UNKNOWN);
	target_close(other);
	target_close(target);
}

/* What has become of one that was on its way, and what is known of it on the same boot and on another. */
static void
test_a_maildir_is_asked(void **state)
{
	static const struct {
		const char *what;
		enum target_answer same, other;
	} cases[] = {
		{ "in tmp", TARGET_NOT_ARRIVED, TARGET_NOT_ARRIVED },
		{ "new", TARGET_ARRIVED, TARGET_ARRIVED },
		{ "cur", TARGET_ARRIVED, TARGET_ARRIVED },
		{ "folder", TARGET_ARRIVED, TARGET_ARRIVED },
		{ "removed", TARGET_ARRIVED, TARGET_UNKNOWN },
		{ "old", TARGET_UNKNOWN, TARGET_UNKNOWN },
		{ "another tmp", TARGET_UNKNOWN, TARGET_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct target *target = opened("maildir:%s/mail", false);
		struct target_settings later = { .place = place_of("maildir:%s/mail"), .boot_id = "boot-2" };
		struct parcel *parcel = parcel_of(target, message);
		char mark[700], other_mark[600], name[300], path[512], to[400];
		const char *unique;
		struct target *other;
		struct error error;

		snprintf(mark, sizeof(mark), "%s", parcel_mark(parcel));
		unique = strrchr(mark, ':') + 1;
		snprintf(name, sizeof(name), "tmp/%s", unique);
		parcel_leave(parcel);
		parcel_end(parcel);
		assert_true(only_file("tmp", path));
		snprintf(path, sizeof(path), "%s/mail", directory);
		if (i == 1)
			snprintf(to, sizeof(to), "new/%s,S=27", unique);
		if (i == 2)
			snprintf(to, sizeof(to), "cur/%s,S=27,W=33:2,S", unique);
		if (i == 3) {
			snprintf(path, sizeof(path), "%s/mail/.Kept", directory);
			mkdir(path, 0700);
			snprintf(path, sizeof(path), "%s/mail/.Kept/cur", directory);
			mkdir(path, 0700);
			snprintf(to, sizeof(to), ".Kept/cur/%s:2,", unique);
		}
		if (i == 4 || i == 6)
			snprintf(to, sizeof(to), "elsewhere");
		if (i == 5) {
			/* Of the day before yesterday, when somebody cleaned tmp/. */
			rename_in(name, "elsewhere");
			snprintf(other_mark, sizeof(other_mark), "%.*s%lld.M1P1Q1.host", (int)(unique - mark), mark,
			    (long long)time(NULL) - 2 * 24 * 60 * 60);
			snprintf(mark, sizeof(mark), "%s", other_mark);
		} else if (i != 0) {
			rename_in(name, to);
		}
		if (i == 6) {
			rename_in("tmp", "old tmp");
			snprintf(path, sizeof(path), "%s/mail/tmp", directory);
			mkdir(path, 0700);
		}
		assert_int_equal(target_open(&other, &later, &error), 0);
		if (ask(target, mark) != cases[i].same || ask(other, mark) != cases[i].other)
			fail_msg("%s: %d and %d", cases[i].what, ask(target, mark), ask(other, mark));
		target_clear(target, mark);
		if (i == 0)
			assert_false(only_file("tmp", path));
		target_close(other);
		target_close(target);
		teardown(NULL);
		mkdir(directory, 0700);
	}
}

static void
test_an_mbox_is_asked(void **state)
{
	struct target *target = opened("mbox:%s/mail", false);
	struct parcel *parcel;
	char mark[600], path[128], shorter[600];

	(void)state;
	assert_int_equal(give(target, "Subject: another\r\n\r\n"), ERROR_NONE);
	parcel = parcel_of(target, message);
	snprintf(mark, sizeof(mark), "%s", parcel_mark(parcel));
	assert_int_equal(ask(target, mark), TARGET_NOT_ARRIVED);
	target_commit(target, &parcel, 1);
	parcel_end(parcel);
	assert_int_equal(ask(target, mark), TARGET_ARRIVED);
	/* The same text again: the one before does not count. */
	parcel = parcel_of(target, message);
	snprintf(mark, sizeof(mark), "%s", parcel_mark(parcel));
	parcel_end(parcel);
	assert_int_equal(ask(target, mark), TARGET_NOT_ARRIVED);
	/* But where the mbox was rewritten and is shorter now, it may be that one. */
	snprintf(shorter, sizeof(shorter), "mbox:999999:%s", strrchr(mark, ':') + 1);
	assert_int_equal(ask(target, shorter), TARGET_ARRIVED);
	snprintf(shorter, sizeof(shorter), "mbox:999999:%032d", 0);
	assert_int_equal(ask(target, shorter), TARGET_UNKNOWN);
	snprintf(path, sizeof(path), "%s/mail", directory);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ask(target, mark), TARGET_UNKNOWN);
	assert_int_equal(ask(target, "mbox:nonsense"), TARGET_UNKNOWN);
	assert_int_equal(ask(target, "maildir:boot-1:1:1:x"), TARGET_UNKNOWN);
	target_close(target);
}

static void
test_a_command(void **state)
{
	static const struct {
		const char *command;
		enum error_kind kind;
	} cases[] = {
		{ "command:cd %s; cat > out; echo $SENDER $RECIPIENT $RESTANTE_ACCOUNT >> out", ERROR_NONE },
		{ "command:exit 75", ERROR_TEMPORARY },
		{ "command:exit 1", ERROR_TEMPORARY },
		{ "command:exit 77", ERROR_DENIED },
		{ "command:exit 65", ERROR_DENIED },
		{ "command:exit 64", ERROR_PERMANENT },
		{ "command:/nowhere/at/all", ERROR_PERMANENT },
		{ "command:kill -9 $$", ERROR_TEMPORARY },
	};
	char path[128], text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct target *target = opened(cases[i].command, false);

		assert_false(target_is_exact(target));
		assert_int_equal(target_batch_max(target), 1);
		if (give(target, message) != cases[i].kind)
			fail_msg("%s", cases[i].command);
		assert_int_equal(ask(target, "command:"), TARGET_UNKNOWN);
		target_close(target);
	}
	snprintf(path, sizeof(path), "%s/out", directory);
	file_read(path, text, sizeof(text));
	assert_string_equal(text, "Subject: x\n\nFrom here\n.\nendanna@example.org berta@example.org home\n");
}

/* One that does not end is ended, with all that it has started. */
static void
test_a_command_that_hangs(void **state)
{
	struct target_settings settings = { .place = "command:sleep 300 | sleep 300", .timeout_seconds = 1 };
	struct target *target;
	struct error error;

	(void)state;
	assert_int_equal(target_open(&target, &settings, &error), 0);
	assert_int_equal(give(target, message), ERROR_TEMPORARY);
	target_close(target);
}

/* A server that says what it is told to, and writes down what it hears. */
struct server {
	int listener;
	pthread_t thread;
	const char *const *says;	/* one for the greeting and each line; for a message, too */
	char heard[4096];
};

static void *
server_run(void *context)
{
	struct server *server = context;
	int client = accept(server->listener, NULL, NULL);
	FILE *stream = fdopen(client, "r+");
	bool in_data = false;
	char line[1024];

	assert_non_null(stream);
	setvbuf(stream, NULL, _IONBF, 0);
	fputs(*server->says++, stream);
	while (fgets(line, sizeof(line), stream) != NULL) {
		snprintf(server->heard + strlen(server->heard), sizeof(server->heard) - strlen(server->heard), "%s",
		    line);
		if (in_data && strcmp(line, ".\r\n") != 0)
			continue;
		if (*server->says == NULL)
			break;
		in_data = strncmp(*server->says, "354", 3) == 0;
		fputs(*server->says++, stream);
	}
	fclose(stream);
	return NULL;
}

static void
server_begin(struct server *server, const char *const *says)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*server = (struct server){ .listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .says = says };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	unlink(address.sun_path);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->listener, 1), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void
server_end(struct server *server)
{
	pthread_join(server->thread, NULL);
	close(server->listener);
}

static void
test_lmtp(void **state)
{
	static const char *const says[] = { "220 here\r\n", "250-SIZE\r\n250 8BITMIME\r\n", "250 ok\r\n", "250 ok\r\n",
		"354 go\r\n", "250 ok\r\n", "250 ok\r\n", "550 5.7.1 not him\r\n", "250 reset\r\n", "250 ok\r\n",
		"550 5.1.1 nobody\r\n", "221 bye\r\n", NULL };
	struct target *target = opened("lmtp:unix:%s/socket", false);
	struct server server;

	(void)state;
	server_begin(&server, says);
	assert_int_equal(give(target, message), ERROR_NONE);
	assert_int_equal(give(target, message), ERROR_DENIED);
	assert_int_equal(give(target, message), ERROR_PERMANENT);
	target_close(target);
	server_end(&server);
	assert_string_equal(server.heard, "LHLO localhost\r\nMAIL FROM:<anna@example.org> SIZE=33\r\n"
	    "RCPT TO:<berta@example.org>\r\nDATA\r\nSubject: x\r\n\r\nFrom here\r\n..\r\nend\r\n.\r\n"
	    "MAIL FROM:<anna@example.org> SIZE=33\r\nRCPT TO:<berta@example.org>\r\n"
	    "RSET\r\nMAIL FROM:<anna@example.org> SIZE=33\r\nRCPT TO:<berta@example.org>\r\nQUIT\r\n");
}

/* The answer to a message is lost: it may have been taken, and comes again. */
static void
test_an_answer_that_is_lost(void **state)
{
	static const char *const first[] = { "220 here\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", NULL };
	static const char *const again[] = { "220 here\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
		"250 ok\r\n", "221 bye\r\n", NULL };
	struct target *target = opened("lmtp:unix:%s/socket", false);
	struct server server;

	(void)state;
	server_begin(&server, first);
	assert_int_equal(give(target, message), ERROR_TEMPORARY);
	server_end(&server);
	assert_int_equal(give(target, message), ERROR_TEMPORARY);
	server_begin(&server, again);
	assert_int_equal(give(target, message), ERROR_NONE);
	target_close(target);
	server_end(&server);
}

/* One that comes late is no answer to what is said next: that goes by another connection. */
static void
test_an_answer_that_is_late(void **state)
{
	static const char *const says[] = { "220 here\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "",
		"250 late\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n", NULL };
	struct target_settings settings = { .place = place_of("lmtp:unix:%s/socket"),
		.recipient = "berta@example.org", .timeout_seconds = 1 };
	struct target *target;
	struct server server;
	struct error error;

	(void)state;
	server_begin(&server, says);
	assert_int_equal(target_open(&target, &settings, &error), 0);
	assert_int_equal(give(target, message), ERROR_TEMPORARY);
	assert_int_equal(give(target, message), ERROR_TEMPORARY);
	target_close(target);
	server_end(&server);
	assert_null(strstr(server.heard, "RSET"));
}

static void
test_places_that_cannot_be(void **state)
{
	static const char *const places[] = { "", "mail", "imap:x", "maildir:mail", "mbox:", "lmtp:host", "lmtp:",
		"smtp:host:", "smtp::25", "smtp:::1:25", "smtp:unix:/run/x:", "command:" };

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct target_settings settings = { .place = places[i], .recipient = "a@b" };
		struct target *target;
		struct error error;

		if (target_open(&target, &settings, &error) == 0)
			fail_msg("%s", places[i]);
		assert_int_equal(error.kind, ERROR_PERMANENT);
	}
}

static void
test_settled_together(void **unused)
{
	struct target *target = opened("maildir:%s/mail", false);
	struct parcel *parcels[3];
	struct state_message described;
	struct recovery recovery;
	struct state *state;
	struct error error;
	char path[512];

	(void)unused;
	assert_int_equal(state_open(&state, directory, "anna", false, &error), 0);
	parcels[0] = parcel_of(target, message);
	assert_int_equal(parcel_begin(&parcels[1], target, "torn", &error), 0);
	assert_int_equal(parcel_write(parcels[1], "half", 4, &error), 0);
	assert_int_equal(parcel_begin(&parcels[2], target, "spoilt", &error), 0);
	assert_int_equal(parcel_finish(parcels[2], &error), 0);
	parcel_describe(parcels[2], &described);
	assert_int_equal(described.octets, 0);
	snprintf(path, sizeof(path), "%s/mail/tmp/%s", directory, strrchr(described.mark, ':') + 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(parcels_settle(state, target, parcels, 3, &error), 0);
	assert_int_equal(parcel_result(parcels[0], &error), 0);
	assert_int_equal(parcel_result(parcels[1], &error), -1);
	assert_int_equal(parcel_result(parcels[2], &error), -1);
	assert_true(state_find(state, "uidl")->is_stored);
	assert_int_equal(state_find(state, "uidl")->octets, 31);
	assert_null(state_find(state, "torn"));
	assert_null(state_find(state, "spoilt"));
	assert_int_equal(state_intended_count(state), 0);
	for (size_t i = 0; i < 3; i++)
		parcel_end(parcels[i]);
	assert_false(only_file("tmp", path));
	assert_int_equal(recovery_run(state, target, &recovery, &error), 0);
	assert_int_equal(recovery.arrived_count + recovery.not_arrived_count + recovery.unknown_count, 0);
	state_close(state);
	target_close(target);
}

/* What a run had in hand when the power failed: only what is found has arrived, all else comes again. */
static void
test_what_was_in_hand_is_recovered(void **unused)
{
	static const char *const uidls[] = { "found", "waiting", "nowhere" };
	struct target_settings later = { .place = place_of("maildir:%s/mail"), .boot_id = "boot-2" };
	struct target *target = opened("maildir:%s/mail", false);
	struct recovery recovery;
	struct state *state;
	struct error error;
	char path[512];

	(void)unused;
	assert_int_equal(state_open(&state, directory, "anna", false, &error), 0);
	for (size_t i = 0; i < 3; i++) {
		struct parcel *parcel = parcel_of(target, message);
		struct state_message described;
		const struct state_message *pointer = &described;
		char from[300], to[300];

		parcel_describe(parcel, &described);
		described.uidl = uidls[i];
		assert_int_equal(state_intend(state, &pointer, 1, &error), 0);
		snprintf(from, sizeof(from), "tmp/%s", strrchr(parcel_mark(parcel), ':') + 1);
		snprintf(to, sizeof(to), i == 0 ? "new/%s" : "%s", from + strlen("tmp/"));
		parcel_leave(parcel);
		parcel_end(parcel);
		if (i != 1)
			rename_in(from, to);
	}
	target_close(target);
	assert_int_equal(target_open(&target, &later, &error), 0);
	assert_int_equal(recovery_run(state, target, &recovery, &error), 0);
	assert_int_equal(recovery.arrived_count, 1);
	assert_int_equal(recovery.not_arrived_count, 1);
	assert_int_equal(recovery.unknown_count, 1);
	assert_true(state_find(state, "found")->is_stored);
	assert_null(state_find(state, "waiting"));
	assert_null(state_find(state, "nowhere"));
	assert_int_equal(state_intended_count(state), 0);
	assert_false(only_file("tmp", path));
	assert_true(only_file("new", path));
	state_close(state);
	target_close(target);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_maildir),
		TEST(test_parcels_share_what_is_open),
		TEST(test_batch_max),
		TEST(test_pieces),
		TEST(test_a_large_message),
		TEST(test_trace),
		TEST(test_mbox),
		TEST(test_what_was_not_committed_leaves_nothing),
		TEST(test_a_maildir_is_asked),
		TEST(test_a_maildir_of_links_is_asked),
		TEST(test_an_mbox_is_asked),
		TEST(test_a_command),
		TEST(test_a_command_that_hangs),
		TEST(test_lmtp),
		TEST(test_an_answer_that_is_lost),
		TEST(test_an_answer_that_is_late),
		TEST(test_places_that_cannot_be),
		TEST(test_settled_together),
		TEST(test_what_was_in_hand_is_recovered),
	};

	/* The server's last words may come behind the end of the connection. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
