/*
 * The blocking face, over TCP, with a thread that plays the server: connections one after the other,
 * TLS, silence, and what is left of a session when its server goes.
 */

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>


#include "client/engine.h"
#include "client/session.h"
#include "tls/fake_client.h"
#include "tls/tls.h"

/* The server waits so long for a client that does not come: a test that fails ends. */
#define PATIENCE_MILLISECONDS 60000

/*
 * What the server does, a line each: "<text" says a line, "|text" says it without an end, ">text" reads a
 * line, which must be this (">*": any), "T" TLS, "$" closes, "A" takes another connection, "." waits for the
 * client to close, "!" resets the connection.
 */
struct server {
	const char *script;
	int listener, socket;
	struct tls_context *context;
	struct tls *tls;
	char problem[512];
	pthread_t thread;
	char port[8];
};

static char ca_file[] = "/tmp/restante-session-XXXXXX";
static struct fake_certificate certificate;

static bool
await(int descriptor, short events)
{
	struct pollfd wanted = { .fd = descriptor, .events = events };

	return poll(&wanted, 1, PATIENCE_MILLISECONDS) > 0;
}

static void
server_shake(struct server *server)
{
	enum tls_status status;

	server->tls = tls_accept(server->context, server->socket);
	while ((status = tls_handshake(server->tls)) == TLS_WANT_READ || status == TLS_WANT_WRITE)
		if (!await(server->socket, status == TLS_WANT_READ ? POLLIN : POLLOUT))
			break;
	if (status == TLS_DONE)
		tls_flush(server->tls);
	else
		snprintf(server->problem, sizeof(server->problem), "no TLS: %s", tls_failure(server->tls));
}

static void
server_say(struct server *server, const char *text, size_t size)
{
	if (server->tls != NULL) {
		tls_write(server->tls, text, size);
		tls_flush(server->tls);
	} else
		send(server->socket, text, size, MSG_NOSIGNAL);
}

/* One octet; false: the client has closed the connection. */
static bool
server_octet(struct server *server, char *octet)
{
	for (;;) {
		size_t size = 1;
		enum tls_status status = TLS_WANT_READ;
		ssize_t received = -1;

		if (server->tls != NULL) {
			status = tls_read(server->tls, octet, &size);
			if (status == TLS_DONE)
				return true;
			if (status != TLS_WANT_READ)
				return false;
		} else {
			received = recv(server->socket, octet, 1, 0);
			if (received >= 0)
				return received > 0;
		}
		if (!await(server->socket, POLLIN))
			return false;
	}
}

static void
server_hear(struct server *server, const char *line, size_t size)
{
	char said[512];
	size_t used = 0;

	while (used < sizeof(said) && server_octet(server, &said[used]))
		if (said[used++] == '\n')
			break;
	if (used < 2 || (memcmp(line, "*", 1) != 0 && (used - 2 != size || memcmp(said, line, size) != 0)))
		if (server->problem[0] == '\0')
			snprintf(server->problem, sizeof(server->problem), "said: {%.*s} and not: {%.*s}", (int)used, said,
			    (int)size, line);
}

static void
server_close(struct server *server)
{
	if (server->tls != NULL)
		tls_end(server->tls);
	server->tls = NULL;
	if (server->socket >= 0)
		close(server->socket);
	server->socket = -1;
}

static void
server_reset(struct server *server)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(server->socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	server_close(server);
}

static void
server_accept(struct server *server)
{
	server_close(server);
	if (await(server->listener, POLLIN))
		server->socket = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void *
server_run(void *context)
{
	struct server *server = context;
	char octet;

	for (const char *line = server->script; *line != '\0' && server->problem[0] == '\0';) {
		size_t size = strcspn(line, "\n");

		if (*line == '<') {
			server_say(server, line + 1, size - 1);
			server_say(server, "\r\n", 2);
		} else if (*line == '|')
			server_say(server, line + 1, size - 1);
		else if (*line == '>')
			server_hear(server, line + 1, size - 1);
		else if (*line == 'T')
			server_shake(server);
		else if (*line == 'A')
			server_accept(server);
		else if (*line == '!')
			server_reset(server);
		else if (*line == '$')
			server_close(server);
		else
			while (server_octet(server, &octet))
				continue;
		line += size + (line[size] == '\n');
	}
	server_close(server);
	return NULL;
}

static void
server_start(struct server *server, const char *script)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct tls_pair pair = fake_pair(&certificate, "a pair");
	socklen_t size = sizeof(address);
	struct error error;

	*server = (struct server){ .script = script, .socket = -1 };
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server->listener, 5), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
	snprintf(server->port, sizeof(server->port), "%d", ntohs(address.sin_port));
	assert_int_equal(tls_context_new(&server->context, &pair, 1, &error), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void
server_stop(struct server *server)
{
	pthread_join(server->thread, NULL);
	close(server->listener);
	tls_context_unref(server->context);
	assert_string_equal(server->problem, "");
}

static struct restante_session *
session_to(const struct server *server, const char *security)
{
	static const struct {
		enum restante_option option;
		const char *value;
	} values[] = {
		{ RESTANTE_HOST, "127.0.0.1" },
		{ RESTANTE_USER, "anna" },
		{ RESTANTE_PASSWORD, "secret" },
		{ RESTANTE_CLEAR_PASSWORD, "yes" },
		{ RESTANTE_CA_FILE, ca_file },
		{ RESTANTE_TIMEOUT, "60" },
	};
	struct restante_options *options = restante_options_new();
	struct restante_session *session;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(restante_options_set(options, values[i].option, values[i].value), 0);
	assert_int_equal(restante_options_set(options, RESTANTE_PORT, server->port), 0);
	assert_int_equal(restante_options_set(options, RESTANTE_SECURITY, security), 0);
	session = restante_session_new(options);
	restante_options_free(options);
	assert_non_null(session);
	assert_int_equal(restante_session_socket(session), -1);
	return session;
}

#define CAPA(lines) ">CAPA\n<+OK\n" lines "<.\n"
#define OLD_LOGIN ">CAPA\n<-ERR\n>USER anna\n<+OK\n>PASS secret\n<+OK\n"

static void
test_a_session(void **state)
{
	struct server server;
	struct restante_session *session;
	const struct restante_event *event;
	char text[64];
	uint64_t count, octets;
	unsigned long first, second, gone;

	(void)state;
	server_start(&server, "A\n<+OK hello\n" OLD_LOGIN ">STAT\n<+OK 3 30\n>RETR 1\n<+OK\n<abc\n<.\n>RETR 3\n<-ERR gone\n"
	    ">RETR 2\n<+OK\n<de\n<f\n<.\n>DELE 1\n<+OK\n>QUIT\n<+OK bye\n.\n");
	session = session_to(&server, "clear");
	assert_int_equal(restante_session_login(session), RESTANTE_OK);
	assert_true(restante_session_socket(session) >= 0);
	assert_int_equal(restante_session_stat(session, &count, &octets), RESTANTE_OK);
	assert_int_equal(count, 3);
	assert_int_equal(octets, 30);
	first = restante_client_retr(restante_session_client(session), 1);
	gone = restante_client_retr(restante_session_client(session), 3);
	second = restante_client_retr(restante_session_client(session), 2);
	assert_int_equal(restante_session_read(session, first, text, 2), 2);
	assert_memory_equal(text, "ab", 2);
	assert_int_equal(restante_session_read(session, first, text, sizeof(text)), 3);
	assert_memory_equal(text, "c\r\n", 3);
	assert_int_equal(restante_session_read(session, first, text, sizeof(text)), 0);
	assert_int_equal(restante_session_read(session, gone, text, sizeof(text)), -1);
	assert_int_equal(restante_session_result(session), RESTANTE_REFUSED);
	assert_string_equal(restante_session_error(session), "gone");
	assert_int_equal(restante_session_read(session, second, text, 1), 1);
	/* What is left of it is nobody else's. */
	assert_int_equal(restante_session_read(session, first, text, sizeof(text)), -1);
	assert_int_equal(restante_session_result(session), RESTANTE_USAGE);
	assert_int_equal(restante_session_wait(session, restante_client_dele(restante_session_client(session), 1), &event),
	    RESTANTE_OK);
	assert_int_equal(restante_session_quit(session), RESTANTE_OK);
	assert_int_equal(restante_session_next(session, &event), RESTANTE_EVENT_END);
	assert_int_equal(restante_event_result(event), RESTANTE_OK);
	assert_int_equal(restante_session_next(session, &event), RESTANTE_EVENT_END);
	assert_int_equal(restante_session_socket(session), -1);
	server_stop(&server);
	restante_session_free(session);
}

/* What was counted is what the network had. */
static void
test_octets_are_counted(void **state)
{
	struct server server;
	struct restante_session *session;

	(void)state;
	server_start(&server, "A\n<+OK hello\n" OLD_LOGIN ">QUIT\n<+OK\n.\n");
	session = session_to(&server, "clear");
	assert_int_equal(restante_session_quit(session), RESTANTE_OK);
	assert_int_equal(restante_session_octets_received(session), strlen("+OK hello\r\n-ERR\r\n+OK\r\n+OK\r\n+OK\r\n"));
	assert_int_equal(restante_session_octets_sent(session), strlen("CAPA\r\nUSER anna\r\nPASS secret\r\nQUIT\r\n"));
	server_stop(&server);
	restante_session_free(session);
}

/* The name of the row in quirks.c: "closes at CAPA". */
static void
test_closes_at_capa(void **state)
{
	struct server server;
	struct restante_session *session;
	uint64_t count, octets;

	(void)state;
	server_start(&server, "A\n<+OK hello\n>CAPA\n$\nA\n<+OK hello\n>USER anna\n<+OK\n>PASS secret\n<+OK\n>STAT\n<+OK 1 2\n"
	    ">QUIT\n<+OK\n.\n");
	session = session_to(&server, "clear");
	assert_int_equal(restante_session_stat(session, &count, &octets), RESTANTE_OK);
	assert_int_equal(restante_session_quit(session), RESTANTE_OK);
	assert_true((session->client->quirks_met & 1U << QUIRK_CLOSES_AT_CAPA) != 0);
	server_stop(&server);
	restante_session_free(session);

	/* Twice is not a quirk; and a client that does not bear with it ends. */
	server_start(&server, "A\n<+OK hello\n>CAPA\n$\nA\n<+OK hello\n>USER anna\n$\n");
	session = session_to(&server, "clear");
	assert_int_equal(restante_session_login(session), RESTANTE_CLOSED);
	server_stop(&server);
	restante_session_free(session);
	server_start(&server, "A\n<+OK hello\n>CAPA\n$\n");
	session = session_to(&server, "clear");
	session->client->quirks = 0;
	assert_int_equal(restante_session_login(session), RESTANTE_CLOSED);
	server_stop(&server);
	restante_session_free(session);
}

static void
test_tls(void **state)
{
	static const struct {
		const char *security, *script;
	} rows[] = {
		{ "tls", "A\nT\n<+OK hello\n" CAPA("<SASL PLAIN\n") ">AUTH PLAIN AGFubmEAc2VjcmV0\n<+OK\n>CAPA\n<-ERR\n>QUIT\n<+OK\n.\n" },
		/* Nothing of what was announced in clear text counts: neither LOGIN nor PIPELINING is there. */
		{ "stls", "A\n<+OK hello\n" CAPA("<STLS\n<SASL LOGIN\n<PIPELINING\n<UTF8\n") ">STLS\n<+OK\nT\n" CAPA("<SASL PLAIN\n")
		  ">AUTH PLAIN AGFubmEAc2VjcmV0\n<+OK\n>CAPA\n<-ERR\n>QUIT\n<+OK\n.\n" },
		{ "stls", "A\n<+OK hello\n>CAPA\n<-ERR\n>STLS\n<+OK\nT\n>CAPA\n<-ERR\n>USER anna\n<+OK\n>PASS secret\n<+OK\n>QUIT\n<+OK\n.\n" },
		/* Nor where the server does not say anything new. */
		{ "stls", "A\n<+OK hello\n" CAPA("<STLS\n<SASL LOGIN\n<PIPELINING\n") ">STLS\n<+OK\nT\n>CAPA\n<-ERR\n>USER anna\n<+OK\n"
		  ">PASS secret\n<+OK\n>QUIT\n<+OK\n.\n" },
		/* With TLS APOP is tried, before USER; the greeting's timestamp still counts. */
		{ "stls", "A\n<+OK hello <1.2@pop.example>\n>CAPA\n<-ERR\n>STLS\n<+OK\nT\n>CAPA\n<-ERR\n"
		  ">APOP anna 9e80c1a30c626f4ef208fb99b5aabfdb\n<+OK\n>QUIT\n<+OK\n.\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server server;
		struct restante_session *session;

		server_start(&server, rows[i].script);
		session = session_to(&server, rows[i].security);
		if (restante_session_quit(session) != RESTANTE_OK)
			print_error("%zu: %s; %s\n", i, restante_session_error(session), server.problem);
		server_stop(&server);
		assert_int_equal(strncmp(restante_client_protection(restante_session_client(session)), "TLSv1.3 ", 8), 0);
		assert_int_equal(strlen(restante_client_pin(restante_session_client(session))), 64);
		restante_session_free(session);
	}
}

/* Who the server is must be certain before anything is said to it. */
static void
test_a_certificate_that_is_not_trusted(void **state)
{
	struct server server;
	struct restante_session *session;
	struct restante_options *options = restante_options_new();
	char pin[65];

	(void)state;
	server_start(&server, "A\nT\n");
	restante_options_set(options, RESTANTE_HOST, "127.0.0.1");
	restante_options_set(options, RESTANTE_SERVER_NAME, "other.example");
	restante_options_set(options, RESTANTE_CA_FILE, ca_file);
	restante_options_set(options, RESTANTE_PORT, server.port);
	session = restante_session_new(options);
	assert_int_equal(restante_session_login(session), RESTANTE_UNTRUSTED);
	snprintf(pin, sizeof(pin), "%s", restante_client_pin(restante_session_client(session)));
	assert_int_equal(strlen(pin), 64);
	restante_session_free(session);
	pthread_join(server.thread, NULL);
	close(server.listener);
	tls_context_unref(server.context);

	/* Pinned, names do not count. */
	server_start(&server, "A\nT\n<+OK hello\n>*\n<-ERR\n>USER anna\n<+OK\n>PASS secret\n<+OK\n>QUIT\n<+OK\n.\n");
	restante_options_set(options, RESTANTE_PORT, server.port);
	restante_options_set(options, RESTANTE_PIN, pin);
	restante_options_set(options, RESTANTE_USER, "anna");
	restante_options_set(options, RESTANTE_PASSWORD, "secret");
	session = restante_session_new(options);
	assert_int_equal(restante_session_quit(session), RESTANTE_OK);
	server_stop(&server);
	restante_session_free(session);
	restante_options_free(options);
}

static void
test_no_tls_at_the_other_end(void **state)
{
	struct server server;
	struct restante_session *session;

	(void)state;
	server_start(&server, "A\n<+OK this is port 110\n.\n");
	session = session_to(&server, "tls");
	assert_int_equal(restante_session_login(session), RESTANTE_TLS_FAILED);
	restante_session_free(session);
	server_stop(&server);
}

static void
test_a_server_that_goes(void **state)
{
	static const struct {
		const char *script;
		enum restante_result result;
	} rows[] = {
		{ "A\n$\n", RESTANTE_CLOSED },
		{ "A\n!\n", RESTANTE_CLOSED },
		{ "A\n|+OK hel\n$\n", RESTANTE_CLOSED },
		{ "A\n<-ERR [SYS/TEMP] later\n$\n", RESTANTE_TEMPORARY },
		/* What it said before it went is heard. */
		{ "A\n<+OK hello\n>CAPA\n<-ERR\n>USER anna\n<+OK\n>PASS secret\n<-ERR [IN-USE] busy\n$\n", RESTANTE_IN_USE },
		{ "A\n<+OK hello\n" OLD_LOGIN ">STAT\n!\n", RESTANTE_CLOSED },
	};
	uint64_t count, octets;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server server;
		struct restante_session *session;

		server_start(&server, rows[i].script);
		session = session_to(&server, "clear");
		assert_int_equal(restante_session_stat(session, &count, &octets), rows[i].result);
		assert_int_equal(restante_session_result(session), rows[i].result);
		assert_true(restante_session_error(session)[0] != '\0');
		assert_int_equal(restante_session_stat(session, &count, &octets), RESTANTE_USAGE);
		server_stop(&server);
		restante_session_free(session);
	}
}

/* It says nothing, and the client does not wait for ever. */
static void
test_silence(void **state)
{
	struct server server;
	struct restante_session *session;
	struct restante_options *options = restante_options_new();

	(void)state;
	server_start(&server, "A\n<+OK hello\n>CAPA\n.\n");
	restante_options_set(options, RESTANTE_SECURITY, "clear");
	restante_options_set(options, RESTANTE_HOST, "127.0.0.1");
	restante_options_set(options, RESTANTE_PORT, server.port);
	restante_options_set(options, RESTANTE_TIMEOUT, "1");
	session = restante_session_new(options);
	restante_options_free(options);
	assert_int_equal(restante_session_login(session), RESTANTE_TIMED_OUT);
	assert_string_equal(restante_session_error(session), "no octet from the server in 1 seconds");
	restante_session_free(session);
	server_stop(&server);
}

static enum restante_result
try(const char *host, const char *port)
{
	struct restante_options *options = restante_options_new();
	struct restante_session *session;
	enum restante_result result;

	restante_options_set(options, RESTANTE_SECURITY, "clear");
	restante_options_set(options, RESTANTE_HOST, host);
	restante_options_set(options, RESTANTE_PORT, port);
	session = restante_session_new(options);
	restante_options_free(options);
	result = restante_session_connect(session);
	restante_session_free(session);
	return result;
}

static void
test_nobody_there(void **state)
{
	struct server server;

	(void)state;
	server_start(&server, "");
	pthread_join(server.thread, NULL);
	close(server.listener);
	tls_context_unref(server.context);
	assert_int_equal(try("127.0.0.1", server.port), RESTANTE_UNREACHABLE);
	assert_int_equal(try("no-such-host.invalid", "110") == RESTANTE_UNKNOWN_HOST ||
	    try("no-such-host.invalid", "110") == RESTANTE_UNREACHABLE, true);
	assert_int_equal(try(NULL, "110"), RESTANTE_USAGE);
	/* Where a name has two addresses, the second is tried when the first refuses: [::1] has no server. */
	server_start(&server, "A\n.\n");
	assert_int_equal(try("localhost", server.port), RESTANTE_OK);
	server_stop(&server);
}

static void
test_commands_that_are_none(void **state)
{
	struct server server;
	struct restante_session *session;
	unsigned long command;
	char octet;

	(void)state;
	server_start(&server, "A\n<+OK hello\n" OLD_LOGIN ">NOOP\n<+OK\n>QUIT\n<+OK\n.\n");
	session = session_to(&server, "clear");
	command = restante_client_noop(restante_session_client(session));
	assert_int_equal(restante_session_wait(session, command, NULL), RESTANTE_OK);
	/* It would wait for ever. */
	assert_int_equal(restante_session_wait(session, command, NULL), RESTANTE_USAGE);
	assert_int_equal(restante_session_wait(session, command + 1, NULL), RESTANTE_USAGE);
	assert_int_equal(restante_session_wait(session, 0, NULL), RESTANTE_USAGE);
	assert_int_equal(restante_session_read(session, command, &octet, 1), -1);
	assert_int_equal(restante_session_read(session, 0, &octet, 1), -1);
	assert_int_equal(restante_session_result(session), RESTANTE_USAGE);
	assert_int_equal(restante_session_quit(session), RESTANTE_OK);
	server_stop(&server);
	restante_session_free(session);
	restante_session_free(NULL);
	restante_client_free(NULL);
}

static int
make(void **state)
{
	int descriptor = mkstemp(ca_file);
	struct error error;

	(void)state;
	fake_certificate_make(&certificate, &(struct fake_certificate_wish){ .names = "IP:127.0.0.1" });
	if (write(descriptor, certificate.chain, strlen(certificate.chain)) != (ssize_t)strlen(certificate.chain))
		return -1;
	close(descriptor);
	return tls_startup(&error);
}

static int
remove_it(void **state)
{
	(void)state;
	return unlink(ca_file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_session),
		cmocka_unit_test(test_octets_are_counted),
		cmocka_unit_test(test_closes_at_capa),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_a_certificate_that_is_not_trusted),
		cmocka_unit_test(test_no_tls_at_the_other_end),
		cmocka_unit_test(test_a_server_that_goes),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_commands_that_are_none),
	};

	return cmocka_run_group_tests(tests, make, remove_it);
}
