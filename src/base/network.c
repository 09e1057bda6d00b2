/* See network.h. */

#include "base/network.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/number.h"

#define ADDRESS_BITS 128u
#define MAPPED_BITS  96u
#define WORD_SIZE    64		/* a longer one is no network */

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool
prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	return memcmp(a, b, bits / 8) == 0 && (rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0);
}

static bool
is_ipv4(const uint8_t *address)
{
	return memcmp(address, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static bool
is_prefix(const struct network *network)
{
	for (unsigned bit = network->bits; bit < ADDRESS_BITS; bit++)
		if ((network->address[bit / 8] & (0x80u >> bit % 8)) != 0)
			return false;
	return true;
}

bool
network_parse(const char *text, struct network *network)
{
	struct network found = { .bits = 0 };
	char address[WORD_SIZE];
	const char *slash = strchr(text, '/');
	size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
	uint64_t bits = ADDRESS_BITS;

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (slash != NULL && !number_parse(slash + 1, &bits))
		return false;
	if (inet_pton(AF_INET, address, &found.address[12]) == 1) {
		memcpy(found.address, mapped_prefix, sizeof(mapped_prefix));
		if (slash != NULL && bits > ADDRESS_BITS - MAPPED_BITS)
			return false;
		bits = slash != NULL ? bits + MAPPED_BITS : ADDRESS_BITS;
	} else if (inet_pton(AF_INET6, address, found.address) != 1) {
		return false;
	}
	if (bits > ADDRESS_BITS)
		return false;
	found.bits = (unsigned)bits;
	if (!is_prefix(&found))
		return false;
	*network = found;
	return true;
}

bool
network_contains(const struct network *network, const uint8_t address[NETWORK_ADDRESS_SIZE])
{
	bool of_ipv4 = is_ipv4(network->address) && network->bits >= MAPPED_BITS;

	return of_ipv4 == is_ipv4(address) && prefix_equal(network->address, address, network->bits);
}

bool
word_next(const char **text, char word[], size_t size)
{
	const char *begin = *text + strspn(*text, " ");
	size_t length = strcspn(begin, " "), kept = length < size ? length : size - 1;

	*text = begin + length;
	memcpy(word, begin, kept);
	word[kept] = '\0';
	return length > 0;
}

bool
networks_contain(const char *words, const uint8_t address[NETWORK_ADDRESS_SIZE])
{
	struct network network;
	char word[WORD_SIZE];

	while (word_next(&words, word, sizeof(word)))
		if (network_parse(word, &network) && network_contains(&network, address))
			return true;
	return false;
}
