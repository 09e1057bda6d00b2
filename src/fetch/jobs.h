/*
 * Several accounts at once, a thread for each that is at work: once, or again and again until somebody stops
 * the program. Accounts do not wait for each other: each has turns and a back-off of its own.
 */
#pragma once

#include "fetch/command.h"
#include "fetch/report.h"
#include "fetch/wanted.h"

struct jobs_settings {
	const struct fetch_context *context;
	struct report *report;
	/* For SIGHUP with --watch: what was named on the command line. */
	char *const *words;
	int word_count;
	bool is_dry;
};

/* So many at a time. */
unsigned jobs_parallel(const struct fetch_context *, const struct wanted *);
/* Blocks. wanted is replaced by what a reload finds. Returns the exit status. */
int jobs_run(const struct jobs_settings *, struct wanted *);
