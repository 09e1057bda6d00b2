/*
 * Paths: what stands between "<" and ">" in MAIL and RCPT (RFC 5321, section 4.1.2; RFC 6531,
 * section 3.3).
 *
 * A path is kept as what it means: the local part without its quotes, the source route forgotten. So
 * two ways to write one address are one path, and path_text() writes the shorter.
 * One thing is accepted that section 4.1.2 forbids: "_" in a domain. There is mail from such senders, and a
 * refusal here would return what the MTA has already taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define LOCAL_OCTETS_MAX  64	/* RFC 5321, section 4.5.3.1.1 */
#define DOMAIN_OCTETS_MAX 255	/* section 4.5.3.1.2 */
#define PATH_OCTETS_MAX   256	/* section 4.5.3.1.3, "<", ">" and the source route included */
#define ADDRESS_SIZE      PATH_OCTETS_MAX	/* path_text() with its NUL */

struct path {
	char local[LOCAL_OCTETS_MAX + 1];	/* "": the null reverse-path */
	char domain[DOMAIN_OCTETS_MAX + 1];	/* as it came; "[192.0.2.1]"; "": Postmaster alone */
	bool utf8;				/* holds characters beyond ASCII */
};

enum path_kind {
	PATH_REVERSE,		/* may be "<>" */
	PATH_FORWARD,		/* may be "<Postmaster>" */
};

/*
 * Reads the path at *text, NUL-terminated, and sets *text behind its ">". NULL, or what is wrong with
 * it as a phrase for the reply; then nothing is changed.
 */
const char *path_take(struct path *, const char **text, enum path_kind);
/* Reads an address without "<" and ">", the whole of text: "anna@example.org". The same answers. */
const char *path_parse(struct path *, const char *text);
/* The address without "<" and ">", quoted where it must be; no octet below space is ever in it. */
void path_text(const struct path *, char text[ADDRESS_SIZE]);
/* The local parts are equal octet for octet, the domains but for the case of ASCII letters. */
bool path_equal(const struct path *, const struct path *);
/* An order of paths, for qsort(3); 0 where they are equal. */
int path_compare(const struct path *, const struct path *);
/* Is the whole of text a domain or an address literal, as LHLO wants it? In ASCII. */
bool domain_valid(const char *text);
