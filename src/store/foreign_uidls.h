/*
 * The lists in which other POP3 servers keep the UIDLs of a Maildir: which there are, and how they
 * are read. Whoever owns the Maildir has written them; they are read with care.
 */
#pragma once

#include "base/error.h"
#include "store/uidl_table.h"

struct foreign_kind {
	const char *word;	/* of --from */
	const char *file;	/* in the Maildir; NULL: it lies somewhere else */
	/*
	 * Adds a row for each message to an empty table. format: how Dovecot makes a UIDL. On failure
	 * the error's text names the line.
	 */
	int (*parse)(struct uidl_table *, const char *text, size_t size, const char *format,
	    struct error *);
};

extern const struct foreign_kind foreign_kinds[];	/* ended by a NULL word */

/* NULL: there is no such word. */
const struct foreign_kind *foreign_kind_find(const char *word);

/* For the parsers: one line of a list, without its newline. */
struct foreign_line {
	const char *text;
	size_t size;
	size_t number;
	bool ended;	/* there was a newline */
};

/* Begin with a line that is all zero. False: there is no further one. */
bool foreign_line_next(struct foreign_line *, const char *text, size_t size);
/* "line 17: what is wrong" */
int foreign_line_error(const struct foreign_line *, const char *problem, struct error *);
/* Decimal digits at the beginning of what is left of a line; false: none, or more than limit. */
bool foreign_number(const char **text, const char *end, uint64_t limit, uint64_t *number);

int foreign_parse_dovecot(struct uidl_table *, const char *text, size_t size, const char *format,
    struct error *);
int foreign_parse_courier(struct uidl_table *, const char *text, size_t size, const char *format,
    struct error *);
int foreign_parse_list(struct uidl_table *, const char *text, size_t size, const char *format,
    struct error *);
