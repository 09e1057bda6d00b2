/*
 * Is the server who it should be? By RFC 9525 (and RFC 7817 for mail): the chain ends at somebody who is
 * trusted, and subjectAltName holds the name; or its key is the pinned one. What is wrong is said for
 * people, with what they need to decide: which names there are, until when it was valid, who issued it,
 * and which pin its key has.
 */

#include "tls/client_internal.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "base/writer.h"

#define NAMES_SHOWN  4
#define PROBLEM_SIZE 860	/* of TLS_CLIENT_TEXT_SIZE */

/* What is said of a certificate, a line of it. Whatever a stranger wrote becomes printable. */
struct description {
	char text[512];
	struct writer writer;
};

static void
describe(struct description *description)
{
	writer_init(&description->writer, description->text, sizeof(description->text) - 1, NULL, NULL);
}

static const char *
described(struct description *description)
{
	size_t used = description->writer.used;

	for (size_t i = 0; i < used; i++)
		if (description->text[i] < ' ' || description->text[i] > '~')
			description->text[i] = '?';
	description->text[used] = '\0';
	return description->text;
}

static void
describe_entity(struct description *description, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long size;

	describe(description);
	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0 &&
	    (size = BIO_get_mem_data(bio, &text)) > 0)
		writer_put(&description->writer, text, size > 200 ? 200 : (size_t)size);
	else
		writer_text(&description->writer, "nobody");
	BIO_free(bio);
	(void)described(description);
}

static void
describe_time(struct description *description, const ASN1_TIME *time)
{
	struct tm tm;
	char text[40] = "an unreadable date";

	if (ASN1_TIME_to_tm(time, &tm) == 1)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	describe(description);
	writer_text(&description->writer, text);
	(void)described(description);
}

/* Writes an entry that can be compared with a host: false if it is none. */
static bool
describe_entry(struct writer *writer, const GENERAL_NAME *entry, const char *separator)
{
	char address[INET6_ADDRSTRLEN];
	const ASN1_STRING *value = entry->type == GEN_DNS ? entry->d.dNSName : entry->d.iPAddress;
	int length;

	if (entry->type != GEN_DNS && entry->type != GEN_IPADD)
		return false;
	length = ASN1_STRING_length(value);
	if (entry->type == GEN_DNS)
		return writer_printf(writer, "%s%.*s", separator, length > 80 ? 80 : length,
		    (const char *)ASN1_STRING_get0_data(value));
	if (length != 4 && length != 16)
		return false;
	return inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), address,
	    sizeof(address)) != NULL && writer_printf(writer, "%s%s", separator, address);
}

/* "mail.example.org, *.example.net and 3 more"; "" if it names no host. */
static void
describe_names(struct description *description, const X509 *certificate)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int count = all != NULL ? sk_GENERAL_NAME_num(all) : 0, shown = 0, i;

	describe(description);
	for (i = 0; i < count && shown < NAMES_SHOWN; i++)
		if (describe_entry(&description->writer, sk_GENERAL_NAME_value(all, i), shown > 0 ? ", " : ""))
			shown++;
	if (i < count)
		writer_printf(&description->writer, " and %d more", count - i);
	GENERAL_NAMES_free(all);
	(void)described(description);
}

/* SHA-256 of the SubjectPublicKeyInfo. */
static bool
find_pin(struct tls_client *client, const X509 *certificate, unsigned char digest[PIN_SIZE])
{
	unsigned char *spki = NULL;
	int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
	bool found = size > 0 && EVP_Digest(spki, (size_t)size, digest, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(spki);
	for (size_t i = 0; found && i < PIN_SIZE; i++)
		snprintf(client->pin + 2 * i, 3, "%02x", digest[i]);
	return found;
}

/* The text of a refusal: what is wrong, and what could be done. */
static void
refuse(struct tls_client *client, const char *problem)
{
	client_fail(client, ERROR_DENIED,
	    "%s. If you are certain that this is your server, its key can be pinned: %s", problem, client->pin);
}

static void
refuse_name(struct tls_client *client, const X509 *certificate)
{
	struct description names;
	char problem[PROBLEM_SIZE];

	describe_names(&names, certificate);
	if (names.text[0] != '\0')
		snprintf(problem, sizeof(problem), "the server's certificate is for %s, not for %s", names.text,
		    client->name);
	else
		snprintf(problem, sizeof(problem), "the server's certificate names no host, so also not %s (only "
		    "subjectAltName counts)", client->name);
	refuse(client, problem);
}

static void
refuse_expired(struct tls_client *client, X509 *certificate, const char *whose)
{
	struct description when;
	char problem[PROBLEM_SIZE];

	describe_time(&when, X509_get0_notAfter(certificate));
	snprintf(problem, sizeof(problem), "%s expired on %s", whose, when.text);
	refuse(client, problem);
}

static void
refuse_early(struct tls_client *client, X509 *certificate, const char *whose)
{
	struct description when;
	char problem[PROBLEM_SIZE];

	describe_time(&when, X509_get0_notBefore(certificate));
	snprintf(problem, sizeof(problem), "%s is not valid before %s (or this computer's clock is wrong)",
	    whose, when.text);
	refuse(client, problem);
}

static void
refuse_self_signed(struct tls_client *client, X509 *certificate, const char *whose)
{
	struct description who;
	char problem[PROBLEM_SIZE];

	describe_entity(&who, X509_get_subject_name(certificate));
	snprintf(problem, sizeof(problem), "%s is signed by nobody but itself (%s)", whose, who.text);
	refuse(client, problem);
}

static void
refuse_issuer(struct tls_client *client, X509 *certificate, const char *whose)
{
	struct description who;
	char problem[PROBLEM_SIZE];

	describe_entity(&who, X509_get_issuer_name(certificate));
	snprintf(problem, sizeof(problem), "%s was issued by %s, who is not trusted here", whose, who.text);
	refuse(client, problem);
}

static const struct {
	int code;
	void (*refuse)(struct tls_client *, X509 *certificate, const char *whose);
} refusals[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, refuse_expired },
	{ X509_V_ERR_CERT_NOT_YET_VALID, refuse_early },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, refuse_self_signed },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, refuse_issuer },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, refuse_issuer },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, refuse_issuer },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, refuse_issuer },
};

/* The chain did not hold: why, and which certificate of it. */
static void
refuse_chain(struct tls_client *client, X509_STORE_CTX *store)
{
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);
	int code = X509_STORE_CTX_get_error(store);
	const char *whose = X509_STORE_CTX_get_error_depth(store) == 0 ? "the server's certificate" :
	    "a certificate above the server's";
	char problem[PROBLEM_SIZE];

	for (size_t i = 0; certificate != NULL && i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (refusals[i].code == code) {
			refusals[i].refuse(client, certificate, whose);
			return;
		}
	snprintf(problem, sizeof(problem), "%s is not good: %s", whose, X509_verify_cert_error_string(code));
	refuse(client, problem);
}

static bool
has_name(const struct tls_client *client, X509 *certificate)
{
	if (client->name_is_address)
		return X509_check_ip_asc(certificate, client->name, 0) == 1;
	return X509_check_host(certificate, client->name, strlen(client->name),
	    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

int
client_judge(X509_STORE_CTX *store, void *context)
{
	struct tls_client *client = context;
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	unsigned char pin[PIN_SIZE];

	if (certificate == NULL || !find_pin(client, certificate, pin)) {
		client_fail(client, ERROR_PROTOCOL, "the server's certificate cannot be read");
		X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
		return 0;
	}
	if (client->is_pinned) {
		if (secret_equal(pin, client->wanted_pin, PIN_SIZE))
			return 1;
		client_fail(client, ERROR_DENIED, "the server's key is not the pinned one, but %s: either it was "
		    "changed, or this is another server", client->pin);
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	if (X509_verify_cert(store) != 1) {
		refuse_chain(client, store);
		return 0;
	}
	if (has_name(client, certificate))
		return 1;
	refuse_name(client, certificate);
	X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
	return 0;
}
