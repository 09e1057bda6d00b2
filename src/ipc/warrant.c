/* See warrant.h. */

#include "ipc/warrant.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <sys/random.h>

#include "base/secret.h"

int
warrant_key_make(struct ipc_warrant_key *key, struct error *error)
{
	if (getrandom(key->key, sizeof(key->key), 0) != (ssize_t)sizeof(key->key))
		return error_errno(error, ERROR_PERMANENT, "no random octets");
	return 0;
}

/* Fixed sizes, so that no two warrants have the same octets. The struct's padding is left out. */
static void
seal_make(uint8_t seal[static SHA256_DIGEST_SIZE], const struct ipc_warrant *warrant,
    const struct ipc_warrant_key *key)
{
	const struct {
		const void *octets;
		size_t size;
	} parts[] = {
		{ warrant->user, sizeof(warrant->user) },
		{ warrant->place, sizeof(warrant->place) },
		{ &warrant->octets_max, sizeof(warrant->octets_max) },
		{ &warrant->messages_max, sizeof(warrant->messages_max) },
		{ &warrant->maildrop, sizeof(warrant->maildrop) },
	};
	struct hmac_sha256_ctx hmac;

	hmac_sha256_set_key(&hmac, sizeof(key->key), key->key);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		hmac_sha256_update(&hmac, parts[i].size, parts[i].octets);
	hmac_sha256_digest(&hmac, SHA256_DIGEST_SIZE, seal);
	secret_wipe(&hmac, sizeof(hmac));
}

void
warrant_seal(struct ipc_warrant *warrant, const struct ipc_warrant_key *key)
{
	_Static_assert(sizeof(warrant->seal) == SHA256_DIGEST_SIZE, "a seal is a whole digest");
	seal_make(warrant->seal, warrant, key);
}

bool
warrant_is_good(const struct ipc_warrant *warrant, const struct ipc_warrant_key *key)
{
	uint8_t seal[SHA256_DIGEST_SIZE];

	seal_make(seal, warrant, key);
	return warrant->maildrop == key->maildrop && memeql_sec(seal, warrant->seal, sizeof(seal));
}
