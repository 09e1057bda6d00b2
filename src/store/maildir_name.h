/*
 * What the name of a file in a Maildir tells.
 *
 *	1700000000.M20046P2137.mx,S=4542,W=4642:2,S
 *	|---------|              time of delivery; messages are ordered by it, then by name
 *	|-------------------------------------|  base: stays while flags behind the colon change
 *	|------------------------|               unique part: the UIDL; sizes may be added or corrected
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct maildir_name {
	uint64_t time;		/* 0 if the name does not begin with a number */
	size_t base_size;	/* octets before the colon */
	size_t unique_size;	/* octets before the first ,S= or ,W= that ends the base */
	bool has_stored_size;
	uint64_t stored_size;	/* ,S=: octets of the file */
	bool has_wire_size;
	uint64_t wire_size;	/* ,W=: octets with CRLF line ends */
};

void maildir_name_parse(struct maildir_name *, const char *name);
/* Can the unique part be a UIDL as it is? RFC 1939, section 7: 1 to 70 octets, 0x21 to 0x7E. */
bool maildir_name_is_uidl(const char *unique, size_t size);
/*
 * A UIDL for a name that cannot be one: SHA-256 in hexadecimal. inode: 0, or what tells several
 * files with the same name apart.
 */
void maildir_name_digest(const char *name, size_t size, uint64_t inode, char uidl[UIDL_SIZE]);
/* A new unique part, of time, process and host; printable ASCII whatever the host is called. */
void maildir_name_make(char unique[NAME_MAX + 1]);
