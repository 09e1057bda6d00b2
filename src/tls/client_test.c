/* The client's side of TLS against the server's, and against whatever else may be at the other end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/client.h"
#include "tls/fake_client.h"
#include "tls/internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY          86400L
#define HOST         "mail.example.org"

static char directory[] = "/tmp/tls-client-XXXXXX";
static char authority_file[64], empty_file[64], mail_file[64], key_file[64], sealed_file[64], own_file[64];
static struct fake_certificate authority, stranger, mail;

/* What the server saw of the last handshake. */
static struct {
	char name[256], subject[256];
	unsigned char exported[32], finished[64];
	size_t finished_size;
} seen;

/* One connection: the server on a socket, the client on octets between them. */
struct line {
	int ends[2];
	struct tls_context *context;
	struct tls *server;
	struct tls_client *client;
	enum tls_status server_status, client_status;
	size_t passed, pass_max;	/* octets of the server's that reach the client before it is cut off */
	bool is_cut;
};

struct server_wish {
	const struct fake_certificate *certificate;
	int version_max;	/* 0: as it comes */
	bool asks_client;
	struct tls_context *context;	/* instead of one of its own */
};

static void
look(const SSL *ssl, int where, int result)
{
	SSL *own = (SSL *)ssl;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	X509 *peer;

	(void)result;
	if ((where & SSL_CB_HANDSHAKE_DONE) == 0)
		return;
	snprintf(seen.name, sizeof(seen.name), "%s", name != NULL ? name : "");
	SSL_export_keying_material(own, seen.exported, 32, "EXPORTER-Channel-Binding", 24, NULL, 0, 1);
	seen.finished_size = SSL_get_peer_finished(own, seen.finished, sizeof(seen.finished));
	seen.subject[0] = '\0';
	if ((peer = SSL_get0_peer_certificate(own)) != NULL)
		X509_NAME_oneline(X509_get_subject_name(peer), seen.subject, sizeof(seen.subject));
}

static int
take_anybody(int good, X509_STORE_CTX *store)
{
	(void)good, (void)store;
	return 1;
}

/* Our own server refuses a certificate whose time is not now; others do not. */
static struct tls_context *
context_of(const struct fake_certificate *certificate)
{
	struct tls_pair pair = fake_pair(certificate, "a pair"), good = fake_pair(&mail, "a pair");
	BIO *chain = BIO_new_mem_buf(certificate->chain, -1), *text = BIO_new_mem_buf(certificate->key, -1);
	X509 *x509 = PEM_read_bio_X509(chain, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(text, NULL, NULL, NULL);
	struct tls_context *context;
	struct error error;

	if (tls_context_new(&context, &pair, 1, &error) != 0 &&
	    (tls_context_new(&context, &good, 1, &error) != 0 ||
		SSL_CTX_use_cert_and_key(context->ctx, x509, key, NULL, 1) != 1))
		fail_msg("%s", error.text);
	X509_free(x509);
	EVP_PKEY_free(key);
	BIO_free(chain);
	BIO_free(text);
	return context;
}

static void
line_open(struct line *line, const struct server_wish *wish, const struct tls_client_settings *settings)
{
	struct error error;

	memset(&seen, 0, sizeof(seen));
	*line = (struct line){ .pass_max = SIZE_MAX };
	line->context = wish->context != NULL ? wish->context : context_of(wish->certificate);
	line->context->references += wish->context != NULL;
	SSL_CTX_set_info_callback(line->context->ctx, look);
	if (wish->version_max != 0)
		SSL_CTX_set_max_proto_version(line->context->ctx, wish->version_max);
	if (wish->asks_client)
		SSL_CTX_set_verify(line->context->ctx, SSL_VERIFY_PEER, take_anybody);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, line->ends), 0);
	line->server = tls_accept(line->context, line->ends[0]);
	assert_non_null(line->server);
	if (tls_client_new(&line->client, settings, &error) != 0)
		fail_msg("%s", error.text);
	line->server_status = line->client_status = TLS_WANT_READ;
}

static void
line_close(struct line *line)
{
	tls_client_end(line->client);
	tls_end(line->server);
	tls_context_unref(line->context);
	close(line->ends[0]);
	close(line->ends[1]);
}

/* What the server has said goes to the client, as far as it may. */
static void
line_down(struct line *line)
{
	char buffer[4096];
	size_t room = line->pass_max - line->passed;
	ssize_t n = recv(line->ends[1], buffer, room < sizeof(buffer) ? room : sizeof(buffer), 0);

	if (n > 0) {
		assert_int_equal(tls_client_feed(line->client, buffer, (size_t)n), n);
		line->passed += (size_t)n;
	}
	if ((n == 0 || line->passed == line->pass_max) && !line->is_cut) {
		line->is_cut = true;
		tls_client_feed_end(line->client);
	}
}

static void
line_up(struct line *line)
{
	const void *data;
	size_t size;

	while ((data = tls_client_output(line->client, &size)) != NULL) {
		ssize_t n = send(line->ends[1], data, size, MSG_NOSIGNAL);

		tls_client_output_done(line->client, n < 0 ? size : (size_t)n);
	}
}

/* Both take steps in turn until neither waits for the other. */
static void
line_handshake(struct line *line)
{
	for (int i = 0; i < 20 && (line->client_status == TLS_WANT_READ || line->server_status == TLS_WANT_READ); i++) {
		if (line->client_status == TLS_WANT_READ)
			line->client_status = tls_client_handshake(line->client);
		line_up(line);
		if (line->server_status == TLS_WANT_READ)
			line->server_status = tls_handshake(line->server);
		if (line->server_status == TLS_DONE)
			(void)tls_flush(line->server);
		line_down(line);
	}
}

/* Octets arrive as they were written, in both directions. */
static void
line_talk(struct line *line)
{
	char buffer[64];
	size_t size = 6;

	assert_int_equal(tls_write(line->server, "+OK hello\r\n", 11), TLS_DONE);
	line_down(line);
	assert_int_equal(tls_client_write(line->client, "QUIT\r\n", &size), TLS_DONE);
	assert_int_equal(size, 6);
	line_up(line);
	size = sizeof(buffer);
	assert_int_equal(tls_client_read(line->client, buffer, &size), TLS_DONE);
	assert_int_equal(size, 11);
	assert_memory_equal(buffer, "+OK hello\r\n", 11);
	assert_int_equal(tls_client_read(line->client, buffer, &size), TLS_WANT_READ);
	size = sizeof(buffer);
	assert_int_equal(tls_read(line->server, buffer, &size), TLS_DONE);
	assert_memory_equal(buffer, "QUIT\r\n", 6);
}

static void
put_file(char path[64], const char *name, const char *text)
{
	FILE *file;

	snprintf(path, 64, "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int
set_up(void **state)
{
	struct fake_certificate sealed;
	struct error error;

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(tls_startup(&error), 0);
	fake_certificate_make(&authority,
	    &(struct fake_certificate_wish){ .common_name = "Authority", .is_authority = true });
	fake_certificate_make(&stranger,
	    &(struct fake_certificate_wish){ .common_name = "Stran\033ger", .is_authority = true });
	fake_certificate_make(&mail, &(struct fake_certificate_wish){ .names = "DNS:" HOST, .issuer = &authority });
	sealed = mail;
	fake_key_encrypt(&sealed, "a passphrase");
	put_file(authority_file, "authority", authority.chain);
	put_file(empty_file, "empty", "nothing\n");
	put_file(mail_file, "mail", mail.chain);
	put_file(key_file, "key", mail.key);
	put_file(sealed_file, "sealed", sealed.key);
	return 0;
}

static int
clean_up(void **state)
{
	const char *const files[] = { authority_file, empty_file, mail_file, key_file, sealed_file, own_file };

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++)
		unlink(files[i]);
	return rmdir(directory);
}

/* A handshake with that certificate under that name; text: what the refusal says, NULL: none. */
static void
expect(const char *what, const struct fake_certificate *certificate, const struct tls_client_settings *settings,
    const char *text)
{
	struct line line;

	line_open(&line, &(struct server_wish){ .certificate = certificate }, settings);
	line_handshake(&line);
	if (text == NULL) {
		if (line.client_status != TLS_DONE)
			fail_msg("%s: %s", what, tls_client_failure(line.client));
		assert_int_equal(line.server_status, TLS_DONE);
		assert_string_equal(tls_client_failure(line.client), "");
		line_talk(&line);
	} else {
		if (line.client_status != TLS_FAILED || strstr(tls_client_failure(line.client), text) == NULL)
			fail_msg("%s: %d %s", what, line.client_status, tls_client_failure(line.client));
		assert_int_equal(tls_client_failure_kind(line.client), ERROR_DENIED);
		assert_int_equal(strlen(tls_client_pin(line.client)), 64);
		assert_non_null(strstr(tls_client_failure(line.client), tls_client_pin(line.client)));
		/* The server is told, too. */
		assert_int_equal(line.server_status, TLS_FAILED);
		assert_non_null(strstr(tls_failure(line.server), "alert"));
	}
	line_close(&line);
}

static void
test_names(void **state)
{
	static const struct {
		const char *names, *asked;
		const char *text;	/* NULL: it is that server */
	} rows[] = {
		{ "DNS:" HOST, HOST, NULL },
		{ "DNS:" HOST, "MAIL.Example.ORG", NULL },
		{ "DNS:" HOST, HOST ".", NULL },
		{ "DNS:a.example.net,DNS:" HOST, HOST, NULL },
		{ "DNS:" HOST, "pop.example.org", "is for " HOST ", not for pop.example.org" },
		{ "DNS:" HOST, "example.org", "not for example.org" },
		{ "DNS:" HOST, "a." HOST, "not for a." HOST },
		{ "DNS:a.net,DNS:b.net,IP:192.0.2.1,DNS:c.net,DNS:d.net,DNS:e.net", HOST,
		    "is for a.net, b.net, 192.0.2.1, c.net and 2 more, not for " HOST },
		{ "DNS:a\033[31m.net", HOST, "is for a?[31m.net, not for " HOST },
		/* RFC 9525, section 6.3: a wildcard is the whole left-most label. */
		{ "DNS:*.example.org", HOST, NULL },
		{ "DNS:*.example.org", "MAIL.example.org.", NULL },
		{ "DNS:*.example.org", "example.org", "is for *.example.org, not for example.org" },
		{ "DNS:*.example.org", "a.mail.example.org", "not for a.mail.example.org" },
		{ "DNS:m*.example.org", HOST, "not for " HOST },
		{ "DNS:*l.example.org", HOST, "not for " HOST },
		{ "DNS:mail.*.org", HOST, "not for " HOST },
		{ "DNS:*.*.org", HOST, "not for " HOST },
		{ "DNS:*.org", "example.org", "not for example.org" },
		{ "DNS:*", "localhost", "not for localhost" },
		{ "DNS:.example.org", HOST, "not for " HOST },
		/* Section 6.5: an address counts only as an address. */
		{ "IP:192.0.2.7", "192.0.2.7", NULL },
		{ "IP:2001:db8::7", "2001:db8::7", NULL },
		{ "IP:2001:db8::7", "[2001:DB8:0::7]", NULL },
		{ "IP:2001:db8::7", "2001:db8::7%eth0", NULL },
		{ "IP:192.0.2.7", "192.0.2.8", "is for 192.0.2.7, not for 192.0.2.8" },
		{ "IP:2001:db8::7", "2001:db8::8", "is for 2001:db8::7, not for 2001:db8::8" },
		{ "DNS:192.0.2.7", "192.0.2.7", "not for 192.0.2.7" },
		{ "DNS:*.0.2.7", "192.0.2.7", "not for 192.0.2.7" },
		{ "IP:192.0.2.7", HOST, "not for " HOST },
		/* Section 2: the common name does not count; all of these have it. */
		{ NULL, HOST, "names no host, so also not " HOST },
		{ "email:" "postmaster@" HOST, HOST, "names no host" },
		{ "URI:pop://" HOST, HOST, "names no host" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fake_certificate certificate;
		char what[256];

		fake_certificate_make(&certificate, &(struct fake_certificate_wish){ .names = rows[i].names,
		    .common_name = rows[i].asked, .issuer = &authority });
		snprintf(what, sizeof(what), "%s for %s", rows[i].names, rows[i].asked);
		expect(what, &certificate,
		    &(struct tls_client_settings){ .name = rows[i].asked, .ca_file = authority_file }, rows[i].text);
	}
}

/* SHA-256 of the public key in DER. */
static void
find_pin(unsigned char pin[32], const struct fake_certificate *certificate)
{
	BIO *bio = BIO_new_mem_buf(certificate->key, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(key, &der);

	assert_true(size > 0 && EVP_Digest(der, (size_t)size, pin, NULL, EVP_sha256(), NULL) == 1);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	BIO_free(bio);
}

static void
test_chains(void **state)
{
	static const struct {
		const char *what;
		struct fake_certificate_wish wish;
		const char *ca_file, *text;
	} rows[] = {
		{ "an authority that is trusted", { .issuer = &authority }, authority_file, NULL },
		{ "the certificate itself is", { .common_name = "self" }, own_file, NULL },
		{ "the certificate itself is, and not who issued it", { .issuer = &stranger, .common_name = "own" },
		    own_file, NULL },
		{ "RSA", { .issuer = &authority, .rsa = true }, authority_file, NULL },
		{ "expired", { .issuer = &authority, .from_seconds = -9 * DAY, .to_seconds = -DAY }, authority_file,
		    "the server's certificate expired on 20" },
		{ "too early", { .issuer = &authority, .from_seconds = DAY, .to_seconds = 2 * DAY }, authority_file,
		    "the server's certificate is not valid before 20" },
		{ "signed by itself", { .common_name = "self" }, authority_file,
		    "the server's certificate is signed by nobody but itself (CN=self)" },
		{ "another authority", { .issuer = &stranger }, authority_file,
		    "the server's certificate was issued by CN=Stran\\1Bger, who is not trusted here" },
		{ "whom the system does not know", { .issuer = &authority }, NULL,
		    "was issued by CN=Authority, who is not trusted here" },
		{ "by one who may not", { .issuer = &mail, .common_name = "below" }, authority_file,
		    "a certificate above the server's is not good: invalid CA certificate" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fake_certificate_wish wish = rows[i].wish;
		struct fake_certificate certificate;

		wish.names = "DNS:" HOST;
		fake_certificate_make(&certificate, &wish);
		if (rows[i].ca_file == own_file)
			put_file(own_file, "own", certificate.chain);
		if (wish.issuer == &mail)
			strcat(certificate.chain, mail.chain);
		expect(rows[i].what, &certificate,
		    &(struct tls_client_settings){ .name = HOST, .ca_file = rows[i].ca_file }, rows[i].text);
	}
}

/* The dates that a refusal says are those of the certificate. */
static void
test_dates(void **state)
{
	static const struct {
		long from_seconds, to_seconds;
	} rows[] = { { -9 * DAY, -3 * DAY }, { 3 * DAY, 9 * DAY } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		time_t when = time(NULL) + (i == 0 ? rows[i].to_seconds : rows[i].from_seconds);
		struct fake_certificate certificate;
		struct tm tm;
		char date[40], later[40], text[TLS_CLIENT_TEXT_SIZE];
		struct line line;

		strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", gmtime_r(&when, &tm));
		fake_certificate_make(&certificate, &(struct fake_certificate_wish){ .names = "DNS:" HOST,
		    .issuer = &authority, .from_seconds = rows[i].from_seconds, .to_seconds = rows[i].to_seconds });
		/* The minute may have ended meanwhile. */
		when = time(NULL) + (i == 0 ? rows[i].to_seconds : rows[i].from_seconds);
		strftime(later, sizeof(later), "%Y-%m-%d %H:%M UTC", gmtime_r(&when, &tm));
		line_open(&line, &(struct server_wish){ .certificate = &certificate },
		    &(struct tls_client_settings){ .name = HOST, .ca_file = authority_file });
		line_handshake(&line);
		snprintf(text, sizeof(text), "%s", tls_client_failure(line.client));
		line_close(&line);
		if (strstr(text, date) == NULL && strstr(text, later) == NULL)
			fail_msg("%s is not in: %s", date, text);
	}
}

static void
test_pins(void **state)
{
	struct fake_certificate old, other;
	unsigned char digest[32];
	char hex[65], upper[65], base64[45];

	(void)state;
	/* Whatever else is wrong with it. */
	fake_certificate_make(&old, &(struct fake_certificate_wish){ .names = "DNS:elsewhere.example.net",
	    .from_seconds = -9 * DAY, .to_seconds = DAY });
	fake_certificate_make(&other, &(struct fake_certificate_wish){ .names = "DNS:" HOST, .issuer = &authority });
	find_pin(digest, &old);
	for (size_t i = 0; i < sizeof(digest); i++) {
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
		snprintf(upper + 2 * i, 3, "%02X", digest[i]);
	}
	EVP_EncodeBlock((unsigned char *)base64, digest, sizeof(digest));
	expect("hex", &old, &(struct tls_client_settings){ .name = HOST, .pin = hex }, NULL);
	expect("upper case", &old, &(struct tls_client_settings){ .name = HOST, .pin = upper }, NULL);
	expect("base64", &old, &(struct tls_client_settings){ .name = HOST, .pin = base64 }, NULL);
	expect("no name at all", &old, &(struct tls_client_settings){ .pin = base64 }, NULL);
	expect("a good certificate with another key", &other,
	    &(struct tls_client_settings){ .name = HOST, .ca_file = authority_file, .pin = hex },
	    "the server's key is not the pinned one, but ");
	expect("the pin is in the refusal", &old, &(struct tls_client_settings){ .name = HOST }, hex);
	hex[63] = hex[63] == '0' ? '1' : '0';
	expect("the last digit", &old, &(struct tls_client_settings){ .name = HOST, .pin = hex }, "not the pinned one");
}

#define HEX16 "0123456789abcdef"

static void
test_settings(void **state)
{
	static const struct {
		struct tls_client_settings settings;
		const char *text;	/* NULL: they can be used */
	} rows[] = {
		{ { .name = HOST }, NULL },
		{ { .name = HOST, .ca_file = authority_file, .certificate_file = mail_file, .key_file = key_file }, NULL },
		{ { .name = "" }, "\"\" is no name" },
		{ { .name = NULL }, "\"\" is no name" },
		{ { .name = ".example.org" }, "\".example.org\" is no name" },
		{ { .name = HOST, .pin = "" }, "the pin is no SHA-256" },
		{ { .name = HOST, .pin = HEX16 HEX16 HEX16 "0123456789abcde" }, "the pin is no SHA-256" },
		{ { .name = HOST, .pin = HEX16 HEX16 HEX16 HEX16 "0" }, "the pin is no SHA-256" },
		{ { .name = HOST, .pin = HEX16 HEX16 HEX16 "0123456789abcdeg" }, "the pin is no SHA-256" },
		{ { .name = HOST, .pin = HEX16 HEX16 "0123456789=" }, "the pin is no SHA-256" },
		{ { .name = HOST, .pin = HEX16 HEX16 "0123456789_=" }, "the pin is no SHA-256" },
		{ { .name = HOST, .pin = HEX16 HEX16 "0123456789==" }, "the pin is no SHA-256" },
		{ { .name = HOST, .ca_file = "/nowhere" }, "/nowhere cannot be read: No such file" },
		{ { .name = HOST, .ca_file = empty_file }, "no certificates can be read from it" },
		{ { .name = HOST, .certificate_file = "/nowhere" }, "/nowhere cannot be read: No such file" },
		{ { .name = HOST, .certificate_file = "/dev/zero" }, "/dev/zero cannot be read: File too large" },
		{ { .name = HOST, .certificate_file = empty_file }, "no certificate in it" },
		{ { .name = HOST, .certificate_file = mail_file }, "no usable private key" },
		{ { .name = HOST, .certificate_file = mail_file, .key_file = "/nowhere" }, "/nowhere cannot be read" },
		{ { .name = HOST, .certificate_file = mail_file, .key_file = sealed_file }, "private key is encrypted" },
		{ { .name = HOST, .certificate_file = authority_file, .key_file = key_file },
		    "the private key does not belong to this certificate" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tls_client *client = NULL;
		struct error error = { ERROR_NONE, "" };
		int result = tls_client_new(&client, &rows[i].settings, &error);

		if ((result == 0) != (rows[i].text == NULL) ||
		    (rows[i].text != NULL && strstr(error.text, rows[i].text) == NULL))
			fail_msg("row %zu: %s", i, error.text);
		assert_true(result == 0 || (client == NULL && error.kind == ERROR_PERMANENT));
		tls_client_end(client);
	}
}

static const struct tls_client_settings trusting = { .name = HOST, .ca_file = authority_file };

static void
test_versions_and_bindings(void **state)
{
	static const struct {
		int version_max;
		const char *version, *cipher, *binding;
	} rows[] = {
		{ TLS1_3_VERSION, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "tls-exporter" },
		{ TLS1_2_VERSION, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", "tls-unique" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned char binding[TLS_CLIENT_BINDING_SIZE];
		struct line line;
		size_t size = 0;

		line_open(&line, &(struct server_wish){ .certificate = &mail, .version_max = rows[i].version_max },
		    &trusting);
		assert_null(tls_client_binding(line.client, binding, &size));
		assert_string_equal(tls_client_version(line.client), "");
		assert_string_equal(tls_client_cipher(line.client), "");
		assert_string_equal(tls_client_pin(line.client), "");
		line_handshake(&line);
		assert_int_equal(line.client_status, TLS_DONE);
		assert_string_equal(tls_client_version(line.client), rows[i].version);
		assert_string_equal(tls_client_cipher(line.client), rows[i].cipher);
		assert_string_equal(tls_client_binding(line.client, binding, &size), rows[i].binding);
		/* As the server has it. */
		if (i == 0) {
			assert_int_equal(size, 32);
			assert_memory_equal(binding, seen.exported, 32);
		} else {
			assert_int_equal(size, 12);
			assert_int_equal(seen.finished_size, 12);
			assert_memory_equal(binding, seen.finished, 12);
		}
		line_close(&line);
	}
}

static void
test_server_name(void **state)
{
	static const struct {
		const char *name, *asked;
	} rows[] = { { HOST, HOST }, { HOST ".", HOST }, { "192.0.2.7", "" }, { "[2001:db8::7]", "" } };
	struct fake_certificate certificate;

	(void)state;
	fake_certificate_make(&certificate, &(struct fake_certificate_wish){ .issuer = &authority,
	    .names = "DNS:" HOST ",IP:192.0.2.7,IP:2001:db8::7" });
	for (size_t i = 0; i < COUNT(rows); i++) {
		expect(rows[i].name, &certificate,
		    &(struct tls_client_settings){ .name = rows[i].name, .ca_file = authority_file }, NULL);
		assert_string_equal(seen.name, rows[i].asked);
	}
}

static void
test_own_certificate(void **state)
{
	struct tls_client_settings settings = trusting;

	(void)state;
	for (int with = 0; with <= 1; with++) {
		struct line line;

		settings.certificate_file = with ? mail_file : NULL;
		settings.key_file = with ? key_file : NULL;
		line_open(&line, &(struct server_wish){ .certificate = &mail, .asks_client = true }, &settings);
		line_handshake(&line);
		assert_int_equal(line.client_status, TLS_DONE);
		assert_int_equal(line.server_status, TLS_DONE);
		assert_string_equal(seen.subject, with ? "/CN=test" : "");
		line_talk(&line);
		line_close(&line);
	}
}

#define HELLO(version) "\x16\x03\x01\0\x2c\x02\0\0\x28" version                                       \
	"abcdefghijklmnopqrstuvwxyz012345\0\xc0\x13\0\0\0"
#define OCTETS(text)   (text), sizeof(text) - 1

/* What is at the other end when it is no server of ours. */
static void
test_strangers(void **state)
{
	static const struct {
		const char *what, *octets;
		size_t size;
		const char *text;
	} rows[] = {
		{ "POP3 in clear", OCTETS("+OK POP3 ready\r\n"), "what the server sends is not TLS" },
		{ "octets before the handshake", OCTETS("-ERR injected\r\n" HELLO("\x03\x03")),
		    "what the server sends is not TLS" },
		{ "HTTP", OCTETS("HTTP/1.0 400 Bad Request\r\n\r\n"), "what the server sends is not TLS" },
		{ "TLS 1.1", OCTETS(HELLO("\x03\x02")), "the server knows only old versions of TLS" },
		{ "TLS 1.0", OCTETS(HELLO("\x03\x01")), "the server knows only old versions of TLS" },
		{ "SSL 3", OCTETS(HELLO("\x03\0")), "the server knows only old versions of TLS" },
		{ "an alert about the version", OCTETS("\x15\x03\x01\0\x02\x02\x46"),
		    "the server knows only old versions of TLS" },
		{ "a failed handshake", OCTETS("\x15\x03\x01\0\x02\x02\x28"), "TLS failed: sslv3 alert handshake failure" },
		{ "goodbye", OCTETS("\x15\x03\x01\0\x02\x01\0"), "the server said goodbye while TLS was being set up" },
		{ "data before the handshake", OCTETS("\x17\x03\x03\0\x05" "hello"), "TLS failed: unexpected message" },
		{ "a record that is too long", OCTETS("\x16\x03\x03\xff\xff" "hello"), "TLS failed: " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tls_client *client;
		struct error error;
		size_t size, other = 5;
		char buffer[16];

		assert_int_equal(tls_client_new(&client, &trusting, &error), 0);
		assert_int_equal(tls_client_handshake(client), TLS_WANT_READ);
		assert_non_null(tls_client_output(client, &size));
		tls_client_output_done(client, size);
		assert_int_equal(tls_client_feed(client, rows[i].octets, rows[i].size), rows[i].size);
		if (tls_client_handshake(client) != TLS_FAILED)
			fail_msg("%s: was taken", rows[i].what);
		if (strstr(tls_client_failure(client), rows[i].text) == NULL)
			fail_msg("%s: %s", rows[i].what, tls_client_failure(client));
		assert_int_equal(tls_client_failure_kind(client), ERROR_PROTOCOL);
		assert_false(tls_client_is_truncated(client));
		/* Nothing more can be done with it. */
		assert_int_equal(tls_client_handshake(client), TLS_FAILED);
		assert_int_equal(tls_client_write(client, "hello", &other), TLS_FAILED);
		other = sizeof(buffer);
		assert_int_equal(tls_client_read(client, buffer, &other), TLS_FAILED);
		tls_client_end(client);
	}
}

/* A session of the server's that reaches the client up to so many octets: how many there are. */
static size_t
cut_off(struct tls_context *context, const char *pin, size_t pass_max)
{
	static const char said[] = "+OK hello\r\n+OK bye\r\n";
	enum tls_status status = TLS_DONE;
	char buffer[64];
	size_t used = 0, passed;
	struct line line;

	line_open(&line, &(struct server_wish){ .context = context }, &(struct tls_client_settings){ .pin = pin });
	line.pass_max = pass_max;
	line_handshake(&line);
	if (line.client_status == TLS_DONE) {
		assert_int_equal(tls_write(line.server, said, 11), TLS_DONE);
		assert_int_equal(tls_write_last(line.server, said + 11, 9), TLS_DONE);
		line_down(&line);
		while (status == TLS_DONE) {
			size_t size = sizeof(buffer) - used;

			status = tls_client_read(line.client, buffer + used, &size);
			used += status == TLS_DONE ? size : 0;
		}
		assert_memory_equal(buffer, said, used);
	} else {
		status = line.client_status;
	}
	passed = line.passed;
	if (pass_max == SIZE_MAX) {
		assert_int_equal(status, TLS_CLOSED);
		assert_int_equal(used, 20);
		assert_false(tls_client_is_truncated(line.client));
	} else {
		if (status != TLS_FAILED || !tls_client_is_truncated(line.client))
			fail_msg("cut off after %zu: %d %s", pass_max, status, tls_client_failure(line.client));
		assert_int_equal(tls_client_failure_kind(line.client), ERROR_TEMPORARY);
		if (strstr(tls_client_failure(line.client), line.client_status == TLS_DONE ?
		    "cut off without TLS's goodbye" : "closed the connection while TLS was being set up") == NULL)
			fail_msg("cut off after %zu: %s", pass_max, tls_client_failure(line.client));
	}
	line_close(&line);
	return passed;
}

static void
test_truncation(void **state)
{
	struct tls_context *context = context_of(&mail);
	unsigned char digest[32];
	char pin[45];
	size_t all;

	(void)state;
	/* Without a chain to check it is quicker. */
	find_pin(digest, &mail);
	EVP_EncodeBlock((unsigned char *)pin, digest, sizeof(digest));
	all = cut_off(context, pin, SIZE_MAX);
	assert_true(all > 700);
	/* The server's signature may be some octets shorter the next time. */
	for (size_t i = 0; i + 8 < all; i++)
		cut_off(context, pin, i);
	tls_context_unref(context);
}

/* Bounded buffers, and octets that come one by one. */
static void
test_flow(void **state)
{
	static char data[300000], got[300000];
	struct line line;
	size_t sent = 0, received = 0, waited = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 % 251);
	line_open(&line, &(struct server_wish){ .certificate = &mail }, &trusting);
	line_handshake(&line);
	assert_int_equal(line.client_status, TLS_DONE);
	while (received < sizeof(data)) {
		size_t size = sizeof(data) - sent;

		switch (size == 0 ? TLS_WANT_WRITE : tls_client_write(line.client, data + sent, &size)) {
		case TLS_DONE:
			sent += size;
			break;
		case TLS_WANT_WRITE:
			waited++;
			line_up(&line);
			size = sizeof(got) - received;
			while (tls_read(line.server, got + received, &size) == TLS_DONE) {
				received += size;
				size = sizeof(got) - received;
			}
			break;
		default:
			fail_msg("%s", tls_client_failure(line.client));
		}
	}
	assert_true(waited > 4);
	assert_memory_equal(data, got, sizeof(data));
	line_close(&line);
}

static void
test_feed_is_bounded(void **state)
{
	static char data[200000], got[200000];
	char sealed[3001];	/* its pieces do not end where the buffer does */
	struct line line;
	size_t received = 0, refused = 0, from = 0, to = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 11 % 253);
	line_open(&line, &(struct server_wish){ .certificate = &mail }, &trusting);
	line_handshake(&line);
	for (size_t written = 0; received < sizeof(data);) {
		enum tls_status status;
		size_t size, taken;

		if (written < sizeof(data) && tls_flush(line.server) == TLS_DONE) {
			size = sizeof(data) - written < 20000 ? sizeof(data) - written : 20000;
			assert_int_not_equal(tls_write(line.server, data + written, size), TLS_FAILED);
			written += size;
		}
		if (from == to) {
			ssize_t n = recv(line.ends[1], sealed, sizeof(sealed), 0);

			from = 0;
			to = n > 0 ? (size_t)n : 0;
		}
		taken = tls_client_feed(line.client, sealed + from, to - from);
		refused += taken < to - from;
		from += taken;
		/* What was not taken had no room. */
		assert_int_equal(tls_client_feed(line.client, sealed + from, to - from), 0);
		/* Read only when nothing more fits, and only a little, so that the buffer is never empty. */
		if (from < to || to == 0)
			do {
				size = sizeof(got) - received;
				status = tls_client_read(line.client, got + received, &size);
				received += status == TLS_DONE ? size : 0;
			} while (status == TLS_DONE && to == 0);
	}
	assert_true(refused > 2);
	assert_memory_equal(data, got, sizeof(data));
	line_close(&line);
}

static void
test_goodbye(void **state)
{
	char buffer[16];
	size_t size = sizeof(buffer);
	struct line line;

	(void)state;
	line_open(&line, &(struct server_wish){ .certificate = &mail }, &trusting);
	/* Too early: nothing to say goodbye to, nothing to write into. */
	tls_client_close(line.client);
	assert_int_equal(tls_client_write(line.client, "QUIT\r\n", &size), TLS_WANT_READ);
	line_handshake(&line);
	tls_client_close(line.client);
	line_up(&line);
	assert_int_equal(tls_read(line.server, buffer, &size), TLS_CLOSED);
	/* The server's last words still arrive. */
	assert_int_equal(tls_write_last(line.server, "+OK\r\n", 5), TLS_DONE);
	line_down(&line);
	size = sizeof(buffer);
	assert_int_equal(tls_client_read(line.client, buffer, &size), TLS_DONE);
	assert_int_equal(size, 5);
	assert_int_equal(tls_client_read(line.client, buffer, &size), TLS_CLOSED);
	assert_int_equal(tls_client_failure_kind(line.client), ERROR_NONE);
	line_close(&line);
}

/* An application that uses OpenSSL itself may have left errors; ours are not left to it. */
static void
test_errors_of_others(void **state)
{
	char buffer[16];
	size_t size = sizeof(buffer), one = 1;
	struct line line;

	(void)state;
	line_open(&line, &(struct server_wish){ .certificate = &mail }, &trusting);
	for (int i = 0; i < 6 && line.client_status != TLS_DONE; i++) {
		ERR_raise(ERR_LIB_USER, 7);
		line.client_status = tls_client_handshake(line.client);
		assert_int_equal(ERR_peek_error(), 0);
		line_up(&line);
		if (line.server_status == TLS_WANT_READ)
			line.server_status = tls_handshake(line.server);
		if (line.server_status == TLS_DONE)
			(void)tls_flush(line.server);
		line_down(&line);
	}
	ERR_raise(ERR_LIB_USER, 7);
	assert_int_equal(tls_client_read(line.client, buffer, &size), TLS_WANT_READ);
	assert_int_equal(ERR_peek_error(), 0);
	ERR_raise(ERR_LIB_USER, 7);
	assert_int_equal(tls_client_write(line.client, "x", &one), TLS_DONE);
	assert_int_equal(ERR_peek_error(), 0);
	line_close(&line);
	line_open(&line, &(struct server_wish){ .certificate = &stranger }, &trusting);
	line_handshake(&line);
	assert_int_equal(line.client_status, TLS_FAILED);
	assert_int_equal(ERR_peek_error(), 0);
	line_close(&line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_versions_and_bindings),
		cmocka_unit_test(test_server_name),
		cmocka_unit_test(test_own_certificate),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_feed_is_bounded),
		cmocka_unit_test(test_goodbye),
		cmocka_unit_test(test_errors_of_others),
	};

	return cmocka_run_group_tests(tests, set_up, clean_up);
}
