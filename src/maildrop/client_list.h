/* The inside of a client, for client.c, client_output.c and client_list.c alone. */
#pragma once

#include <pthread.h>

#include "maildrop/client.h"

struct client {
	struct source source;		/* first: the two share their address */
	struct clients *clients;
	struct client *next, *previous;
	struct rules *rules;
	struct session session;
	struct writer writer;
	uint32_t slot;			/* of the login process that may hand it over */
	struct arrival *arrival;	/* handed over, but not begun yet */
	struct pair *pair;		/* the descriptor is login's, who pumps; NULL: it is not */
	bool direct;			/* the descriptor is the client's own socket */
	bool corked;			/* only full packets leave it */
	bool unheard;			/* something was said behind QUIT */
	bool parting;			/* guarded by the list: the pair outlives the session */
	bool parted;			/* PAIR_LAST was said */
	bool lingering;			/* the session is over, its last words are on their way */
	atomic_int interruption;	/* enum session_end, from another thread */
	bool waiting;			/* guarded by the list: parked, nothing runs */
	uint64_t deadline_milliseconds;	/* guarded by the list: while waiting */
	uint64_t began_milliseconds;
	atomic_uint_fast64_t heard_milliseconds;	/* when the client last said or took something */
	uint64_t place_hash;		/* guarded by the list: whose maildrop; 0 until it is open */
	bool watched;			/* guarded by the list: keepalive is on */
	char *place;			/* NULL once it was tried to be opened */
	char *sasl;			/* as announced */
	char *line;			/* the start of a line that is not complete */
	size_t line_size;
	char *peer;			/* behind user, in the same block */
	char user[];
};

struct clients {
	struct pool *pool;
	pthread_mutex_t lock;
	struct client *first;
	struct client *expected;	/* by auth; not yet here. They are few */
	struct arrival *arrivals;	/* here, but not yet expected: fewer */
	size_t count;			/* of those that are here */
	size_t holds;			/* what else must be finished */
	bool leaving;
	enum session_end leaving_end;	/* SESSION_LIVES: those that are here may stay to their end */
};

/*
 * From now on it is expected; or, where *arrived, its arrival was waiting, and it is among those that are
 * here, to be begun. False: the process is leaving, and it is still the caller's.
 */
bool clients_expect(struct clients *, struct client *, bool *arrived);
/* The client that is expected there is put among those that are here. NULL: none, and see keep above. */
struct client *clients_admit(struct clients *, struct arrival *, bool keep);
void client_free(struct client *);
/* Takes it out; exits the process if it was the last and the process is leaving. */
void clients_remove(struct clients *, struct client *);
enum takeover {
	TAKEOVER_REFUSED,
	TAKEOVER_DONE,		/* it was told to end */
	TAKEOVER_NEEDLESS,	/* its client has hung up: mostly it ends by itself */
};

/*
 * Ends the other client that has the place open, if the rules allow it. Unless it is refused,
 * whoever asks then waits until the lock is free. patient: one that has hung up is left alone.
 * *holder is the other's session, 0 if it is none of this process's.
 */
enum takeover clients_take_over(struct clients *, const struct client *, uint64_t place_hash,
    bool patient, uint64_t *holder);
/* From now on the client is the one that has the place open. */
void clients_opened(struct clients *, struct client *, uint64_t place_hash);
/* Parks it: from now on it may be interrupted by the clock. */
void clients_wait(struct clients *, struct client *, uint64_t milliseconds);
/* From now on its pair is left alone, whoever interrupts it. False: somebody has. */
bool clients_part(struct clients *, struct client *);
/* Its thread runs again. */
void clients_run(struct clients *, struct client *);

/* Should it end, because another thread said so? */
bool client_interrupted(const struct client *);
/* Waits, with another thread in the place of this one: what poll() says of its descriptor. */
int client_poll(struct client *, short events, uint64_t milliseconds);
/* Lends the session what a thread has, for as long as it runs. */
void client_lend(struct client *, struct scratch *);
/* All that was said leaves now. False: it cannot. */
bool client_flush(struct client *);
/* The same, for the last time: the pair is free for another session then. */
void client_flush_last(struct client *);
/* For struct session. */
void client_pause(void *context, uint64_t milliseconds);
int client_send_file(void *context, int file, uint64_t size);
