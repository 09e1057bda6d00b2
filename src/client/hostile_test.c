/* Talks with servers that mean harm or are out of order: how each of them ends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/fake_server.h"


#define SHOWN { RESTANTE_USER, "anna" }, { RESTANTE_PASSWORD, "secret" }, { RESTANTE_CLEAR_PASSWORD, "yes" }
#define STLS { RESTANTE_SECURITY, "stls" }
#define OLD "<+OK hello\n>CAPA\n<-ERR\n>USER anna\n<+OK\n>PASS secret\n<+OK\n=READY\n"
#define BROKEN(text) "=END BROKEN the server does not speak POP3 as it should: " text "\n"
#define CLOSED(where) "=END CLOSED the server, or the network, closed the connection" where "\n"
#define OCTETS_16   "0123456789abcdef"
#define OCTETS_256  OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 \
	OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16
#define OCTETS_1024 OCTETS_256 OCTETS_256 OCTETS_256 OCTETS_256
#define HELD(text) OLD "!noop\n>NOOP\n" text, { SHOWN }

static const struct talk talks[] = {
	{ "no POP3 at all", "<HTTP/1.0 400 Bad request\n" BROKEN("a reply that begins neither with \"+OK\" nor with \"-ERR\""), { SHOWN } },
	{ "a greeting that refuses", "<-ERR [SYS/TEMP] later\n=END TEMPORARY [SYS/TEMP] the server does not want to serve: later\n", { SHOWN } },
	{ "a challenge to begin with", "<+ aGVsbG8=\n" BROKEN("it greets with a challenge"), { SHOWN } },
	{ "gone before the greeting", "<|+OK\n<$\n" CLOSED(" before the greeting"), { SHOWN } },
	{ "an answer before the question: a whole session at once", "<+OK hello\n<-ERR\n<+OK\n<+OK\n<+OK 1 2\n"
	  BROKEN("it answers what it has not been asked yet") ">CAPA\n", { SHOWN } },
	{ "an answer before the question: later", OLD "!stat\n<+OK 1 2\n" BROKEN("it answers what it has not been asked yet") ">STAT\n", { SHOWN } },
	{ "an answer to nothing", OLD "<+OK 1 2\n" BROKEN("it says what nobody asked for: +OK 1 2"), { SHOWN } },
	{ "one answer too many", OLD "!stat\n>STAT\n<+OK 1 2\n<+OK 1 2\n=DONE 1 OK 1 2 1 2\n"
	  BROKEN("it says what nobody asked for: +OK 1 2"), { SHOWN } },
	{ "a farewell is none before the login", "<+OK\n>CAPA\n<-ERR\n>USER anna\n<-ERR\n=END DENIED the server refuses the login with USER: \n",
	  { SHOWN } },
	{ "NUL", HELD("<|+OK a\\0b\\r\\n\n" BROKEN("there is a NUL in what it says")) },
	{ "no reply", HELD("<what?\n" BROKEN("a reply that begins neither with \"+OK\" nor with \"-ERR\"")) },
	{ "a challenge", HELD("<+ YQ==\n" BROKEN("a challenge where none belongs: +YQ==")) },
	{ "STAT without numbers", OLD "!stat\n>STAT\n<+OK many\n" BROKEN("\"many\" where a number belongs"), { SHOWN } },
	{ "LIST of another message", OLD "!list 2\n>LIST 2\n<+OK 3 200\n" BROKEN("asked about message 2, told about 3"), { SHOWN } },
	{ "UIDL of another message", OLD "!uidl 2\n>UIDL 2\n<+OK 1 a\n" BROKEN("asked about message 2, told about 1"), { SHOWN } },
	{ "a size beyond 64 bits is not known", OLD "!list\n>LIST\n<+OK\n<1 99999999999999999999\n<.\n=REPLY 1 0 0 \n=ITEM 1 1 0 \n"
	  "=DONE 1 OK 0 0 \n", { SHOWN } },
	{ "a number beyond 64 bits", OLD "!list\n>LIST\n<+OK\n<99999999999999999999 1\n=REPLY 1 0 0 \n"
	  BROKEN("\"99999999999999999999\" where a number belongs"), { SHOWN } },
	{ "a line of LIST that is none", OLD "!list\n>LIST\n<+OK\n<one 120\n=REPLY 1 0 0 \n" BROKEN("\"one\" where a number belongs"), { SHOWN } },
	{ "a UIDL of 1,024 octets", OLD "!uidl\n>UIDL\n<+OK\n<1 " OCTETS_1024 "\n<.\n=REPLY 1 0 0 \n=ITEM 1 1 0 " OCTETS_1024
	  "\n=DONE 1 OK 0 0 \n", { SHOWN } },
	{ "a UIDL of 1,025 octets", OLD "!uidl\n>UIDL\n<+OK\n<1 " OCTETS_1024 "x\n=REPLY 1 0 0 \n"
	  BROKEN("an identifier of 1025 octets; at most 1024 are taken"), { SHOWN } },
	{ "a UIDL with a control", OLD "!uidl\n>UIDL\n<+OK\n<|1 a\\x1bb\\r\\n\n=REPLY 1 0 0 \n" BROKEN("an identifier with a control character"),
	  { SHOWN } },
	{ "a message without identifier", OLD "!uidl\n>UIDL\n<+OK\n<1\n=REPLY 1 0 0 \n" BROKEN("a message without an identifier"), { SHOWN } },
	{ "a list without end, closed", OLD "!uidl\n>UIDL\n<+OK\n<1 a\n<$\n=REPLY 1 0 0 \n=ITEM 1 1 0 a\n" CLOSED(" in the middle of a list"),
	  { SHOWN } },
	{ "a message without its dot", OLD "!retr 1\n>RETR 1\n<+OK\n<a: b\n<$\n=REPLY 1 1 0 \n=DATA 1 a: b\\r\\n\n"
	  CLOSED(" in the middle of a message"), { SHOWN } },
	{ "a dot and no line end", OLD "!retr 1\n>RETR 1\n<+OK\n<|a: b\\r\\n.\n<$\n=REPLY 1 1 0 \n=DATA 1 a: b\\r\\n\n"
	  CLOSED(" in the middle of a message"), { SHOWN } },
	{ "a message with LF, dot, LF in it is not cut short", OLD "!retr 1\n>RETR 1\n<|+OK\\r\\na: b\\r\\n\\r\\nx\\n.\\ny\\n..z\\r\\n.\\r\\n\n"
	  "=REPLY 1 1 0 \n=DATA 1 a: b\\r\\n\\r\\nx\\n.\\ny\\n..z\\r\\n\n=DONE 1 OK 1 0 \n", { SHOWN } },
	{ "silence, and closed", OLD "<$\n" CLOSED(""), { SHOWN } },
	{ "nothing can be asked behind the end", OLD "<$\n" CLOSED("") "!stat\n!quit\n", { SHOWN } },
	{ "nothing can be asked behind QUIT", OLD "!quit\n!stat\n>QUIT\n<+OK\n=DONE 1 OK 0 0 \n=END OK \n", { SHOWN } },
	{ "nor with PIPELINING", "<+OK hello\n>CAPA\n<+OK\n<USER\n<PIPELINING\n<IMPLEMENTATION restante\n<.\n>USER anna\n>PASS secret\n>CAPA\n<+OK\n<+OK\n<-ERR\n=READY\n"
	  "!quit\n!stat\n>QUIT\n<+OK\n=DONE 1 OK 0 0 \n=END OK \n", { SHOWN } },
	{ "nothing is read behind QUIT", OLD "!quit\n>QUIT\n<+OK\n<+OK 1 2\n=DONE 1 OK 0 0 \n=END OK \n", { SHOWN } },
	/* RFC 2595: without protection nothing goes on. */
	{ "STLS is not announced", "<+OK\n>CAPA\n<+OK\n<USER\n<.\n=END UNPROTECTED the server does not offer STLS\n", { SHOWN, STLS } },
	{ "STLS is refused", "<+OK\n>CAPA\n<+OK\n<STLS\n<.\n>STLS\n<-ERR not now\n"
	  "=END UNPROTECTED the server refuses STLS: not now\n", { SHOWN, STLS } },
	{ "STLS is tried where no list is to be had", "<+OK\n>CAPA\n<-ERR\n>STLS\n<-ERR\n=END UNPROTECTED the server refuses STLS: \n",
	  { SHOWN, STLS } },
	{ "clear text behind the answer to STLS", "<+OK\n>CAPA\n<+OK\n<STLS\n<.\n>STLS\n<+OK go on\n<+OK hello\n"
	  BROKEN("octets in clear text behind its answer to STLS"), { SHOWN, STLS } },
	{ "no line of the caller's is two", OLD "!line NOOP\rQUIT\n!lines \n!retr 0\n!dele 0\n!top 0 1\n", { SHOWN } },
};

static void
test_talks(void **state)
{
	(void)state;
	assert_int_equal(talks_hold(talks, sizeof(talks) / sizeof(talks[0])), 0);
}


/* A client that has said HELLO, and hears what a server says; what is told of it goes by. */
static struct restante_client *
client_of(enum restante_option option, const char *value)
{
	struct restante_options *options = restante_options_new();
	struct restante_client *client;

	assert_int_equal(restante_options_set(options, RESTANTE_SECURITY, "clear"), 0);
	assert_int_equal(restante_options_set(options, RESTANTE_USER, "anna"), 0);
	assert_int_equal(restante_options_set(options, RESTANTE_PASSWORD, "secret"), 0);
	assert_int_equal(restante_options_set(options, RESTANTE_CLEAR_PASSWORD, "yes"), 0);
	assert_int_equal(restante_options_set(options, option, value), 0);
	client = restante_client_new(options);
	restante_options_free(options);
	return client;
}

static enum restante_event_type
hear(struct restante_client *client, size_t *count)
{
	const struct restante_event *event;
	enum restante_event_type type, last = RESTANTE_EVENT_NONE;

	while ((type = restante_client_next(client, &event)) != RESTANTE_EVENT_NONE) {
		last = type;
		*count += 1;
	}
	return last;
}

static void
listen(struct restante_client *client)
{
	size_t size;

	while (restante_client_output(client, &size) != NULL && size > 0)
		restante_client_output_done(client, size);
}

static enum restante_event_type
say(struct restante_client *client, const char *text, size_t *count)
{
	size_t room;
	void *buffer;
	enum restante_event_type type;

	listen(client);
	buffer = restante_client_input_buffer(client, &room);
	assert_true(room >= strlen(text));
	memcpy(buffer, text, strlen(text));
	restante_client_input_done(client, strlen(text));
	type = hear(client, count);
	listen(client);
	return type;
}

static struct restante_client *
client_in(void)
{
	struct restante_client *client = client_of(RESTANTE_WINDOW, "64");
	size_t count = 0;

	hear(client, &count);
	say(client, "+OK\r\n", &count);
	say(client, "-ERR\r\n", &count);
	say(client, "+OK\r\n", &count);
	assert_int_equal(say(client, "+OK\r\n", &count), RESTANTE_EVENT_READY);
	return client;
}

static void
test_lines_have_a_limit(void **state)
{
	char line[REPLY_OCTETS_MAX + 2];

	(void)state;
	for (size_t more = 0; more < 3; more++) {
		struct restante_client *client = client_in();
		size_t count = 0, end = REPLY_OCTETS_MAX - 2 + more;

		restante_client_noop(client);
		memset(line, 'x', sizeof(line));
		memcpy(line, "+OK ", 4);
		/* The last of them has no end yet. */
		memcpy(line + end, more < 2 ? "\r\n" : "x", more < 2 ? 3 : 2);
		assert_int_equal(say(client, line, &count), more == 0 ? RESTANTE_EVENT_DONE : RESTANTE_EVENT_END);
		if (more > 0)
			assert_string_equal(restante_client_error(client),
			    "the server does not speak POP3 as it should: it says a line of over 4096 octets");
		restante_client_free(client);
	}
}

static void
test_lists_have_a_limit(void **state)
{
	struct restante_client *client = client_in();
	size_t count = 0;

	(void)state;
	assert_int_equal(restante_client_list(client, 0), 1);
	say(client, "+OK\r\n", &count);
	client->sent.first->line_count = LIST_LINES_MAX - 2;
	assert_int_equal(say(client, "1 1\r\n2 2\r\n", &count), RESTANTE_EVENT_ITEM);
	assert_int_equal(say(client, "3 3\r\n", &count), RESTANTE_EVENT_END);
	assert_string_equal(restante_client_error(client),
	    "the server does not speak POP3 as it should: a list of over 10000000 lines");
	restante_client_free(client);
}

static void
test_capabilities_have_a_limit(void **state)
{
	struct restante_client *client = client_of(RESTANTE_WINDOW, "64");
	size_t count = 0;

	(void)state;
	hear(client, &count);
	say(client, "+OK\r\n", &count);
	say(client, "+OK\r\n", &count);
	for (size_t i = 0; i < CAPA_LINES_MAX; i++)
		assert_int_equal(say(client, "X-MORE\r\n", &count), RESTANTE_EVENT_NONE);
	assert_int_equal(say(client, "X-MORE\r\n", &count), RESTANTE_EVENT_END);
	restante_client_free(client);
}

/* What leaves without an answer fits any socket, so that nobody waits for the other for ever. */
static void
test_few_octets_are_outstanding(void **state)
{
	struct restante_client *client = client_of(RESTANTE_WINDOW, "10000");
	size_t count = 0, size, outstanding = 0;

	(void)state;
	hear(client, &count);
	say(client, "+OK\r\n", &count);
	say(client, "+OK\r\nUSER\r\nPIPELINING\r\nIMPLEMENTATION restante\r\n.\r\n", &count);
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_not_equal(restante_client_retr(client, 1000000 + i), 0);
	assert_int_equal(say(client, "+OK\r\n+OK\r\n-ERR\r\n", &count), RESTANTE_EVENT_READY);
	while (restante_client_output(client, &size) != NULL && size > 0) {
		outstanding += size;
		restante_client_output_done(client, size);
	}
	assert_int_equal(client->sent.count, OUTSTANDING_OCTETS_MAX / strlen("RETR 1000000\r\n"));
	assert_true(client->sent.octets <= OUTSTANDING_OCTETS_MAX);
	/* A reply makes room for one more. */
	outstanding = client->sent.count;
	say(client, "-ERR\r\n", &count);
	restante_client_output(client, &size);
	assert_int_equal(client->sent.count, outstanding);
	restante_client_free(client);
}

/* What is there must be heard before there is room for more: memory is bounded. */
static void
test_no_room_while_events_wait(void **state)
{
	struct restante_client *client = client_of(RESTANTE_WINDOW, "64");
	size_t room, count = 0;
	void *buffer = restante_client_input_buffer(client, &room);

	(void)state;
	assert_int_equal(room, 0);
	hear(client, &count);
	buffer = restante_client_input_buffer(client, &room);
	assert_int_equal(room, INPUT_SIZE);
	memcpy(buffer, "+OK\r\n", 5);
	restante_client_input_done(client, 5);
	restante_client_input_buffer(client, &room);
	assert_int_equal(room, 0);
	hear(client, &count);
	restante_client_input_buffer(client, &room);
	assert_int_equal(room, INPUT_SIZE);
	restante_client_abort(client, RESTANTE_TIMED_OUT, "no\noctet");
	assert_int_equal(hear(client, &count), RESTANTE_EVENT_END);
	assert_string_equal(restante_client_error(client), "no?octet");
	restante_client_input_buffer(client, &room);
	assert_int_equal(room, 0);
	restante_client_free(client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_lines_have_a_limit),
		cmocka_unit_test(test_lists_have_a_limit),
		cmocka_unit_test(test_capabilities_have_a_limit),
		cmocka_unit_test(test_few_octets_are_outstanding),
		cmocka_unit_test(test_no_room_while_events_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
