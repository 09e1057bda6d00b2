/*
 * A command line taken apart (RFC 1939, section 3). Used for the tables of both states.
 *
 * Keywords are case-insensitive. Any run of spaces may stand between arguments and at the end
 * of the line, except in PASS, whose argument is everything behind exactly one space, and USER,
 * which takes the rest of the line (spec: the quirks of real clients).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_KEYWORD_SIZE 16

enum request_arguments {
	ARGS_NONE,
	ARGS_MESSAGE,		/* n */
	ARGS_MAYBE_MESSAGE,	/* [n] */
	ARGS_MESSAGE_AND_LINES,	/* n lines */
	ARGS_REST,		/* the rest of the line, outer spaces cut off; must not be empty */
	ARGS_MAYBE_REST,	/* the same, may be empty */
	ARGS_VERBATIM,		/* everything behind one space, as it is; may be empty */
	ARGS_TWO_WORDS,		/* APOP: the last word, and what is before it */
};

struct request {
	char keyword[REQUEST_KEYWORD_SIZE];	/* upper case; empty if the line had none, or too long a one */
	char *rest;		/* behind the keyword, with its leading space; inside the line */
	bool all;		/* ARGS_MAYBE_MESSAGE: no number was given */
	uint64_t number;	/* ARGS_MESSAGE...: 1 or more */
	uint64_t lines;
	char *words[2];		/* ARGS_REST, ARGS_VERBATIM: [0]; ARGS_TWO_WORDS: both */
};

/* Takes the keyword off. line: NUL-terminated, changed in place, must outlive the request. */
void request_begin(struct request *, char *line);
/*
 * Reads the arguments as the command's row wants them. NULL, or what is wrong with them, fit to
 * stand behind "-ERR ". A number of 0, one beyond 64 bits, a sign or trailing junk is wrong.
 */
const char *request_arguments(struct request *, enum request_arguments);
