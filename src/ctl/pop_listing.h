/*
 * What a POP3 server says of a maildrop: the UIDL and the size of each message, read from replies
 * that may come from anybody. Lines, counts and memory are bounded.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define POP_LINE_SIZE    1024		/* RFC 1939 allows 512 */
#define POP_UIDL_SIZE    256		/* and 70: some servers give longer ones */
#define POP_MESSAGES_MAX 4000000
#define POP_TEXTS_MAX    ((size_t)256 * 1024 * 1024)

struct pop_message {
	uint32_t number;
	uint32_t uidl;	/* offset in texts */
	uint64_t size;
};

struct pop_listing {
	struct pop_message *messages;	/* by number */
	size_t count, capacity;
	char *texts;
	size_t texts_size, texts_capacity;
};

/* -1: no memory, or more than is allowed. */
int pop_listing_add(struct pop_listing *, uint32_t number, const char *uidl, size_t uidl_size,
    uint64_t size, struct error *);
void pop_listing_free(struct pop_listing *);

static inline const char *
pop_uidl(const struct pop_listing *listing, size_t index)
{
	return listing->texts + listing->messages[index].uidl;
}

struct pop_reader {
	/* Like read(2), but for its errors; 0: the server has closed the connection. */
	ssize_t (*fill)(void *context, char *buffer, size_t size, struct error *);
	void *context;
	size_t begin, end;
	char buffer[8192];
};

/* One line without its end; a NUL in it, or one that is too long, is ERROR_PROTOCOL. */
int pop_read_line(struct pop_reader *, char line[POP_LINE_SIZE], struct error *);
/* ERROR_DENIED: the server said -ERR, and what. what: the command, for the error's text. */
int pop_read_status(struct pop_reader *, const char *what, struct error *);
/* The replies to UIDL and LIST behind their first line. LIST comes second and completes what UIDL began. */
int pop_read_uidls(struct pop_reader *, struct pop_listing *, struct error *);
int pop_read_sizes(struct pop_reader *, struct pop_listing *, struct error *);
