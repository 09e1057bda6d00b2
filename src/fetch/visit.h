/*
 * A short look at a server, for the commands that only show something: one account after the other, nothing is
 * changed.
 */
#pragma once

#include "fetch/lists.h"
#include "fetch/state.h"

struct visit {
	const struct fetch_context *context;
	struct report *report;
	struct credentials credentials;
	struct link link;
	struct lists lists;
	struct state *state; /* as it was last written; read only */
	int status;
};

/*
 * Logged in, and both lists are there. -1: it was not, or could not be; why was said, visit.status says it too.
 */
int visit_begin(struct visit *, const struct fetch_context *, struct report *, const struct account *);
/* Says what went wrong. */
void visit_failure(struct visit *, enum restante_result, const char *text);
/* QUIT, which deletes nothing. In any case. */
void visit_end(struct visit *);
