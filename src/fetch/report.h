/*
 * What happens, told to people or to programs. Accounts are collected from by several threads: each function
 * here may be called by any of them.
 *
 * People get notes and problems on standard error, one line of sums for each account with something to say on
 * standard output, and on a terminal a progress line for each account at work. Programs (--json) get one object
 * on a line of standard output for each event: "event", "account", the fields, "text" with what people would
 * have read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "fetch/command.h"
#include "fetch/progress.h"

struct report;

enum report_type {
	REPORT_LOGIN,   /* logged in: how, and how protected */
	REPORT_LISTED,  /* what the server has, what of it is new */
	REPORT_FETCHED, /* a message is in the target */
	REPORT_SKIPPED, /* a message is left on the server on purpose */
	REPORT_DELETED, /* the server has confirmed it */
	REPORT_NOTE,    /* something that its reader may want to know */
	REPORT_PROBLEM, /* something that was not done */
	REPORT_WATCH,   /* when the next turn is */
	REPORT_MESSAGE, /* check and list: a message on the server */
	REPORT_ANSWER,  /* capabilities: what was asked for */
	REPORT_DONE,    /* the sums of an account */
	REPORT_IDLE,    /* the same where there is nothing to say */
	REPORT_TYPE_COUNT
};

/* As the fields of a log line: a text, or a number where the text is NULL. */
struct report_field {
	const char *key;
	const char *text;
	uint64_t number;
};

#define REPORT_FIELDS(...) ((const struct report_field[]){ __VA_ARGS__ __VA_OPT__(, ){ .key = NULL } })
#define FIELD_TEXT(field_key, value)                                                                           \
	{                                                                                                      \
		.key = (field_key), .text = (value)                                                            \
	}
#define FIELD_NUMBER(field_key, value)                                                                         \
	{                                                                                                      \
		.key = (field_key), .number = (uint64_t)(value)                                                \
	}

/* account_count: so many at a time at most have a progress line. Says itself what is wrong: -1. */
int report_open(struct report **, const struct fetch_context *, unsigned account_count, struct error *);
void report_close(struct report *);
/* account may be NULL: it is about none. The text is cut at 1,000 octets. */
void report_event(struct report *, enum report_type, const char *account, const struct report_field fields[],
    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* A line of the conversation with a server, '>' or '<'; secrets are masked by then. */
void report_trace(struct report *, const char *account, char direction, const char *line, size_t size);
bool report_wants_trace(const struct report *);
/* slot: which of the accounts at work. account: lent until it is NULL again. */
void report_progress(struct report *, unsigned slot, const char *account, const struct progress_numbers *);
/* Standard output failed at some time. */
bool report_has_failed(const struct report *);
