/* See digest.h. */

#include "auth/digest.h"

#include <nettle/hmac.h>
#include <string.h>
#include <sys/random.h>

#include "base/secret.h"

int
digest_key_make(struct digest_key *key, struct error *error)
{
	if (getrandom(key->octets, sizeof(key->octets), 0) != (ssize_t)sizeof(key->octets))
		return error_errno(error, ERROR_PERMANENT, "no random octets");
	return 0;
}

/* With its NUL, which ends it beyond doubt. */
static void
add(struct hmac_sha256_ctx *hmac, const char *text)
{
	hmac_sha256_update(hmac, strlen(text) + 1, (const uint8_t *)text);
}

void
digest_make(struct digest *digest, const struct digest_key *key, const char *purpose, const char *a,
    const char *b)
{
	struct hmac_sha256_ctx hmac;

	hmac_sha256_set_key(&hmac, sizeof(key->octets), key->octets);
	add(&hmac, purpose);
	add(&hmac, a);
	if (b != NULL)
		add(&hmac, b);
	hmac_sha256_digest(&hmac, sizeof(digest->octets), digest->octets);
	secret_wipe(&hmac, sizeof(hmac));
}
