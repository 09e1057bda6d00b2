/*
 * The messages on the server, from its lists: LIST says how big each is, UIDL who it is. A server is believed
 * only where both make sense; what does not is counted, for the report.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct survey_message {
	uint64_t number;
	uint64_t octets; /* 0: unknown, unless is_sized */
	bool is_sized;   /* LIST has it */
	char *uidl;      /* NULL: unknown, so it is left alone */
};

struct survey {
	struct survey_message *messages; /* by their numbers */
	size_t count;
	size_t nameless_count;       /* LIST has them, UIDL does not */
	size_t sizeless_count;       /* UIDL has them, LIST does not */
	size_t twice_count;          /* numbers that UIDL gave to two different messages: left alone */
	size_t same_count;           /* messages with the UIDL of one before them */
	/* the rest is survey.c's: */
	size_t room, line_count, disorder_count, uidl_octets;
	uint64_t last_number;
	size_t next; /* of messages: where the next line belongs if its list has what the other has */
};

void survey_begin(struct survey *);
/*
 * A line of either list, in any order, though a server has little reason for another than by numbers.
 * ERROR_TEMPORARY: no memory; ERROR_PROTOCOL: no maildrop has such lists.
 */
int survey_size(struct survey *, uint64_t number, uint64_t octets, struct error *);
int survey_uidl(struct survey *, uint64_t number, const char *uidl, struct error *);
/*
 * Both lists are there; once more where messages have got their names since. A UIDL that several messages have
 * names the first; the second becomes "UIDL (2)", and so on: RFC 1939, section 7, allows equal messages to have
 * equal UIDLs, and what is not equal must not be lost.
 */
int survey_end(struct survey *, struct error *);
/*
 * After that: do the lists fit? One of them may be short. But where a message has two UIDLs, or each list has
 * messages that the other does not have, nobody knows which UIDL is whose.
 */
bool survey_fits(const struct survey *);
void survey_free(struct survey *);
