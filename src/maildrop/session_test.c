/* Each test is a short talk with a maildrop in memory: one per command, reply and trap. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "maildrop/session.h"
#include "store/memory.h"

static const char *const two[] = {
	"Subject: one\n\nhello\n",
	"Subject: two\n\n.dot\nlast",
	NULL,
};
static const char *const none[] = { NULL };

#define HELLO_TWO "+OK 2 messages (51 octets)\r\n"
#define NO_SUCH   "-ERR no such message, there are 2\r\n"
#define BYE(n)    "+OK goodbye (" #n " messages left)\r\n"
#define CAPA                                                                                     \
	"+OK capability list follows\r\nTOP\r\nUIDL\r\nSASL PLAIN LOGIN\r\nUSER\r\nRESP-CODES\r\n"  \
	"AUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\nIMPLEMENTATION restante\r\n.\r\n"

struct talk {
	const char *name, *client, *server;
	const char *const *mail;
	unsigned fail_at;		/* which call of the store fails; 0: none */
	enum session_end end;
	bool removed[2];
};

static const struct talk talks[] = {
	{ "STAT", "STAT\r\n", "+OK 2 51\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "keywords in any case, bare LF", "stat\nsTaT\n", "+OK 2 51\r\n+OK 2 51\r\n", two, 0,
	  SESSION_LIVES, { 0 } },
	{ "STAT skips deleted messages", "DELE 1\r\nSTAT\r\n",
	  "+OK message 1 deleted\r\n+OK 1 28\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "STAT of an empty maildrop", "STAT\r\nLIST\r\nUIDL\r\n",
	  "+OK 0 0\r\n+OK sizes follow\r\n.\r\n+OK identifiers follow\r\n.\r\n", none, 0,
	  SESSION_LIVES, { 0 } },
	{ "LIST", "LIST\r\n", "+OK sizes follow\r\n1 23\r\n2 28\r\n.\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "LIST n", "LIST 2\r\n", "+OK 2 28\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "UIDL", "UIDL\r\n", "+OK identifiers follow\r\n1 id1\r\n2 id2\r\n.\r\n", two, 0,
	  SESSION_LIVES, { 0 } },
	{ "UIDL n", "UIDL 1\r\n", "+OK 1 id1\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "a deleted message keeps its number but leaves the lists", "DELE 1\r\nLIST\r\nUIDL\r\n",
	  "+OK message 1 deleted\r\n+OK sizes follow\r\n2 28\r\n.\r\n"
	  "+OK identifiers follow\r\n2 id2\r\n.\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "a deleted message is out of reach", "DELE 1\r\nLIST 1\r\nUIDL 1\r\nRETR 1\r\nTOP 1 0\r\n",
	  "+OK message 1 deleted\r\n-ERR message 1 is deleted\r\n-ERR message 1 is deleted\r\n"
	  "-ERR message 1 is deleted\r\n-ERR message 1 is deleted\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "a second DELE does not change the counts", "DELE 1\r\nDELE 1\r\nSTAT\r\nQUIT\r\n",
	  "+OK message 1 deleted\r\n-ERR message 1 is deleted\r\n+OK 1 28\r\n" BYE(1), two, 0,
	  SESSION_QUIT, { true, false } },
	{ "RSET takes the marks off", "DELE 1\r\nDELE 2\r\nRSET\r\nSTAT\r\nQUIT\r\n",
	  "+OK message 1 deleted\r\n+OK message 2 deleted\r\n+OK nothing is deleted\r\n+OK 2 51\r\n"
	  BYE(2), two, 0, SESSION_QUIT, { 0 } },
	{ "RETR", "RETR 1\r\n", "+OK 23 octets\r\nSubject: one\r\n\r\nhello\r\n.\r\n", two, 0,
	  SESSION_LIVES, { 0 } },
	{ "line ends become CRLF, a leading dot is doubled, the last line is ended", "RETR 2\r\n",
	  "+OK 28 octets\r\nSubject: two\r\n\r\n..dot\r\nlast\r\n.\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "TOP n 0 is the header and the empty line", "TOP 2 0\r\n",
	  "+OK top of message follows\r\nSubject: two\r\n\r\n.\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "TOP counts lines of the body only", "TOP 2 1\r\n",
	  "+OK top of message follows\r\nSubject: two\r\n\r\n..dot\r\n.\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "TOP beyond the end is the message", "TOP 2 3\r\nTOP 2 99999999\r\n",
	  "+OK top of message follows\r\nSubject: two\r\n\r\n..dot\r\nlast\r\n.\r\n"
	  "+OK top of message follows\r\nSubject: two\r\n\r\n..dot\r\nlast\r\n.\r\n", two, 0,
	  SESSION_LIVES, { 0 } },
	{ "TOP with the largest number", "TOP 1 18446744073709551615\r\n",
	  "+OK top of message follows\r\nSubject: one\r\n\r\nhello\r\n.\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "4294967297 is not 1", "RETR 4294967297\r\n", NO_SUCH, two, 0, SESSION_LIVES, { 0 } },
	{ "18446744073709551615 is not there", "DELE 18446744073709551615\r\n", NO_SUCH, two, 0,
	  SESSION_LIVES, { 0 } },
	{ "one beyond the end", "LIST 3\r\nRETR 3\r\nDELE 3\r\nTOP 3 1\r\nUIDL 3\r\n",
	  NO_SUCH NO_SUCH NO_SUCH NO_SUCH NO_SUCH, two, 0, SESSION_LIVES, { 0 } },
	{ "leading zeros are digits", "LIST 0002\r\n", "+OK 2 28\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "bad numbers", "RETR 0\r\nRETR -1\r\nRETR 1x\r\nRETR 18446744073709551616\r\nRETR\r\n",
	  "-ERR not a message number\r\n-ERR not a message number\r\n-ERR not a message number\r\n"
	  "-ERR not a message number\r\n-ERR a message number is missing\r\n", two, 0,
	  SESSION_LIVES, { 0 } },
	{ "spaces", "LIST   2  \r\nSTAT \r\nTOP  1   0 \r\n",
	  "+OK 2 28\r\n+OK 2 51\r\n+OK top of message follows\r\nSubject: one\r\n\r\n.\r\n", two, 0,
	  SESSION_LIVES, { 0 } },
	{ "LAST: RETR and DELE raise it, RSET clears it (RFC 1460)",
	  "LAST\r\nDELE 1\r\nLAST\r\nTOP 2 0\r\nLAST\r\nRETR 2\r\nLAST\r\nRSET\r\nLAST\r\n",
	  "+OK 0\r\n+OK message 1 deleted\r\n+OK 1\r\n+OK top of message follows\r\nSubject: two\r\n\r\n.\r\n"
	  "+OK 1\r\n+OK 28 octets\r\nSubject: two\r\n\r\n..dot\r\nlast\r\n.\r\n+OK 2\r\n"
	  "+OK nothing is deleted\r\n+OK 0\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "NOOP", "NOOP\r\n", "+OK still here\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "CAPA announces what could be used before", "CAPA\r\n", CAPA, two, 0, SESSION_LIVES, { 0 } },
	{ "commands of AUTHORIZATION are over", "USER a\r\nPASS b\r\nSTLS\r\nAUTH\r\nAPOP a b\r\n",
	  "-ERR you have logged in already\r\n-ERR you have logged in already\r\n"
	  "-ERR you have logged in already\r\n-ERR you have logged in already\r\n"
	  "-ERR you have logged in already\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "unknown and empty commands", "FOO\r\n\r\nXTND X\r\n",
	  "-ERR unknown command\r\n-ERR unknown command\r\n-ERR unknown command\r\n", two, 0,
	  SESSION_LIVES, { 0 } },
	{ "too many bad commands end the session without UPDATE",
	  "DELE 1\r\nA\r\nB\r\nC\r\nD\r\nE\r\nF\r\nNOOP\r\n",
	  "+OK message 1 deleted\r\n-ERR unknown command\r\n-ERR unknown command\r\n"
	  "-ERR unknown command\r\n-ERR unknown command\r\n-ERR unknown command\r\n"
	  "-ERR unknown command; too many bad commands\r\n", two, 0, SESSION_BAD_COMMANDS, { 0 } },
	{ "QUIT removes what is marked and nothing else", "DELE 2\r\nQUIT\r\n",
	  "+OK message 2 deleted\r\n" BYE(1), two, 0, SESSION_QUIT, { false, true } },
	{ "nothing is read behind QUIT", "QUIT\r\nSTAT\r\n", BYE(2), two, 0, SESSION_QUIT, { 0 } },
	{ "QUIT takes no argument", "QUIT now\r\n", "-ERR this command takes no argument\r\n", two, 0,
	  SESSION_LIVES, { 0 } },
	{ "without QUIT nothing is removed", "DELE 1\r\nDELE 2\r\nQUI",
	  "+OK message 1 deleted\r\n+OK message 2 deleted\r\n", two, 0, SESSION_LIVES, { 0 } },
	{ "QUIT tells the truth", "DELE 1\r\nQUIT\r\n",
	  "+OK message 1 deleted\r\n-ERR [SYS/TEMP] some deleted messages not removed\r\n", two, 1,
	  SESSION_UPDATE_FAILED, { 0 } },
	{ "a message that cannot be read at all is refused", "RETR 1\r\nNOOP\r\n",
	  "-ERR [SYS/TEMP] the message cannot be read\r\n+OK still here\r\n", two, 1, SESSION_LIVES, { 0 } },
	{ "no final dot after a failed read", "RETR 1\r\nNOOP\r\n",
	  "+OK 23 octets\r\nSubject", two, 2, SESSION_READ_FAILED, { 0 } },
	{ "none after a failure further on either", "RETR 1\r\nNOOP\r\n",
	  "+OK 23 octets\r\nSubject: one\r\n\r\n", two, 3, SESSION_READ_FAILED, { 0 } },
	{ "nor where the end should be", "TOP 1 9\r\n",
	  "+OK top of message follows\r\nSubject: one\r\n\r\nhello\r\n", two, 4, SESSION_READ_FAILED, { 0 } },
};

struct record {
	char text[32768];
	size_t used;
	uint64_t pauses[16];
	size_t pause_count;
	/* What becomes of a file: 0: it is sent; 1: it ends early; 2: the client has gone. */
	int file_fails;
	const char *file_text;		/* what must be in it */
	int file;			/* which it was; 0: none */
	struct writer *writer;
};

static int
record_sink(void *context, const char *data, size_t size)
{
	struct record *record = context;

	assert_true(record->used + size < sizeof(record->text));
	memcpy(record->text + record->used, data, size);
	record->used += size;
	record->text[record->used] = '\0';
	return 0;
}

static void
record_pause(void *context, uint64_t milliseconds)
{
	struct record *record = context;

	record->pauses[record->pause_count++] = milliseconds;
}

static const struct rules rules = {
	.bad_commands_max = 6,
	.bad_command_delay_milliseconds = 100,
	.last = true,
	.implementation = "restante",
};

static struct scratch scratch;
static char buffer[64];

static void
fake_begin(struct session *s, struct writer *w, struct record *record, struct store *store)
{
	writer_init(w, buffer, sizeof(buffer), record_sink, record);
	*s = (struct session){ .rules = &rules, .id = 1, .out = w, .scratch = &scratch,
		.pause = record_pause, .context = record,
		.capabilities = { .user = true, .sasl = "PLAIN LOGIN", .implementation = "restante" } };
	session_begin(s, store);
}

/* The client's octets in pieces of that size, leftovers kept as client.c does. */
static void
fake_say(struct session *s, const char *text, size_t piece)
{
	char input[512];
	size_t used = 0, size = strlen(text);

	while (size > 0 && s->state != SESSION_OVER) {
		size_t part = piece < size ? piece : size, done;

		memcpy(input + used, text, part);
		text += part;
		size -= part;
		done = session_input(s, input, used + part);
		used = used + part - done;
		memmove(input, input + done, used);
	}
	writer_flush(s->out);
}

static void
run_talk(const struct talk *talk, size_t piece)
{
	struct record record = { .used = 0 };
	struct memory_store store;
	struct session s;
	struct writer w;
	const char *answer;

	memory_store_init(&store, talk->mail);
	store.fail_at = talk->fail_at;
	store.read_size = talk->fail_at >= 2 ? 7 : 0;
	fake_begin(&s, &w, &record, &store.store);
	fake_say(&s, talk->client, piece);
	answer = strchr(record.text, '\n') + 1;
	if (strcmp(answer, talk->server) != 0)
		fail_msg("%s (pieces of %zu): %s", talk->name, piece, answer);
	if (s.end != talk->end)
		fail_msg("%s: ended by %s", talk->name, session_end_name(s.end));
	session_close(&s);
	assert_true(store.closed);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(store.removed[i], talk->removed[i]);
}

static void
test_talks(void **state)
{
	static const size_t pieces[] = { 1, 7, 400 };

	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++)
			run_talk(&talks[i], pieces[j]);
}

static void
test_the_answer_to_a_login(void **state)
{
	struct record record = { .used = 0 };
	struct memory_store store;
	struct session s;
	struct writer w;

	(void)state;
	memory_store_init(&store, two);
	fake_begin(&s, &w, &record, &store.store);
	writer_flush(&w);
	assert_string_equal(record.text, HELLO_TWO);
	session_close(&s);
}

static void
test_a_maildrop_that_cannot_be_opened(void **state)
{
	static const struct {
		enum error_kind kind;
		const char *answer;
	} cases[] = {
		{ ERROR_BUSY, "-ERR [IN-USE] the maildrop is open in another session\r\n" },
		{ ERROR_TEMPORARY, "-ERR [SYS/TEMP] the maildrop cannot be opened now\r\n" },
		{ ERROR_PERMANENT, "-ERR [SYS/PERM] the maildrop cannot be opened; tell the postmaster\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct error error = { .kind = cases[i].kind, .text = "as the test wants" };
		struct record record = { .used = 0 };
		struct session s = { .rules = &rules, .id = 1 };
		struct writer w;

		writer_init(&w, buffer, sizeof(buffer), record_sink, &record);
		s.out = &w;
		session_refuse(&s, &error);
		writer_flush(&w);
		assert_string_equal(record.text, cases[i].answer);
		assert_int_equal(s.end, SESSION_NOT_OPENED);
		session_close(&s);
	}
}

static void
test_long_lines_and_nul(void **state)
{
	struct record record = { .used = 0 };
	struct memory_store store;
	struct session s;
	struct writer w;
	char line[600];

	(void)state;
	memory_store_init(&store, two);
	fake_begin(&s, &w, &record, &store.store);
	memset(line, 'A', sizeof(line));
	memcpy(line + 300, "\r\nNOOP\r\n", 9);
	fake_say(&s, line, 50);
	assert_string_equal(record.text, HELLO_TWO "-ERR the line is too long\r\n+OK still here\r\n");
	record.used = 0;
	memcpy(line, "STAT\0x\r\nNOOP\r\n", 14);
	assert_int_equal(session_input(&s, line, 14), 14);
	writer_flush(&w);
	assert_string_equal(record.text, "-ERR a line must not hold NUL\r\n+OK still here\r\n");
	session_close(&s);
}

static void
test_bad_commands_are_answered_ever_more_slowly(void **state)
{
	struct record record = { .used = 0 };
	struct memory_store store;
	struct session s;
	struct writer w;

	(void)state;
	memory_store_init(&store, two);
	fake_begin(&s, &w, &record, &store.store);
	fake_say(&s, "A\nB\nNOOP\nC\nD\n", 100);
	assert_int_equal(record.pause_count, 3);
	assert_int_equal(record.pauses[0], 100);
	assert_int_equal(record.pauses[1], 200);
	assert_int_equal(record.pauses[2], 300);
	session_close(&s);
}

static void
test_without_last_there_is_no_last(void **state)
{
	static const struct rules modern = { .bad_commands_max = 6, .implementation = "" };
	struct record record = { .used = 0 };
	struct memory_store store;
	struct session s;
	struct writer w;

	(void)state;
	memory_store_init(&store, two);
	fake_begin(&s, &w, &record, &store.store);
	s.rules = &modern;
	fake_say(&s, "LAST\r\n", 100);
	assert_string_equal(record.text, HELLO_TWO "-ERR unknown command\r\n");
	session_close(&s);
}

static int
record_send_file(void *context, int file, uint64_t size)
{
	struct record *record = context;
	char text[32768];

	record->file = file;
	assert_true(writer_flush(record->writer));
	assert_int_equal(size, strlen(record->file_text));
	assert_int_equal(read(file, text, sizeof(text)), size);
	assert_memory_equal(text, record->file_text, size);
	record->writer->failed = record->file_fails == 2;
	if (record->file_fails != 0)
		return -1;
	writer_text(record->writer, "(file)");
	return 0;
}

static const struct file_talk {
	const char *client, *server;	/* NULL: it is read, and then it comes to the same */
	bool no_files, no_way;
	int file_fails;
	enum session_end end;
	uint64_t retrieved_count;
} file_talks[] = {
	{ "RETR 2\r\nLAST\r\n", "+OK 18000 octets\r\n(file).\r\n+OK 2\r\n", false, false, 0,
	  SESSION_LIVES, 1 },
	{ "RETR 2\r\nRETR 2\r\n",
	  "+OK 18000 octets\r\n(file).\r\n+OK 18000 octets\r\n(file).\r\n", false, false, 0,
	  SESSION_LIVES, 2 },
	/* no final dot, and nothing behind it */
	{ "RETR 2\r\nNOOP\r\n", "+OK 18000 octets\r\n", false, false, 1, SESSION_READ_FAILED, 0 },
	{ "DELE 1\r\nRETR 2\r\nQUIT\r\n", "+OK message 1 deleted\r\n+OK 18000 octets\r\n", false, false,
	  2, SESSION_LIVES, 0 },
	/* what is small is read; so is what has no file, and all where files cannot be sent */
	{ "RETR 1\r\n", "+OK 3 octets\r\na\r\n.\r\n", false, false, 1, SESSION_LIVES, 1 },
	{ "RETR 2\r\n", NULL, true, false, 1, SESSION_LIVES, 1 },
	{ "RETR 2\r\n", NULL, false, true, 1, SESSION_LIVES, 1 },
};

static void
run_file_talk(const struct file_talk *talk, const char *large)
{
	const char *const mail[] = { "a\r\n", large, NULL };
	struct record record = { .file_fails = talk->file_fails, .file_text = large };
	struct memory_store store;
	struct session s;
	struct writer w;
	char *answer, expected[20000];

	memory_store_init(&store, mail);
	store.has_files = !talk->no_files;
	fake_begin(&s, &w, &record, &store.store);
	record.writer = &w;
	s.send_file = talk->no_way ? NULL : record_send_file;
	fake_say(&s, talk->client, 400);
	answer = strchr(record.text, '\n') + 1;
	snprintf(expected, sizeof(expected), "+OK 18000 octets\r\n%s.\r\n", large);
	assert_string_equal(answer, talk->server != NULL ? talk->server : expected);
	assert_int_equal(s.end, talk->end);
	assert_int_equal(s.retrieved_count, talk->retrieved_count);
	assert_int_equal(store.remove_count, 0);
	if (record.file > 0)
		assert_int_equal(fcntl(record.file, F_GETFD), -1);
	session_close(&s);
}

static void
test_messages_that_leave_as_files(void **state)
{
	char large[18001] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(large) - 1; i += 60)
		memcpy(large + i, "fifty-eight octets and a CRLF make sixty octets of a file.\r\n", 60);
	memcpy(large + sizeof(large) - 3, "\r\n", 3);
	for (size_t i = 0; i < sizeof(file_talks) / sizeof(file_talks[0]); i++)
		run_file_talk(&file_talks[i], large);
}

/* What the store is told to fetch when these octets come at once: message numbers, as they come. */
static void
test_what_is_read_ahead(void **state)
{
	static const char *const mail[] = { "a\n", "b\n", "c\n", "d\n", "e\n", "f\n", "g\n", NULL };
	static const struct {
		const char *client, *ahead;
	} cases[] = {
		{ "RETR 1\r\n", "" },
		{ "RETR 1\r\nRETR 2", "" },			/* there may be a 0 behind it */
		{ "RETR 1\r\nretr  2\n", "2" },
		{ "RETR 1\r\nNOOP\r\nRETR 2\r\n", "" },
		{ "RETR 1\r\nRETR 2\r\nNOOP\r\nRETR 3\r\nRETR 4\r\n", "24" },
		{ "DELE 2\r\nRETR 1\r\nRETR 2\r\nRETR 3\r\n", "" },
		{ "RETR 1\r\nRETR 8\r\nRETR 0\r\nRETR x\r\n", "" },
		{ "RETR 1\r\nTOP 2 0\r\n", "" },
		{ "STAT\r\nRETR 5\r\nRETR 5\r\nRETR 1\r\n", "51" },
		{ "RETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 4\r\nRETR 5\r\nRETR 6\r\nRETR 7\r\n", "234567" },
		{ "RETR 9\r\nRETR 2\r\nRETR 3\r\n", "3" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record record = { .used = 0 };
		struct memory_store store;
		struct session s;
		struct writer w;
		char ahead[16] = "";

		memory_store_init(&store, mail);
		fake_begin(&s, &w, &record, &store.store);
		fake_say(&s, cases[i].client, 400);
		assert_true(store.ahead_count < sizeof(ahead));
		for (size_t j = 0; j < store.ahead_count; j++)
			ahead[j] = (char)('1' + store.ahead[j]);
		assert_string_equal(ahead, cases[i].ahead);
		assert_int_equal(s.ahead_count, 0);
		session_close(&s);
	}
}

/* It is answered with -ERR, so it must not be fetched. */
static void
test_a_line_with_nul_is_not_read_ahead(void **state)
{
	char lines[] = "RETR 1\nRETR 2\0\nNOOP\n";
	struct record record = { .used = 0 };
	struct memory_store store;
	struct session s;
	struct writer w;

	(void)state;
	memory_store_init(&store, two);
	fake_begin(&s, &w, &record, &store.store);
	assert_int_equal(session_input(&s, lines, sizeof(lines) - 1), sizeof(lines) - 1);
	assert_int_equal(store.ahead_count, 0);
	session_close(&s);
}

/* No more at once than the store is told: with seven waiting, four are on their way. */
static void
test_not_too_much_is_read_ahead(void **state)
{
	static const char *const mail[] = { "a\n", "b\n", "c\n", "d\n", "e\n", "f\n", "g\n", NULL };
	struct record record = { .used = 0 };
	struct memory_store store;
	struct session s;
	struct writer w;

	(void)state;
	memory_store_init(&store, mail);
	store.fail_at = 2;	/* the end of the first message: the session is over */
	fake_begin(&s, &w, &record, &store.store);
	fake_say(&s, "RETR 1\nRETR 2\nRETR 3\nRETR 4\nRETR 5\nRETR 6\nRETR 7\n", 400);
	assert_int_equal(s.end, SESSION_READ_FAILED);
	assert_int_equal(store.ahead_count, STORE_AHEAD_MAX);
	session_close(&s);
}

/* Sums are 64 bits: two messages of 2^63 - 1 octets. */
static void
test_large_sums(void **state)
{
	struct record record = { .used = 0 };
	struct memory_store store;
	struct session s;
	struct writer w;

	(void)state;
	memory_store_init(&store, two);
	store.messages[0].size = store.messages[1].size = INT64_MAX;
	store.store.octets = 2 * (uint64_t)INT64_MAX;
	fake_begin(&s, &w, &record, &store.store);
	fake_say(&s, "STAT\r\nLIST 1\r\n", 100);
	assert_string_equal(record.text, "+OK 2 messages (18446744073709551614 octets)\r\n"
	    "+OK 2 18446744073709551614\r\n+OK 1 9223372036854775807\r\n");
	session_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_the_answer_to_a_login),
		cmocka_unit_test(test_a_maildrop_that_cannot_be_opened),
		cmocka_unit_test(test_long_lines_and_nul),
		cmocka_unit_test(test_bad_commands_are_answered_ever_more_slowly),
		cmocka_unit_test(test_without_last_there_is_no_last),
		cmocka_unit_test(test_messages_that_leave_as_files),
		cmocka_unit_test(test_what_is_read_ahead),
		cmocka_unit_test(test_a_line_with_nul_is_not_read_ahead),
		cmocka_unit_test(test_not_too_much_is_read_ahead),
		cmocka_unit_test(test_large_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
