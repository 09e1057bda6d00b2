/* See keys.h. The parent made the memfd; sizes that do not add up mean another build of it. */

#include "login/keys.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
