/*
 * The log: one line an event, the event first, then key=value, every value escaped.
 *
 *	LOG(LOG_LEVEL_INFO, "login", LOG_SESSION(id), LOG_TEXT("user", name), LOG_NUMBER("port", 110));
 *
 * writes, in one write(2) so that lines of several processes do not mix,
 *
 *	restante-login[812]: login session=5f21c0000000001 user=anna port=110
 *
 * A value that holds anything but printable ASCII without space, '"', '=' and '\' is written in
 * double quotes with \xNN escapes. Never hand a password or mail content to these functions.
 * Lines longer than LOG_LINE_SIZE are cut. Safe to call from any thread (but see log_gather()); keeps errno.
 */
#pragma once

#include <stdint.h>

#define LOG_LINE_SIZE 1024

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_form {
	LOG_FORM_PLAIN,		/* "restanted[1]: event ..." and a newline */
	LOG_FORM_JOURNAL,	/* the same with "<6>" before it: stderr belongs to the journal */
	LOG_FORM_SYSLOG,	/* "<22>restanted[1]: event ...", one datagram, no newline */
};

struct log_field {
	const char *key;
	const char *text;	/* NULL: the number is meant */
	uint64_t number;
};

#define LOG_TEXT(field_key, value)   { .key = (field_key), .text = (value) }
#define LOG_NUMBER(field_key, value) { .key = (field_key), .number = (uint64_t)(value) }
/* Session ids are written in hexadecimal by the key "session" alone. */
#define LOG_SESSION(value)           { .key = "session", .number = (value) }
#define LOG_REASON(error)            { .key = "reason", .text = (error)->text }

#define LOG(level, event, ...)                                                                   \
	log_write(level, event, (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(,) { .key = NULL } })

/* program: lent for ever. Until called: PLAIN to descriptor 2, level INFO, the name "restante". */
void log_open(const char *program, int descriptor, enum log_form form, enum log_level level);
void log_level_set(enum log_level level);
/* Replaces the descriptor (the old one is closed unless it is 2). */
void log_descriptor_set(int descriptor, enum log_form form);
/*
 * From now on lines wait until log_flush(), so that a process with one thread writes those of several events
 * at once, and behind its answers. A warning or an error leaves at once, with those before it; so does
 * everything at the end of the program.
 */
void log_gather(void);
void log_flush(void);
void log_write(enum log_level level, const char *event, const struct log_field fields[]);
/* What log_write() would write, without newline or priority; for tests. Returns the length. */
int log_format(char *line, int size, const char *event, const struct log_field fields[]);
