/* See keys.h. The parent made the memfd; sizes that do not add up mean another build of it. */

#include "front/keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"

#define SIZE_MAX_OCTETS ((off_t)16 << 20)

static int
read_all(struct keys *keys, int memfd, struct error *error)
{
	struct stat status;

	if (fstat(memfd, &status) != 0)
		return error_errno(error, ERROR_PERMANENT, "cannot read the keys");
	if (status.st_size < (off_t)sizeof(struct ipc_keys_header) ||
	    status.st_size > SIZE_MAX_OCTETS)
		return error_set(error, ERROR_PROTOCOL, "the keys have a wrong size");
	keys->size = (size_t)status.st_size;
	keys->memory = malloc(keys->size);
	if (keys->memory == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the keys");
	if (pread(memfd, keys->memory, keys->size, 0) != (ssize_t)keys->size)
		return error_errno(error, ERROR_PERMANENT, "cannot read the keys");
	return 0;
}

static int
divide(struct keys *keys, struct error *error)
{
	struct ipc_keys_header *header = (void *)keys->memory;
	const char *text = keys->memory + sizeof(*header);
	size_t left = keys->size - sizeof(*header);

	if (header->count > TLS_PAIRS_MAX)
		return error_set(error, ERROR_PROTOCOL, "too many keys");
	for (size_t i = 0; i < header->count; i++) {
		size_t chain_size = header->pairs[i].chain_size,
		       key_size = header->pairs[i].key_size;

		if (chain_size > left || key_size > left - chain_size)
			return error_set(error, ERROR_PROTOCOL, "the keys have a wrong size");
		header->pairs[i].name[PATH_SIZE - 1] = '\0';
		keys->pairs[i] = (struct tls_pair){
			.name = header->pairs[i].name,
			.chain = text,
			.chain_size = chain_size,
			.key = text + chain_size,
			.key_size = key_size,
		};
		text += chain_size + key_size;
		left -= chain_size + key_size;
	}
	keys->count = header->count;
	return 0;
}

int
keys_read(struct keys *keys, int memfd, struct error *error)
{
	*keys = (struct keys){ .count = 0 };
	if (read_all(keys, memfd, error) == 0 && divide(keys, error) == 0)
		return 0;
	keys_free(keys);
	return -1;
}

void
keys_free(struct keys *keys)
{
	if (keys->memory != NULL)
		secret_wipe(keys->memory, keys->size);
	free(keys->memory);
	*keys = (struct keys){ .count = 0 };
}

void
keyring_take(struct keyring *ring, int memfd)
{
	struct tls_context *context;
	struct error error;
	struct keys keys;
	int result = keys_read(&keys, memfd, &error);

	if (result == 0) {
		result = tls_context_new(&context, keys.pairs, keys.count, &error);
		keys_free(&keys);
	}
	if (result < 0) {
		LOG(LOG_LEVEL_ERROR, "keys", LOG_REASON(&error));
		return;
	}
	tls_context_tickets(context, ring->ticket_keys, ring->ticket_key_count);
	tls_context_unref(ring->tls);
	ring->tls = context;
}

void
keyring_take_tickets(struct keyring *ring, const struct ipc_ticket_keys *body)
{
	ring->ticket_key_count = body->count;
	for (size_t i = 0; i < body->count; i++) {
		struct tls_ticket_key *key = &ring->ticket_keys[i];

		memcpy(key->name, body->keys[i].name, sizeof(key->name));
		memcpy(key->cipher_key, body->keys[i].cipher_key, sizeof(key->cipher_key));
		memcpy(key->mac_key, body->keys[i].mac_key, sizeof(key->mac_key));
	}
	if (ring->tls != NULL)
		tls_context_tickets(ring->tls, ring->ticket_keys, ring->ticket_key_count);
}

void
keyring_drop(struct keyring *ring)
{
	tls_context_unref(ring->tls);
	ring->tls = NULL;
}

void
keyring_free(struct keyring *ring)
{
	keyring_drop(ring);
	secret_wipe(ring->ticket_keys, sizeof(ring->ticket_keys));
}
