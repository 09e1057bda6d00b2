/* ~/.netrc, which others write, too: a password that is found is a word of it that fits, or there is none. */

#include "fetch/netrc.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *before = fuzz_text(data, size);
	char secret[16];

	memset(secret, 'x', sizeof(secret));
	if (netrc_find(text, "host", "user", secret, sizeof(secret))) {
		PROMISE(memchr(secret, '\0', sizeof(secret)) != NULL && secret[0] != '\0');
		/* Without quotes and backslashes it stands there as it is. */
		PROMISE(strpbrk(before, "\"\\") != NULL || strstr(before, secret) != NULL);
		PROMISE(strstr(before, "password") != NULL || strchr(before, '"') != NULL);
	} else {
		PROMISE(secret[0] == 'x' && secret[15] == 'x');
	}
	free(text);
	free(before);
	return 0;
}
