/*
 * How a Dovecot makes UIDLs: its setting pop3_uidl_format.
 *
 *	%u %v %f %g	IMAP UID, UIDVALIDITY, base of the file's name, GUID (where none: the base)
 *	%08Xu		[[-]OFFSET.][-][0]WIDTH, modifiers, variable. X: hexadecimal; L, U: lower and upper
 *			case; R: reversed; M: MD5; T: blanks at the end cut. A width with 0 pads, one without cuts.
 *	%{uid}		long names: uid, uidvalidity, filename, guid
 *	%{uid|hex(8)}	Dovecot 2.4: hex(WIDTH), lower, upper, reverse
 *
 * %m is of mbox alone. What cannot be had here is an error when the format is read, not later.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "store/uidl_table.h"

#define UIDL_FORMAT_STEPS_MAX 32
#define UIDL_FORMAT_MODIFIERS_MAX 10

enum uidl_variable { UIDL_LITERAL, UIDL_UID, UIDL_VALIDITY, UIDL_FILENAME, UIDL_GUID };

struct uidl_step {
	enum uidl_variable variable;
	char literal;
	int offset, width;
	bool padded;
	char modifiers[UIDL_FORMAT_MODIFIERS_MAX];	/* in order; NUL behind the last */
};

struct uidl_format {
	struct uidl_step steps[UIDL_FORMAT_STEPS_MAX];
	size_t count;
};

struct uidl_values {
	uint32_t uid, validity;
	const char *filename, *guid;	/* of at most NAME_MAX octets */
};

int uidl_format_parse(struct uidl_format *, const char *text, struct error *);
/* Returns the size, or -1 if it does not fit. */
int uidl_format_apply(const struct uidl_format *, const struct uidl_values *,
    char uidl[UIDL_TEXT_SIZE]);
