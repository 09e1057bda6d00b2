/*
 * What sets a stored message apart from its wire form: an LF without its CR, and a dot at the start
 * of a line. Both are found a block of octets at a time, by the widest instructions that the
 * machine has; there is one way to do it per instruction set, and all of them do the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_counts {
	uint64_t bare_count;	/* LFs that no CR stands before */
	uint64_t dot_count;	/* dots at the start of a line */
};

struct lines {
	const char *name;
	/* Can this machine do it? */
	bool (*usable)(void);
	/* Adds up what is in text[0 .. size). before: the octet before it, LF where a message begins. */
	void (*count)(struct line_counts *, const char *text, size_t size, char before);
	/*
	 * Copies text to output, with a CR before each bare LF and a second dot before a dot at the
	 * start of a line, as far as there is room; what lies behind it in output is overwritten.
	 * Returns how much of text was done, and adds what was put in to the counts: they are what
	 * output has grown by. At least one octet is done where there is room for two.
	 */
	size_t (*convert)(struct line_counts *, char *output, size_t output_size, const char *text,
	    size_t size, char before);
};

extern const struct lines lines_memchr;	/* works everywhere */
#if defined(__x86_64__)
extern const struct lines lines_avx2, lines_sse2;
#elif defined(__aarch64__)
extern const struct lines lines_neon;
#endif

/* All that this program has, ended by NULL, the fastest first; the last is usable. */
extern const struct lines *const lines_table[];
/* The first that is usable here. */
const struct lines *lines_best(void);
