/*
 * What the files of the LMTP load generator share: the options, and a connection with what is said
 * on it and what must be answered.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_RECIPIENTS_MAX 100
#define LOAD_COMMAND_SIZE   400	/* octets of one command at most */

struct options {
	const char *socket_path;	/* NULL: TCP */
	const char *address;
	unsigned port;
	const char *recipient_pattern;	/* "user%d": %d stands for the number */
	unsigned first_user, last_user;
	unsigned concurrency;
	unsigned recipients;		/* of each message */
	size_t size;			/* octets of a message, its lines ended by CRLF */
	uint64_t count;			/* messages; 0: as many as fit into seconds */
	double seconds;
	unsigned timeout_seconds;	/* a message that takes longer is an error */
	bool lock_step;			/* the next message begins behind the answer to the one before */
	bool one_by_one;		/* no PIPELINING, whatever the server announces */
};

/* All but its first lines is the same for every message. */
struct content {
	char *rest;			/* with dots doubled and the final dot */
	size_t rest_size;
	uint64_t stored_size;		/* octets of a message when its lines end in LF */
};

/* The same for all connections. */
struct load {
	const struct options *options;
	struct content content;
	uint64_t begun, begun_max;	/* messages */
	uint64_t begin_ns, end_ns, last_ns;
	uint64_t messages;		/* whose every recipient was answered */
	uint64_t deliveries;		/* acknowledged, one for each recipient */
	uint64_t failures;		/* recipients of whom something else was said */
	uint64_t errors;		/* connections that were given up */
	/* Of messages: to the last answer, from MAIL or from the last answer to the message before. */
	uint32_t *latencies_us;
	size_t latencies_max;
	unsigned user_next;
};

enum step {
	STEP_GREETING,
	STEP_LHLO,
	STEP_IDLE,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_CONTENT,
	STEP_QUIT,
	STEP_END,
};

/* What is said about one message. */
struct errand {
	uint64_t number;		/* from 1; 0: there is none */
	unsigned first_user;		/* index */
	unsigned asked;			/* recipients */
};

struct talk {
	struct load *load;
	enum step step;
	bool pipelining;
	struct errand errand, next;	/* next: whose commands stand behind this message's content */
	unsigned answered;		/* recipients in this step */
	unsigned accepted;
	uint64_t begun_ns;
	char line[1024];		/* of a reply */
	size_t line_size;
	char out[(LOAD_RECIPIENTS_MAX + 2) * LOAD_COMMAND_SIZE];
	size_t out_size;
	bool has_content;		/* the content's rest stands in out */
	size_t content_at;		/* before this octet */
	size_t sent;			/* of out with the content in it */
	char problem[256];
};

enum talk_result { TALK_MORE, TALK_READY, TALK_DONE, TALK_ENDED, TALK_WRONG };

uint64_t now_ns(void);
/* Returns -1 when there is no memory. */
int content_make(struct content *, size_t size);
void talk_begin(struct talk *, struct load *);
/* The next message, or QUIT when there is to be none. */
void talk_next(struct talk *);
/* How many octets there are to be sent, with those that were. */
size_t talk_out_size(const struct talk *);
/*
 * One or more replies. TALK_READY: after LHLO; TALK_DONE: a message was answered, talk_next() is due;
 * TALK_ENDED: after QUIT; TALK_WRONG: problem says what was not as RFC 2033 has it.
 */
enum talk_result talk_feed(struct talk *, const char *data, size_t size, size_t *used);
const char *talk_step_name(const struct talk *);
