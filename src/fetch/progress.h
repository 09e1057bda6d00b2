/*
 * A line for each account at work, redrawn in place on a terminal. What is drawn is kept at the bottom: before
 * anything else is printed progress_hide() takes it away, progress_show() brings it back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/writer.h"

struct progress;

struct progress_numbers {
	uint64_t message_count, message_done_count; /* that are to be fetched */
	uint64_t octets, octets_done;               /* as the server says */
	uint64_t begin_milliseconds;                /* when the first octet came */
};

/*
 * One line without its end, at most so many columns: "work  12 of 300  1.2 MB of 4.5 MB  350.0 kB/s  0:12
 * left".
 */
void progress_line(struct writer *, const char *account, const struct progress_numbers *,
    uint64_t now_milliseconds, unsigned columns);

/* NULL: no memory. slot_count accounts at most are shown at a time. */
struct progress *progress_new(FILE *terminal, unsigned columns, bool has_colour, unsigned slot_count);
void progress_free(struct progress *);
/* account: lent; NULL: its line goes away. */
void progress_set(struct progress *, unsigned slot, const char *account, const struct progress_numbers *);
void progress_hide(struct progress *);
void progress_show(struct progress *, uint64_t now_milliseconds);
/* The same, where the last time was long enough ago to be worth it. */
void progress_refresh(struct progress *, uint64_t now_milliseconds);
