/* The server's side of TLS against OpenSSL's client, over a socket pair. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/fake_client.h"
#include "tls/tls.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Certificates are expensive to make: made once. */
static struct fake_certificate ec_mail, rsa_mail, ec_other, ec_wild, ec_plain;

/* One connection, both ends in this process. */
struct line {
	int ends[2];		/* server, client */
	struct tls *server;
	struct fake_client *client;
	enum tls_status server_status;
	int client_status;
};

static struct tls_context *
context_of(const struct fake_certificate *const certificates[], size_t count)
{
	struct tls_context *context;
	struct tls_pair pairs[TLS_PAIRS_MAX];
	struct error error;

	for (size_t i = 0; i < count; i++)
		pairs[i] = fake_pair(certificates[i], "a pair");
	if (tls_context_new(&context, pairs, count, &error) != 0)
		fail_msg("%s", error.text);
	return context;
}

static void
line_open(struct line *line, struct tls_context *context, const struct fake_client_wish *wish)
{
	memset(line, 0, sizeof(*line));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, line->ends), 0);
	line->server = tls_accept(context, line->ends[0]);
	assert_non_null(line->server);
	line->client = fake_client_new(line->ends[1], wish);
}

/* Both ends take steps in turn until neither waits for the other. */
static void
line_handshake(struct line *line)
{
	line->server_status = TLS_WANT_READ;
	for (int i = 0; i < 100; i++) {
		if (line->client_status == 0)
			line->client_status = fake_client_handshake(line->client);
		if (line->server_status == TLS_WANT_READ)
			line->server_status = tls_handshake(line->server);
		if (line->server_status != TLS_WANT_READ && line->client_status != 0)
			break;
		if (line->server_status == TLS_FAILED)
			shutdown(line->ends[0], SHUT_WR);
		if (line->client_status < 0)
			shutdown(line->ends[1], SHUT_WR);
		if (line->server_status == TLS_DONE)
			(void)tls_flush(line->server);
	}
}

static void
line_close(struct line *line)
{
	tls_end(line->server);
	fake_client_free(line->client);
	close(line->ends[0]);
	close(line->ends[1]);
}

/* Octets arrive as they were written, in both directions. */
static void
line_talk(struct line *line)
{
	char buffer[64];
	size_t size = sizeof(buffer);

	assert_int_equal(tls_write(line->server, "+OK hello\r\n", 11), TLS_DONE);
	assert_int_equal(fake_client_read(line->client, buffer, sizeof(buffer)), 11);
	assert_memory_equal(buffer, "+OK hello\r\n", 11);
	assert_int_equal(tls_read(line->server, buffer, &size), TLS_WANT_READ);
	assert_int_equal(fake_client_write(line->client, "QUIT\r\n", 6), 6);
	assert_int_equal(tls_read(line->server, buffer, &size), TLS_DONE);
	assert_int_equal(size, 6);
	assert_memory_equal(buffer, "QUIT\r\n", 6);
}

static int
make_certificates(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(tls_startup(&error), 0);
	fake_certificate_make(&ec_mail,
	    &(struct fake_certificate_wish){ .names = "DNS:mail.example.org,DNS:pop.example.org" });
	fake_certificate_make(&rsa_mail,
	    &(struct fake_certificate_wish){ .rsa = true, .names = "DNS:mail.example.org" });
	fake_certificate_make(&ec_other,
	    &(struct fake_certificate_wish){ .names = "DNS:mail.example.com,DNS:m.example.net" });
	fake_certificate_make(&ec_wild,
	    &(struct fake_certificate_wish){ .names = "DNS:*.example.com" });
	fake_certificate_make(&ec_plain, &(struct fake_certificate_wish){ .names = NULL });
	return 0;
}

static void
test_versions(void **state)
{
	static const struct {
		int version_max;
		const char *version;	/* NULL: refused */
		const char *cipher;
	} rows[] = {
		{ 0, "TLSv1.3", "TLS_AES_128_GCM_SHA256" },
		{ 13, "TLSv1.3", "TLS_AES_128_GCM_SHA256" },
		{ 12, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256" },
		{ 11, NULL, NULL },
		{ 10, NULL, NULL },
	};
	struct tls_context *context = context_of((const struct fake_certificate *[]){ &ec_mail }, 1);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct line line;

		line_open(&line, context, &(struct fake_client_wish){ .version_max = rows[i].version_max });
		line_handshake(&line);
		if (rows[i].version == NULL) {
			assert_int_equal(line.server_status, TLS_FAILED);
			assert_string_equal(tls_failure(line.server), "unsupported protocol");
			assert_int_equal(line.client_status, -1);
		} else {
			assert_int_equal(line.server_status, TLS_DONE);
			assert_int_equal(line.client_status, 1);
			assert_string_equal(tls_version(line.server), rows[i].version);
			assert_string_equal(tls_cipher(line.server), rows[i].cipher);
			line_talk(&line);
		}
		line_close(&line);
	}
	tls_context_unref(context);
}

/* Without forward secrecy or authenticated encryption there is no connection. */
static void
test_old_ciphers_are_refused(void **state)
{
	static const char *const ciphers[] = { "AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA",
		"ECDHE-RSA-AES128-SHA256" };
	struct tls_context *context = context_of((const struct fake_certificate *[]){ &rsa_mail }, 1);

	(void)state;
	for (size_t i = 0; i < COUNT(ciphers); i++) {
		struct line line;

		line_open(&line, context,
		    &(struct fake_client_wish){ .version_max = 12, .ciphers = ciphers[i] });
		line_handshake(&line);
		assert_int_equal(line.server_status, TLS_FAILED);
		assert_string_equal(tls_failure(line.server), "no shared cipher");
		line_close(&line);
	}
	tls_context_unref(context);
}

static void
test_certificate_by_name(void **state)
{
	static const struct {
		const char *asked, *ciphers, *answered;
		bool rsa;
	} rows[] = {
		{ NULL, NULL, "mail.example.org", false },
		{ "mail.example.org", NULL, "mail.example.org", false },
		{ "MAIL.Example.ORG", NULL, "mail.example.org", false },
		{ "pop.example.org", NULL, "mail.example.org", false },
		{ "mail.example.com", NULL, "mail.example.com", false },
		{ "pop.example.com", NULL, "*.example.com", false },
		{ "MAIL.Example.COM", NULL, "mail.example.com", false },
		{ "POP.Example.COM", NULL, "*.example.com", false },
		{ "a.b.example.com", NULL, "mail.example.org", false },
		{ "x.example.net", NULL, "mail.example.org", false },
		{ "example.com", NULL, "mail.example.org", false },
		{ "unknown.test", NULL, "mail.example.org", false },
		{ NULL, "ECDHE-RSA-AES128-GCM-SHA256", "mail.example.org", true },
		{ "mail.example.org", "ECDHE-RSA-AES128-GCM-SHA256", "mail.example.org", true },
		{ "unknown.test", "ECDHE-RSA-AES128-GCM-SHA256", "mail.example.org", true },
		/* Better none than another name's. */
		{ "mail.example.com", "ECDHE-RSA-AES128-GCM-SHA256", NULL, true },
	};
	struct tls_context *context = context_of(
	    (const struct fake_certificate *[]){ &ec_mail, &ec_wild, &ec_other, &rsa_mail, &ec_plain },
	    5);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct line line;
		char name[64];
		bool rsa;

		line_open(&line, context,
		    &(struct fake_client_wish){ .version_max = rows[i].ciphers != NULL ? 12 : 0,
			.server_name = rows[i].asked, .ciphers = rows[i].ciphers });
		line_handshake(&line);
		if (rows[i].answered != NULL) {
			assert_int_equal(line.server_status, TLS_DONE);
			fake_client_peer_name(line.client, name, sizeof(name), &rsa);
			assert_string_equal(name, rows[i].answered);
			assert_int_equal(rsa, rows[i].rsa);
		} else {
			assert_int_equal(line.server_status, TLS_FAILED);
		}
		line_close(&line);
	}
	tls_context_unref(context);
}

static void
test_application_protocol(void **state)
{
	static const struct {
		const char *offered, *chosen;
	} rows[] = {
		{ NULL, "" },
		{ "\x04pop3", "pop3" },
		{ "\x04imap\x04pop3", "pop3" },
		{ "\x04imap", "" },
		{ "\x02h2\x08http/1.1", "" },
	};
	struct tls_context *context = context_of((const struct fake_certificate *[]){ &ec_mail }, 1);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct line line;

		line_open(&line, context, &(struct fake_client_wish){
			.protocols = (const unsigned char *)rows[i].offered,
			.protocols_size = rows[i].offered != NULL ? strlen(rows[i].offered) : 0 });
		line_handshake(&line);
		assert_int_equal(line.server_status, TLS_DONE);
		assert_int_equal(line.client_status, 1);
		assert_string_equal(fake_client_protocol(line.client), rows[i].chosen);
		line_close(&line);
	}
	tls_context_unref(context);
}

/* Connects with a ticket (or none) and returns the ticket that came. */
static void *
visit(struct tls_context *context, int version, void *ticket, bool resumed)
{
	struct line line;
	void *next;

	line_open(&line, context,
	    &(struct fake_client_wish){ .version_max = version, .session = ticket });
	line_handshake(&line);
	assert_int_equal(line.server_status, TLS_DONE);
	assert_int_equal(line.client_status, 1);
	line_talk(&line);
	assert_int_equal(fake_client_resumed(line.client), resumed);
	next = fake_client_session(line.client);
	fake_client_shutdown(line.client);
	line_close(&line);
	return next;
}

static void
test_tickets(void **state)
{
	static const struct tls_ticket_key keys[] = { { "one", "aaaa", "AAAA" }, { "two", "bbbb", "BBBB" },
		{ "three", "cccc", "CCCC" } };
	const struct tls_ticket_key turned[] = { keys[1], keys[0] };
	const struct fake_certificate *const certificates[] = { &ec_mail };
	struct tls_context *one = context_of(certificates, 1), *two = context_of(certificates, 1);

	(void)state;
	for (int version = 12; version <= 13; version++) {
		void *tickets[4];

		tls_context_tickets(one, keys, 1);
		tls_context_tickets(two, keys, 1);
		tickets[0] = visit(one, version, NULL, false);
		assert_non_null(tickets[0]);
		/* Another process with the same keys. */
		tickets[1] = visit(two, version, tickets[0], true);
		/* In TLS 1.3 there is a new one for the next time. */
		assert_true(version == 12 || tickets[1] != NULL);
		/* The old key still opens, and the ticket is renewed under the new one. */
		tls_context_tickets(two, turned, 2);
		tickets[2] = visit(two, version, tickets[0], true);
		assert_non_null(tickets[2]);
		/* The old key has gone: a full handshake for the old ticket, none for the renewed. */
		tls_context_tickets(two, &keys[1], 1);
		tickets[3] = visit(two, version, tickets[0], false);
		fake_session_free(visit(two, version, tickets[2], true));
		for (size_t i = 0; i < COUNT(tickets); i++)
			fake_session_free(tickets[i]);
	}
	/* No keys, no tickets. */
	tls_context_tickets(two, NULL, 0);
	assert_null(visit(two, 13, NULL, false));
	tls_context_unref(one);
	tls_context_unref(two);
}

/* More than the socket takes waits inside, in order, and comes out by tls_flush(). */
static void
test_full_socket(void **state)
{
	static char sent[TLS_WRITE_MAX], received[TLS_WRITE_MAX];
	struct tls_context *context = context_of((const struct fake_certificate *[]){ &ec_mail }, 1);
	enum tls_status status;
	struct line line;
	size_t used = 0, rounds = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 7 + i / 251);
	line_open(&line, context, &(struct fake_client_wish){ 0 });
	line_handshake(&line);
	/* So small that it never takes a record whole. */
	setsockopt(line.ends[0], SOL_SOCKET, SO_SNDBUF, &(int){ 2048 }, sizeof(int));
	do {
		status = tls_write(line.server, sent, sizeof(sent));
		rounds++;
	} while (status == TLS_DONE && rounds < 1000);
	assert_int_equal(status, TLS_WANT_WRITE);
	assert_int_equal(tls_flush(line.server), TLS_WANT_WRITE);
	for (size_t left = rounds * sizeof(sent); left > 0;) {
		int n = fake_client_read(line.client, received + used, (int)(sizeof(received) - used));

		if (n < 0) {
			status = tls_flush(line.server);
			assert_true(status == TLS_DONE || status == TLS_WANT_WRITE);
			continue;
		}
		assert_true(n > 0);
		used += (size_t)n, left -= (size_t)n;
		if (used == sizeof(received)) {
			assert_memory_equal(received, sent, sizeof(sent));
			used = 0;
		}
	}
	assert_int_equal(tls_flush(line.server), TLS_DONE);
	line_close(&line);
	tls_context_unref(context);
}

/* Several records wait inside although the socket is empty. */
static void
test_pending(void **state)
{
	struct tls_context *context = context_of((const struct fake_certificate *[]){ &ec_mail }, 1);
	struct line line;
	char buffer[4];
	size_t size = sizeof(buffer);

	(void)state;
	line_open(&line, context, &(struct fake_client_wish){ 0 });
	line_handshake(&line);
	fake_client_write(line.client, "12345", 5);
	fake_client_write(line.client, "678", 3);
	assert_int_equal(tls_read(line.server, buffer, &size), TLS_DONE);
	assert_memory_equal(buffer, "1234", 4);
	assert_true(tls_pending(line.server));
	size = sizeof(buffer);
	assert_int_equal(tls_read(line.server, buffer, &size), TLS_DONE);
	assert_int_equal(size, 1);
	assert_true(tls_pending(line.server));
	size = sizeof(buffer);
	assert_int_equal(tls_read(line.server, buffer, &size), TLS_DONE);
	assert_int_equal(size, 3);
	assert_false(tls_pending(line.server));
	line_close(&line);
	tls_context_unref(context);
}

static void
test_endings(void **state)
{
	struct tls_context *context = context_of((const struct fake_certificate *[]){ &ec_mail }, 1);
	char buffer[16];
	size_t size = sizeof(buffer);
	struct line line;

	(void)state;
	/* The client says goodbye; the server does. */
	line_open(&line, context, &(struct fake_client_wish){ 0 });
	line_handshake(&line);
	fake_client_shutdown(line.client);
	assert_int_equal(tls_read(line.server, buffer, &size), TLS_CLOSED);
	tls_end(line.server);
	line.server = NULL;
	assert_int_equal(fake_client_read(line.client, buffer, sizeof(buffer)), 0);
	line_close(&line);

	/* The last octets and the goodbye lie in the socket together, and the goodbye only once. */
	line_open(&line, context, &(struct fake_client_wish){ 0 });
	line_handshake(&line);
	assert_int_equal(tls_write_last(line.server, "+OK\r\n", 5), TLS_DONE);
	assert_int_equal(fake_client_read(line.client, buffer, sizeof(buffer)), 5);
	assert_int_equal(fake_client_read(line.client, buffer, sizeof(buffer)), 0);
	tls_end(line.server);
	line.server = NULL;
	assert_int_equal(recv(line.ends[1], buffer, sizeof(buffer), MSG_DONTWAIT), -1);
	line_close(&line);

	/* The client goes without a word, after and during the handshake. */
	line_open(&line, context, &(struct fake_client_wish){ 0 });
	line_handshake(&line);
	shutdown(line.ends[1], SHUT_WR);
	assert_int_equal(tls_read(line.server, buffer, &size), TLS_CLOSED);
	line_close(&line);
	line_open(&line, context, &(struct fake_client_wish){ 0 });
	shutdown(line.ends[1], SHUT_WR);
	assert_int_equal(tls_handshake(line.server), TLS_FAILED);
	assert_string_equal(tls_failure(line.server), "the peer closed the connection");
	line_close(&line);

	/* A context outlives its owner's interest while a connection needs it. */
	line_open(&line, context, &(struct fake_client_wish){ 0 });
	tls_context_unref(context);
	line_handshake(&line);
	line_talk(&line);
	line_close(&line);
}

static void
test_no_renegotiation(void **state)
{
	struct tls_context *context = context_of((const struct fake_certificate *[]){ &ec_mail }, 1);
	char buffer[16];
	struct line line;

	(void)state;
	line_open(&line, context, &(struct fake_client_wish){ .version_max = 12 });
	line_handshake(&line);
	line_talk(&line);
	fake_client_renegotiate(line.client);
	for (int i = 0; i < 10; i++) {
		size_t size = sizeof(buffer);

		assert_int_not_equal(fake_client_handshake(line.client), 1);
		(void)tls_read(line.server, buffer, &size);
	}
	line_close(&line);
	tls_context_unref(context);
}

static void
test_garbage(void **state)
{
	static const struct {
		const char *octets, *failure;
	} rows[] = {
		{ "USER anna\r\nPASS secret\r\n", "wrong version number" },
		{ "GET / HTTP/1.1\r\n\r\n", "http request" },
		{ "\x16\x03\x01\x02\x01garbage garbage garbage garbage", NULL },
	};
	struct tls_context *context = context_of((const struct fake_certificate *[]){ &ec_mail }, 1);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct line line;
		enum tls_status status;

		line_open(&line, context, &(struct fake_client_wish){ 0 });
		assert_int_equal(write(line.ends[1], rows[i].octets, strlen(rows[i].octets)),
		    (ssize_t)strlen(rows[i].octets));
		shutdown(line.ends[1], SHUT_WR);
		status = tls_handshake(line.server);
		assert_int_equal(status, TLS_FAILED);
		if (rows[i].failure != NULL)
			assert_string_equal(tls_failure(line.server), rows[i].failure);
		/* It stays failed. */
		assert_int_equal(tls_handshake(line.server), TLS_FAILED);
		assert_int_equal(tls_write(line.server, "x", 1), TLS_FAILED);
		line_close(&line);
	}
	tls_context_unref(context);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_old_ciphers_are_refused),
		cmocka_unit_test(test_certificate_by_name),
		cmocka_unit_test(test_application_protocol),
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_full_socket),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_no_renegotiation),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, make_certificates, NULL);
}
