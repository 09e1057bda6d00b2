/* The accounts of the client: whatever the file holds is read, or refused with words, and never half of it. */

#include <sys/mman.h>
#include <unistd.h>

#include "config/accounts.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char problems[8192];
	struct accounts accounts, before;
	struct error error = { .text = "" };
	char path[64];
	int file = memfd_create("config", MFD_CLOEXEC);

	PROMISE(file >= 0 && write(file, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	memset(&accounts, 0x5a, sizeof(accounts));
	before = accounts;
	if (accounts_read(&accounts, path, problems, sizeof(problems), &error) != 0) {
		PROMISE(problems[0] != '\0' && strlen(problems) < sizeof(problems) && error.text[0] != '\0');
		PROMISE(memcmp(&accounts, &before, sizeof(accounts)) == 0);
	} else {
		PROMISE(accounts.parallel >= 1 && accounts.count <= ACCOUNTS_MAX);
		for (size_t i = 0; i < accounts.count; i++) {
			const struct account *account = &accounts.all[i];

			PROMISE(account->name[0] != '\0' && account->name[0] != '.' &&
				strchr(account->name, '/') == NULL);
			PROMISE(account->host[0] != '\0' && account->port <= 65535 &&
				account->timeout_seconds >= 5);
			PROMISE(strchr(account->place, ':') != NULL);
			PROMISE(accounts_find(&accounts, account->name) == account);
		}
		accounts_free(&accounts);
	}
	close(file);
	return 0;
}
