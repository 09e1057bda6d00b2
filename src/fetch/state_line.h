/*
 * A line of the journal, in memory and as it is written:
 *
 *	6f1c9d02a7e4b358 1730 s 1700000000 uidl
 *	|--------------|             XXH3 of what follows, hexadecimal
 *	                 |--|        where in the file the write began that brought this line
 *	                      |      what happened; the row of its fields is in state_line.c
 *
 * By the second field it can be told whether a line that is damaged belongs to a write that a crash
 * tore: no line behind it began later than it stands. The UIDL is the last field, as it came.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "fetch/state.h"

#define STATE_DIGEST_SIZE 16

enum state_verb {
	STATE_BEGIN,		/* the first line: format and account */
	STATE_INTEND,
	STATE_STORED,		/* what was intended */
	STATE_RECORD,		/* all that is known of a message that is stored or skipped */
	STATE_NOT_STORED,
	STATE_DELETED,
	STATE_MOVED,
	STATE_ABSENT,
	STATE_PRESENT,
	STATE_FORGET,
	STATE_FORGET_ALL,
	STATE_VALUE,
	STATE_END,		/* of what a compaction wrote: all before it was synced */
	STATE_VERB_COUNT
};

/* What is lent from the line is not NUL-terminated. */
struct state_text {
	const char *octets;
	size_t size;
};

struct state_line {
	enum state_verb verb;
	uint64_t start;
	int64_t time, absent_time;
	uint64_t octets;
	uint8_t message_id_digest[STATE_DIGEST_SIZE], header_digest[STATE_DIGEST_SIZE];
	bool is_skipped, is_deleted;
	struct state_text word;		/* a mark, a key, the old UIDL of one that moved */
	struct state_text text;		/* the UIDL, a value, the account */
};

/* What a line takes at most, its end included. */
#define STATE_LINE_SIZE (2 * UIDL_OCTETS_MAX + MARK_OCTETS_MAX + 256)

enum state_line_result {
	STATE_LINE_GOOD,
	STATE_LINE_DAMAGED,
	STATE_LINE_UNKNOWN,	/* the checksum is right: written by another version */
};

/* line: without its LF. What is set lends from it. */
enum state_line_result state_line_parse(struct state_line *, const char *line, size_t size);
/* Returns the size, with the LF. */
size_t state_line_write(const struct state_line *, char line[STATE_LINE_SIZE]);
/* 1 to UIDL_OCTETS_MAX octets without controls; a value may be empty. */
bool state_text_valid(const char *text, size_t size_min, size_t size_max);
/* 1 to size_max octets of printable ASCII without a space. */
bool state_word_valid(const char *word, size_t size, size_t size_max);
