/*
 * Certificates on their way to restante-login, which can open no file: a sealed memfd with a
 * header and the PEM text of each. And the keys of session tickets, which live here alone, so
 * that all restante-login have the same.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "parent/parent.h"

#define PEM_SIZE_MAX 65536
#define SEALS        (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

_Static_assert(sizeof(((struct ipc_keys_header *)0)->pairs) /
		       sizeof(((struct ipc_keys_header *)0)->pairs[0]) ==
		   CONFIG_CERTIFICATES_MAX,
    "every certificate has its row");

/* Appends the file to the memfd. */
static int
copy_pem(int memfd, const char *path, uint32_t *size, struct error *error)
{
	static char pem[PEM_SIZE_MAX + 1];
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	ssize_t length;

	if (descriptor < 0)
		return error_errno(error, ERROR_PERMANENT, "%s", path);
	if (fstat(descriptor, &status) < 0 || !S_ISREG(status.st_mode)) {
		close(descriptor);
		return error_set(error, ERROR_PERMANENT, "%s: not a regular file", path);
	}
	length = read(descriptor, pem, sizeof(pem));
	close(descriptor);
	if (length < 0)
		return error_errno(error, ERROR_PERMANENT, "%s", path);
	if (length == 0 || length > PEM_SIZE_MAX ||
	    memmem(pem, (size_t)length, "-----BEGIN", 10) == NULL) {
		secret_wipe(pem, (size_t)length);
		return error_set(error, ERROR_PERMANENT, "%s: not a PEM file", path);
	}
	*size = (uint32_t)length;
	if (write(memfd, pem, (size_t)length) != length)
		error_errno(error, ERROR_TEMPORARY, "memfd for the keys");
	else
		error->kind = ERROR_NONE;
	secret_wipe(pem, (size_t)length);
	return error->kind == ERROR_NONE ? 0 : -1;
}

static int
fill(int memfd, const struct config *config, struct error *error)
{
	static struct ipc_keys_header header;

	memset(&header, 0, sizeof(header));
	header.count = config->certificate_count;
	if (lseek(memfd, sizeof(header), SEEK_SET) < 0)
		return error_errno(error, ERROR_TEMPORARY, "memfd for the keys");
	for (uint32_t i = 0; i < header.count; i++) {
		snprintf(header.pairs[i].name, PATH_SIZE, "%s", config->certificates[i].chain);
		if (copy_pem(memfd, config->certificates[i].chain, &header.pairs[i].chain_size,
			error) < 0 ||
		    copy_pem(memfd, config->certificates[i].key, &header.pairs[i].key_size, error) <
			0)
			return -1;
	}
	if (pwrite(memfd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    fcntl(memfd, F_ADD_SEALS, SEALS) < 0)
		return error_errno(error, ERROR_TEMPORARY, "memfd for the keys");
	return 0;
}

int
keys_load(const struct config *config, int *memfd, struct error *error)
{
	int made;

	if (config->certificate_count == 0) {
		*memfd = -1;
		return 0;
	}
	made = memfd_create("keys", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (made < 0)
		return error_errno(error, ERROR_TEMPORARY, "memfd for the keys");
	if (fill(made, config, error) < 0) {
		close(made);
		return -1;
	}
	*memfd = made;
	return 0;
}

void
ticket_keys_renew(struct parent *parent)
{
	struct ipc_ticket_keys *tickets = &parent->ticket_keys;
	const uint32_t max = sizeof(tickets->keys) / sizeof(tickets->keys[0]);

	memmove(&tickets->keys[1], &tickets->keys[0], sizeof(tickets->keys[0]) * (max - 1));
	if (tickets->count < max)
		tickets->count++;
	if (getrandom(&tickets->keys[0], sizeof(tickets->keys[0]), 0) !=
	    (ssize_t)sizeof(tickets->keys[0]))
		abort(); /* the kernel promises it for up to 256 octets */
	parent->ticket_keys_due = clock_milliseconds() + parent->config.ticket_key_hours * 3600000;
	for (struct child *child = parent->children; child != NULL; child = child->next)
		if (child->role == IPC_LOGIN || child->role == IPC_LMTP)
			tell(child, IPC_TICKET_KEYS, tickets, -1);
}
