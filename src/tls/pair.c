/* Certificates with their keys: loading, checking, and the names they are for. */

#include "tls/internal.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

/* Without this OpenSSL would ask the terminal for the passphrase of an encrypted key. */
static int
no_passphrase(char *buffer, int size, int writing, void *context)
{
	bool *asked = context;

	(void)buffer, (void)size, (void)writing;
	*asked = true;
	return -1;
}

static int
load_chain(struct pair *pair, const struct tls_pair *source, struct error *error)
{
	BIO *bio = BIO_new_mem_buf(source->chain, (int)source->chain_size);
	X509 *next;

	pair->chain = sk_X509_new_null();
	if (bio != NULL)
		pair->certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (pair->certificate == NULL || pair->chain == NULL) {
		BIO_free(bio);
		return error_set(error, ERROR_PERMANENT, "%s: no certificate in it (%s)",
		    source->name, tls_reason());
	}
	while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		sk_X509_push(pair->chain, next);
	BIO_free(bio);
	/* The end of the text is no error; anything else is. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return error_set(error, ERROR_PERMANENT,
		    "%s: a damaged certificate in the chain (%s)", source->name, tls_reason());
	ERR_clear_error();
	return 0;
}

static int
load_key(struct pair *pair, const struct tls_pair *source, struct error *error)
{
	BIO *bio = BIO_new_mem_buf(source->key, (int)source->key_size);
	bool asked = false;

	if (bio != NULL)
		pair->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
	BIO_free(bio);
	if (pair->key != NULL)
		return 0;
	if (asked)
		return error_set(error, ERROR_PERMANENT,
		    "%s: its private key is encrypted; it must be stored without a passphrase",
		    source->name);
	return error_set(error, ERROR_PERMANENT, "%s: no usable private key (%s)", source->name,
	    tls_reason());
}

static int
check_pair(const struct pair *pair, const char *name, struct error *error)
{
	if (X509_check_private_key(pair->certificate, pair->key) != 1) {
		ERR_clear_error();
		return error_set(error, ERROR_PERMANENT,
		    "%s: the private key does not belong to this certificate", name);
	}
	if (X509_cmp_current_time(X509_get0_notBefore(pair->certificate)) > 0)
		return error_set(
		    error, ERROR_PERMANENT, "%s: the certificate is not valid yet", name);
	if (X509_cmp_current_time(X509_get0_notAfter(pair->certificate)) < 0)
		return error_set(error, ERROR_PERMANENT, "%s: the certificate has expired", name);
	return 0;
}

/* Collects the DNS names of subjectAltName; the common name is never consulted (RFC 9525). */
static int
load_names(struct pair *pair, const char *name, struct error *error)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(pair->certificate, NID_subject_alt_name, NULL, NULL);
	int count = all != NULL ? sk_GENERAL_NAME_num(all) : 0;
	size_t used = 0;

	pair->names = calloc((size_t)count + 1, sizeof(*pair->names));
	for (int i = 0; pair->names != NULL && i < count; i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
		const char *text;
		size_t length;

		if (one->type != GEN_DNS)
			continue;
		text = (const char *)ASN1_STRING_get0_data(one->d.dNSName);
		length = (size_t)ASN1_STRING_length(one->d.dNSName);
		if (memchr(text, '\0', length) == NULL &&
		    (pair->names[used] = strndup(text, length)) != NULL)
			used++;
	}
	GENERAL_NAMES_free(all);
	if (pair->names == NULL)
		return error_set(error, ERROR_TEMPORARY, "%s: no memory for its names", name);
	return 0;
}

int
pair_load(struct pair *pair, const struct tls_pair *source, struct error *error)
{
	memset(pair, 0, sizeof(*pair));
	ERR_clear_error();
	if (load_chain(pair, source, error) == 0 && load_key(pair, source, error) == 0 &&
	    check_pair(pair, source->name, error) == 0 &&
	    load_names(pair, source->name, error) == 0)
		return 0;
	ERR_clear_error();
	pair_free(pair);
	return -1;
}

void
pair_free(struct pair *pair)
{
	X509_free(pair->certificate);
	sk_X509_pop_free(pair->chain, X509_free);
	EVP_PKEY_free(pair->key);
	for (char **name = pair->names; name != NULL && *name != NULL; name++)
		free(*name);
	free(pair->names);
	memset(pair, 0, sizeof(*pair));
}

bool
pair_is_for(const struct pair *pair, const char *name, bool by_wildcard)
{
	const char *parent = strchr(name, '.');

	for (char **own = pair->names; *own != NULL; own++) {
		if (!by_wildcard && strcasecmp(*own, name) == 0)
			return true;
		if (by_wildcard && strncmp(*own, "*.", 2) == 0 && parent != NULL &&
		    parent != name && strcasecmp(*own + 1, parent) == 0)
			return true;
	}
	return false;
}
