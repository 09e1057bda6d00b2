/* The kernel's keyring; see secret_keyring.h and keyrings(7). Two system calls do not need a library. */

#include <errno.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/secret.h"
#include "fetch/secret_keyring.h"

static long
key_search(const char *name)
{
	static const int rings[] = { KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_KEYRING };
	long key = -1;

	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]) && key < 0; i++)
		key = syscall(SYS_keyctl, KEYCTL_SEARCH, rings[i], "user", name, 0);
	return key;
}

int
kernel_keyring_find(const char *name, char *secret, size_t size, struct error *error)
{
	long key = key_search(name), length;

	if (key < 0 && (errno == ENOKEY || errno == ENOTDIR))
		return error_set(error, ERROR_DENIED,
		    "the kernel's keyring has no key `%s`; make it with: keyctl padd user %s @u", name, name);
	if (key < 0)
		return error_errno(error, ERROR_DENIED, "the kernel's keyring, key `%s`", name);
	/* What is longer than the buffer is not copied, and the length is the key's. */
	length = syscall(SYS_keyctl, KEYCTL_READ, key, secret, size - 1);
	if (length < 0)
		return error_errno(error, ERROR_DENIED, "the kernel's keyring, key `%s`", name);
	if ((size_t)length >= size || length == 0 || memchr(secret, '\0', (size_t)length) != NULL) {
		secret_wipe(secret, size);
		return error_set(error, ERROR_DENIED, "key `%s` of the kernel's keyring is no password", name);
	}
	/* keyctl padd takes the end of the line along. */
	if (secret[length - 1] == '\n')
		length--;
	secret[length] = '\0';
	return 0;
}
