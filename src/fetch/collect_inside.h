/* Inside collect*.c: what a run knows. */
#pragma once

#include "fetch/collect.h"
#include "fetch/lists.h"
#include "fetch/policy.h"
#include "fetch/settle.h"
#include "fetch/state.h"
#include "fetch/target.h"

/* Indexes of messages of the survey: what is still to be done with them, in order. */
struct queue {
	size_t *indexes; /* room for all messages */
	size_t count, next;
};

/*
 * A proof is a LIST of the message before it, behind each TOP and behind some RETR, the last among them. Had the
 * server said a reply too many or too few, its answer would be about another message or about none, at which the
 * library ends the connection. So what has its proof is what was asked for, whatever sizes say: the filter is not
 * asked before, and nothing is stored.
 */
enum asked_kind { ASKED_HEADER, ASKED_HEADER_PROOF, ASKED_MESSAGE, ASKED_PROOF, ASKED_DELETION, ASKED_QUIT };

struct asked {
	unsigned long command;
	enum asked_kind kind;
	size_t index;
	size_t position; /* of a message: in its queue */
	uint64_t octets; /* of a message, as LIST says */
};

/*
 * A message that is not as big as LIST says. Either LIST is not exact, as with many a server, or the server and
 * we do not mean the same message any more (a reply too many, a final dot too few). So nothing more is asked,
 * what is still on its way is thrown away, and then the message is asked for alone. If it comes the same once
 * more, LIST is not exact: the state remembers that, and sizes are not looked at again.
 */
enum doubt { DOUBT_NONE, DOUBT_WAITS, DOUBT_ASKS };

struct collect {
	struct collect_settings settings;
	struct collect_sums sums;
	struct policy policy;
	struct state *state;
	struct target *target;        /* NULL: a dry run */
	int status;                   /* of what went wrong so far */
	bool is_ending;               /* nothing new is begun */
	bool is_target_over;          /* it takes no more: what still comes is thrown away */
	unsigned put_off_count;       /* messages, since the last that it took */
	bool may_delete;              /* the state can be trusted */
	bool is_by_header;            /* a server without UIDL */
	uint64_t progress_count;	/* messages that this connection has done with for good */
	uint64_t begin_milliseconds;  /* of the first message */
	uint64_t octets, octets_done; /* for people */
	size_t message_count, message_done_count;
	uint64_t login_delay_seconds;

	bool is_inexact; /* what LIST says of sizes */
	bool is_careful; /* each message is proven by itself: an earlier connection ended before a proof */

	/* One connection: */
	enum doubt doubt;
	size_t doubt_position; /* in the queue of messages */
	uint64_t doubt_octets; /* as the message came first */
	struct lists lists;
	struct queue headers, messages, removals;
	struct asked asked[LINK_WINDOW];
	size_t asked_first, asked_count, reading_count;
	uint64_t reading_octets;
	struct parcel *parcel; /* the message that comes in just now */
	uint64_t parcel_octets;
	bool is_refused; /* the target cannot take it: the rest is thrown away */
	struct parcel *batch[TARGET_BATCH_MAX];
	size_t batch_indexes[TARGET_BATCH_MAX], batch_count;
	size_t proven_count; /* of the batch */
	uint64_t batch_octets;
	size_t unproven_count, unproven_index; /* RETR behind which no proof was asked for, and the last of them */
	uint64_t unproven_octets;
	size_t retrieved_count; /* RETR asked for */
	const struct survey_message *refused; /* RETR was, last of all */
	bool is_dropped; /* of the batch: what was not proven */
	char *header; /* the header that comes in just now */
	size_t header_size;
	bool has_header; /* it is whole, and waits for its proof */
	size_t *confirmed; /* DELE was answered */
	size_t confirmed_count;
	bool is_quit_asked, is_quit; /* asked for, answered */
};

/* collect.c: one more thing that went wrong. */
void collect_problem(struct collect *, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void collect_failure(struct collect *, enum restante_result, const char *text);
void collect_progress(struct collect *);

/*
 * collect_plan.c: finds out which messages are known, and what is to become of each. RESTANTE_OK, and what is
 * to be done is in the queues (nothing, where is_ending is set); else why the connection ended.
 */
enum restante_result collect_plan(struct collect *);

/* collect_messages.c: does it, up to QUIT. RESTANTE_OK: QUIT was answered; else why the connection ended. */
enum restante_result collect_messages(struct collect *);
/* collect_verdict.c: the header of a message is there; what does the filter say? */
void collect_verdict(struct collect *, size_t index);
/* collect_settle.c: what has come whole is stored, and its removal is queued. */
void collect_settle(struct collect *);
/* This one is not. alone: others may be. Else the target is not tried any more. */
void collect_not_stored(struct collect *, size_t index, bool alone, const struct error *);
/* collect_doubt.c: may this message, which has just come whole, be stored? */
bool collect_trusts(struct collect *, const struct asked *);
/* Has all come that was under way when the doubt began? Then the message is the next to be asked for. */
void collect_doubt_go_on(struct collect *);
/* The final word of QUIT: what was asked for is deleted. */
void collect_deleted(struct collect *);

void queue_put(struct queue *, size_t index);
bool queue_is_empty(const struct queue *);
