/*
 * restante-uidls: the UIDLs that a message had on another server, which clients remember.
 *
 * Not a cache but the only holder, so it is written durably and a damaged one is an error: a
 * session that gave other UIDLs instead would have everything fetched again. A text file inside
 * the Maildir,
 *
 *	restante-uidls 1
 *	000000015f3a2b10 1700000000.M20046P2137.mx,S=4542
 *	...
 *	end COUNT CHECKSUM
 *
 * with a line for each message: its UIDL and the base of its file's name, in the order of
 * uidl_table.h. The checksum (XXH3, hexadecimal) is of all that stands before the last line.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "store/uidl_table.h"

#define MAILDIR_UIDLS_NAME "restante-uidls"

/*
 * 1: *table is filled; free it. 0: there is no such file. -1: it cannot be used; the table is
 * empty. For the sake of clients the session must not go on then.
 */
int maildir_uidls_read(struct uidl_table *, int maildir, struct error *);
/*
 * A sorted table, every UIDL valid and once. When it returns 0, a power failure changes nothing.
 * *in_place is set when it is what sessions read, which may be so on failure, too.
 */
int maildir_uidls_write(const struct uidl_table *, int maildir, bool *in_place, struct error *);
/* What the file says, in memory: for the reader, and whoever wants to try it. */
int maildir_uidls_parse(struct uidl_table *, const char *text, size_t size, struct error *);
