/*
 * A client of this process: expected from when auth says so; then its socket (in clear text the client's
 * own, else one that login pumps), and the session that is talked over it. Also the list of all clients,
 * through which other threads count them, end them and watch their time.
 *
 * Only the thread that runs the source touches a client. Others may, under the list's lock, say why
 * it should end and shut its descriptor down, which wakes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ipc/messages.h"
#include "maildrop/pool.h"
#include "maildrop/rules.h"
#include "maildrop/session.h"

struct arrival;
struct clients;

/* A client's end may be the last before the process leaves: see clients_leave(). */
struct clients *clients_new(struct pool *);

/*
 * auth says who will come. Takes over one reference to the rules. If the client is here already it
 * begins in some thread of the pool.
 */
int client_expect(struct clients *, const struct ipc_open *, struct rules *, struct error *);
/*
 * Runs the client that login has handed over, if it is expected from there; takes the arrival then.
 * Else false; keep: and the arrival waits, for so long, until it is expected.
 */
bool client_arrive(struct clients *, struct arrival *, bool keep, struct scratch *);
/* Are there some that wait so? */
bool clients_keep_arrivals(struct clients *);
/* A session on two descriptors, until its end; 0, or -1 if it did not come to a good one. */
int client_run_by_hand(const char *place, const struct rules *, int input, int output);

/*
 * Every few seconds: ends those whose client has been silent for too long, watches the others, and
 * forgets whom nobody hands over, or expects.
 */
void clients_tick(struct clients *);
/* Ends that session, or if it is 0 all of the user, without UPDATE; returns how many. */
size_t clients_kick(struct clients *, uint64_t session, const char *user);
size_t clients_count(struct clients *);
/*
 * No client is to begin any more; those that wait end, commands that run are finished. The process
 * exits with the last one, at once if there is none.
 */
void clients_leave(struct clients *, enum session_end);
/* Something else than a client is to be finished: the process does not exit before it is. */
void clients_hold(struct clients *);
void clients_release(struct clients *);
/* Calls report for each session that is open. */
void clients_report(struct clients *, void (*report)(void *context, const struct ipc_row *),
    void *context);
