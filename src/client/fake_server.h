/*
 * A talk with a client, as text, a line each:
 *
 *	<text	the server says it, with CRLF; lines that follow each other come together
 *	<|text	the same without; "\r", "\n", "\t", "\0" and "\xHH" are octets
 *	<$	the server closes the connection
 *	>text	the client says it; lines that follow each other are all that it says until the next "<";
 *		"AUTH X *" is a line that begins so
 *	!text	the caller asks: "stat", "list", "list 2", "retr 1", "top 1 0", "quit",
 *		"line XTND", "lines XTND", ...
 *	=text	the next event: "READY", "REPLY 1 0 120 text", "ITEM 1 2 120 text", "DATA 1 text",
 *		"DONE 1 OK 2 320 text", "END CLOSED text": the command, its result, number, octets,
 *		code in brackets, text
 *	@text	what the server can do: capabilities in hex, EXPIRE, LOGIN-DELAY, mechanisms, implementation, as
 *		"6 3 9 [PLAIN] [name]"; and how it is logged in
 *
 * It is held with the server's octets as they come together, and one at a time; the events must be the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/engine.h"

struct talk_option {
	enum restante_option option;
	const char *value;
};

#define TALK_OPTIONS_MAX 8

struct talk {
	const char *name;
	const char *text;
	struct talk_option options[TALK_OPTIONS_MAX];	/* besides security "clear" */
};

/* With the octets of the server all at once, in sevens and one at a time. How many differ; says what. */
size_t talks_hold(const struct talk *all, size_t count);
/* What differs, in words; "": nothing. borne_with: quirks of the server's. */
const char *talk_hold(const struct talk *, unsigned borne_with, size_t piece, unsigned *quirks_met);
