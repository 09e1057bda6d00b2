/*
 * Text on its way out: collected in a buffer of the caller's, handed on when the buffer is full or
 * at writer_flush(). After a failed hand-over every further call does nothing and returns false,
 * so that a long answer needs to look once, at its end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct writer {
	char *buffer;		/* the caller's */
	size_t size, used;
	bool failed;
	bool more;		/* while sink runs: there is more to come at once */
	/* Takes all octets, or returns -1. May block as its owner allows. NULL: the buffer is all. */
	int (*sink)(void *context, const char *data, size_t size);
	void *context;
};

void writer_init(struct writer *, char *buffer, size_t size,
    int (*sink)(void *context, const char *data, size_t size), void *context);
bool writer_put(struct writer *, const char *data, size_t size);
bool writer_text(struct writer *, const char *text);
bool writer_printf(struct writer *, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool writer_flush(struct writer *);
/* The same in the middle of something: the sink may wait for what comes to send it along. */
bool writer_pass(struct writer *);
