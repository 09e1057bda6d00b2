/*
 * For tests only: everything around a real restante-lmtp. The test plays the parent, auth, the maildrop processes
 * and the clients, all in one thread: whoever waits for something serves the others meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/config.h"
#include "ipc/channel.h"
#include "tls/fake_client.h"

#define PATIENCE_MILLISECONDS 60000	/* a test that hangs so long has failed */
#define DELIVERIES_KEPT       256
#define FIRST_DOOR            7		/* the numbers of the maildrop processes: 7 and 8 */

enum fake_port { PORT_PLAIN, PORT_STLS, PORT_TLS, PORT_UNIX, PORT_COUNT };

/* What a maildrop process was sent. */
struct fake_delivery {
	struct ipc_deliver message;
	char head[TRACE_SIZE + 1];
	char text[256];		/* the beginning of it */
	uint64_t octets, sum;	/* of the whole */
	bool writable;		/* the descriptor could be written to */
	bool copied;		/* there was none: it came with what is said of it */
	uint32_t maildrop;	/* who got it */
	bool answered;
};

struct fake_ring {
	pid_t pid;
	int log;		/* a file with all that it logged */
	char directory[64], spool[80];
	int listeners[PORT_COUNT];
	uint16_t ports[PORT_COUNT];
	struct ipc_channel parent, auth, doors[2];
	struct config config;
	size_t file_size_max;	/* of the program, as RLIMIT_FSIZE; 0: any */
	const char *patience;	/* in place of its own, in milliseconds */

	struct ipc_recipient recipient;	/* what auth was asked last, */
	unsigned asked_count;		/* and how often */
	bool silent_auth;		/* does not answer */
	struct fake_delivery deliveries[DELIVERIES_KEPT];
	unsigned delivery_count;	/* also those that were not kept */
	bool hold;			/* deliveries are not answered by themselves */
	unsigned denials;		/* so many deliveries are answered with denial */
	enum error_kind denial;
	bool dies_at_delivery;		/* a maildrop process that gets one ends, and another takes its place */

	int ready, channels_lost, doors_lost;
	struct ipc_row rows[8];
	int row_count;
	bool report_ended;
	int exit_status;	/* after ring_wait() */
};

extern const char *fake_lmtp_program;

/* The defaults, and what suits tests. */
void ring_config(struct config *);
/* Fields of *ring that are set beforehand stay. */
void ring_start(struct fake_ring *, const struct config *);
/* Tells it to stop and fails unless it ends well; nothing is left in the spool directory. */
void ring_stop(struct fake_ring *, unsigned grace_seconds);
void ring_wait(struct fake_ring *);
bool ring_serve(struct fake_ring *, int milliseconds);
bool ring_serve_with(struct fake_ring *, int milliseconds, int also, short events);
/* Fails with what the program logged, because that mostly says why. */
void ring_give_up(struct fake_ring *, const char *what);
void ring_tell(struct fake_ring *, enum ipc_type, const void *body, int descriptor);
void ring_send_settings(struct fake_ring *, const struct config *);
/* Returns when the program has heard all that it was sent before. */
void ring_sync(struct fake_ring *);
void ring_new_auth(struct fake_ring *);
void ring_new_door(struct fake_ring *, uint32_t number);
void ring_door_closes(struct fake_ring *, uint32_t number);
/* Answers delivery index. */
void ring_answer(struct fake_ring *, unsigned index, enum error_kind);
void ring_await_deliveries(struct fake_ring *, unsigned count);
/* Waits for it: lines are written when there is nothing else to do, and that may be behind the replies. */
bool ring_logged(struct fake_ring *, const char *text);
/* How many descriptors the program has open. */
unsigned ring_descriptors(struct fake_ring *);
/* Waits until it has so many, fails if that does not come. */
void ring_await_descriptors(struct fake_ring *, unsigned count);
/* Kilobytes of memory that it has in use. */
unsigned long ring_memory(struct fake_ring *);

struct fake_user {
	struct fake_ring *ring;
	int socket;
	struct fake_client *tls;
};

struct fake_user *user_connect(struct fake_ring *, enum fake_port);
void user_starts_tls(struct fake_user *);
void user_says(struct fake_user *, const char *text);
void user_sends(struct fake_user *, const char *octets, size_t size);
/* Fails the test unless exactly this comes. */
void user_expects(struct fake_user *, const char *text);
/* Reads a reply to its last line, and fails unless it begins so. */
void user_expects_reply(struct fake_user *, const char *beginning);
/* Fails unless the stream ends here. */
void user_expects_end(struct fake_user *);
void user_leaves(struct fake_user *);
