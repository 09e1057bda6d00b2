/*
 * Inside src/config: a file in the syntax of libconfuse, read by rows. All values are strings to
 * libconfuse and are understood by value_parse(), so that every problem reads alike. libconfuse ends at
 * the first key it does not know: the key is then noted, declared, and the file read again, so that all
 * problems of a file are found at once.
 */
#pragma once

#include "config/value.h"

struct reader;

struct reader_section {
	const char *name;
	const struct config_key *keys;
	void *base;		/* the struct that its rows are about: made new before each section */
	size_t size;
	bool has_defaults;	/* made new with the defaults of its rows, not only with zeros */
	size_t title_size;
	uint32_t count_max;
	/* One has been read. lines: by row, where it was set; 0: it was not. line: where it ends. */
	void (*seen)(const char *title, int line, const uint32_t lines[]);
};

struct reader {
	const char *manual;		/* that lists the keys: "restanted.conf(5)" */
	const struct config_key *keys;	/* outside of sections */
	void *base;
	uint32_t *lines;		/* by row of keys */
	struct reader_section sections[3];	/* ended by a NULL name */
	/* Begins a pass: everything as it is before the first line of the file. */
	void (*begin)(void);
};

/*
 * True if the text came to its end, with or without problems. They are added. One reading at a time:
 * libconfuse keeps its lexer in global variables, and so does this.
 */
bool reader_run(const struct reader *, const char *text, struct problems *);
