/* Networks, as they are written: "192.0.2.0/24", "2001:db8::/32", or one address. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETWORK_ADDRESS_SIZE 16		/* of IPv6; IPv4 is ::ffff:a.b.c.d */

struct network {
	uint8_t address[NETWORK_ADDRESS_SIZE];
	unsigned bits;		/* how many of them count; of IPv4 96 more than written */
};

/* False, and nothing is set: not a network, or bits behind its prefix are not 0. */
bool network_parse(const char *text, struct network *);
/* An IPv6 network holds no IPv4 addresses: ::/0 is not everybody. */
bool network_contains(const struct network *, const uint8_t address[NETWORK_ADDRESS_SIZE]);
/* Is the address in one of these, separated by spaces? A word that is no network holds nothing. */
bool networks_contain(const char *words, const uint8_t address[NETWORK_ADDRESS_SIZE]);
/* The next word of *text, cut off at size - 1 octets; false: there is none. */
bool word_next(const char **text, char word[], size_t size);
