/*
 * An error is a kind, which decides what the peer is told, and a text for the log.
 *
 * Functions return 0 or -1 (or a ssize_t) and leave their outputs untouched when they fail.
 */
#pragma once

enum error_kind {
	ERROR_NONE,
	ERROR_TEMPORARY,	/* may work later: disk full, process away */
	ERROR_PERMANENT,	/* will not work until somebody repairs it */
	ERROR_BUSY,		/* the maildrop is open elsewhere */
	ERROR_DENIED,		/* wrong name or password */
	ERROR_GONE,		/* no longer there */
	ERROR_PROTOCOL,		/* the peer does not speak as agreed */
	ERROR_FULL,		/* the maildrop has reached its quota */
	ERROR_KIND_COUNT
};

struct error {
	enum error_kind kind;
	char text[256];
};

/* Both fill *error and return -1, so that a function may end with them. */
int error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends ": " and the text of errno. */
int error_errno(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The kind as one word for a log line: "temporary", "busy", ... */
const char *error_kind_name(enum error_kind kind);
