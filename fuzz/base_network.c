/* Networks as they are configured, and addresses as they come: 16 octets of address, then the words. */

#include <netinet/in.h>

#include "base/network.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t address[NETWORK_ADDRESS_SIZE];
	struct network network;
	const char *words;
	char *text, word[64];
	bool found = false;

	for (size_t i = 0; i < sizeof(address); i++)
		address[i] = fuzz_octet(&data, &size);
	text = words = fuzz_text(data, size);
	while (word_next(&words, word, sizeof(word))) {
		PROMISE(*word != '\0' && strchr(word, ' ') == NULL && strlen(word) < sizeof(word));
		if (!network_parse(word, &network))
			continue;
		PROMISE(network.bits <= 8 * NETWORK_ADDRESS_SIZE);
		/* It holds its own address, and nothing of the other family. */
		PROMISE(network_contains(&network, network.address));
		found |= network_contains(&network, address);
		if (network_contains(&network, address))
			PROMISE(IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)network.address) ==
			    IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)address));
	}
	PROMISE(networks_contain(text, address) == found);
	free(text);
	return 0;
}
