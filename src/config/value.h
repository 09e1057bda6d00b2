/* Inside src/config: one value between its text and its field, and the collected problems. */
#pragma once

#include <stdarg.h>

#include "config/config.h"

#define PROBLEMS_MAX 32

struct problem {
	int line;		/* 0: about the file as a whole */
	char text[320];
};

struct problems {
	size_t count;
	struct problem list[PROBLEMS_MAX];
};

void problem_add(struct problems *, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Puts text into the field of *base that key describes. False, and one problem more, if it does
 * not fit; the field is then unchanged.
 */
bool value_parse(void *base, const struct config_key *, const char *text, int line,
    struct problems *);
/*
 * The path with the home directory for a ~ at its beginning ("~", "~/Maildir"). False: there is no home
 * directory, or the path becomes too long.
 */
bool home_expand(char *path, size_t size, const char *text);
uint64_t value_number(const void *base, const struct config_key *);

/* The text of the file, comments blanked; the caller frees it. NULL: *problem says why. */
char *source_read(const char *path, char *problem, size_t size);

/* The name among keys[] that somebody who wrote text may have meant; NULL: none is near. */
const char *suggest_key(const char *text, const struct config_key keys[]);
/* The row, or NULL. */
const struct config_key *key_find(const struct config_key keys[], const char *name);

/*
 * What each value alone cannot show: addresses, patterns, what contradicts what. listener_lines
 * and certificate_lines: where the sections of *config end in the file. Completes the listeners
 * (ports and TLS modes that were not given, or the default listeners).
 */
struct section_lines {
	int listeners[CONFIG_LISTENERS_MAX], certificates[CONFIG_CERTIFICATES_MAX];
	bool address_given[CONFIG_LISTENERS_MAX], port_given[CONFIG_LISTENERS_MAX];
	bool tls_given[CONFIG_LISTENERS_MAX], mode_given[CONFIG_LISTENERS_MAX];
};

void config_check(struct config *, const struct section_lines *, struct problems *);
/* Where the file sets that key; 0: it does not. */
int line_of(const struct config *, const char *name);
/* Is every part between two slashes of an absolute path a name? One slash may end it. */
bool path_is_sound(const char *path);
/* What mail_place alone can show. */
void check_place(const struct config *, struct problems *);
/* What belongs to LMTP alone: its networks, its delimiter; and what may not be meant. */
void check_lmtp(const struct config *, struct problems *);
void lmtp_doubts(const struct config *, struct problems *);
/* A listener on a Unix socket. */
void check_socket(const struct config *, uint32_t index, const struct section_lines *, struct problems *);
/* "FILE:LINE: text" for each, in the order of the lines, separated by newlines. */
void problems_write(struct problems *, const char *path, char *text, size_t size);
