/* What a name server answers: the servers found in it have names and ports, in order. */

#include "fetch/setup_dns.h"
#include "fuzz.h"

#define MAX 4

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct srv found[MAX];
	bool is_denied;
	size_t count = srv_parse(data, size, found, MAX, &is_denied);

	PROMISE(count <= MAX);
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(found[i].host);

		PROMISE(length > 0 && length < sizeof(found[i].host) && found[i].port != 0);
		PROMISE(strspn(found[i].host,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == length);
		PROMISE(i == 0 || found[i - 1].priority <= found[i].priority);
	}
	return 0;
}
