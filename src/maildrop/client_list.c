/* The list of clients: see client.h. */

#include "maildrop/client_list.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "maildrop/doors.h"
#include "maildrop/pairs.h"

#define HANDOVER_MILLISECONDS 30000	/* login has the client at hand: it is quick, or dead */

struct clients *
clients_new(struct pool *pool)
{
	struct clients *clients = calloc(1, sizeof(*clients));

	if (clients == NULL)
		return NULL;
	clients->pool = pool;
	pthread_mutex_init(&clients->lock, NULL);
	return clients;
}

/*
 * The lock is held, so the descriptor is the client's. Its thread finds the reason: at once, or, if it waits with
 * the last words on a pair that may be another's next, before it waits on.
 */
static void
client_interrupt(struct client *client, enum session_end end, int how)
{
	int none = SESSION_LIVES;

	atomic_compare_exchange_strong(&client->interruption, &none, (int)end);
	if (!client->parting)
		shutdown(client->source.descriptor, how);
}

/* The lock is held. Its thread, or the arrival's, is the caller's to find. */
static void
client_enter(struct clients *clients, struct client *client, struct arrival *arrival)
{
	client->arrival = arrival;
	client->direct = !arrival->handover.pumped;
	client->source.descriptor = arrival->socket;
	client->source.added = arrival->pair != NULL && arrival->pair->source.added;
	client->next = clients->first;
	if (client->next != NULL)
		client->next->previous = client;
	clients->first = client;
	clients->count++;
	if (clients->leaving_end != SESSION_LIVES)
		client_interrupt(client, clients->leaving_end, SHUT_RD);
}

static bool
belong_together(const struct client *client, const struct arrival *arrival)
{
	return client->session.id == arrival->handover.session && client->slot == arrival->slot;
}

bool
clients_expect(struct clients *clients, struct client *client, bool *arrived)
{
	struct arrival **place = &clients->arrivals, *arrival;
	bool accepted;

	pthread_mutex_lock(&clients->lock);
	accepted = clients->leaving_end == SESSION_LIVES;
	while (*place != NULL && !belong_together(client, *place))
		place = &(*place)->next;
	arrival = accepted ? *place : NULL;
	if (arrival != NULL) {
		*place = arrival->next;
		client_enter(clients, client, arrival);
	} else if (accepted) {
		client->next = clients->expected;
		clients->expected = client;
	}
	pthread_mutex_unlock(&clients->lock);
	*arrived = arrival != NULL;
	return accepted;
}

struct client *
clients_admit(struct clients *clients, struct arrival *arrival, bool keep)
{
	struct client **place = &clients->expected, *client;
	bool leaving;

	pthread_mutex_lock(&clients->lock);
	while (*place != NULL && !belong_together(*place, arrival))
		place = &(*place)->next;
	client = *place;
	leaving = clients->leaving_end != SESSION_LIVES;
	if (client != NULL) {
		*place = client->next;
		client_enter(clients, client, arrival);
	} else if (keep && !leaving) {
		arrival->next = clients->arrivals;
		clients->arrivals = arrival;
	}
	pthread_mutex_unlock(&clients->lock);
	if (client == NULL && keep && leaving)
		arrival_free(arrival);
	return client;
}

bool
clients_keep_arrivals(struct clients *clients)
{
	bool some;

	pthread_mutex_lock(&clients->lock);
	some = clients->arrivals != NULL;
	pthread_mutex_unlock(&clients->lock);
	return some;
}

/* The lock is held. */
static bool
clients_have_left(const struct clients *clients)
{
	return clients->leaving && clients->count == 0 && clients->holds == 0 &&
	    clients->expected == NULL;
}

/* Those whom nobody handed over (their clients have gone, mostly) or expected until that moment. */
static void
clients_forget(struct clients *clients, uint64_t moment)
{
	struct client **place = &clients->expected, *client;
	struct arrival **door = &clients->arrivals, *arrival;

	while ((client = *place) != NULL) {
		if (client->began_milliseconds > moment) {
			place = &client->next;
			continue;
		}
		*place = client->next;
		LOG(LOG_LEVEL_DEBUG, "not-handed-over", LOG_SESSION(client->session.id));
		client_free(client);
	}
	while ((arrival = *door) != NULL) {
		if (arrival->at_milliseconds > moment) {
			door = &arrival->next;
			continue;
		}
		*door = arrival->next;
		LOG(LOG_LEVEL_WARNING, "not-expected", LOG_SESSION(arrival->handover.session),
		    LOG_NUMBER("slot", arrival->slot));
		arrival_free(arrival);
	}
}

void
clients_remove(struct clients *clients, struct client *client)
{
	bool last;

	pthread_mutex_lock(&clients->lock);
	if (client->next != NULL)
		client->next->previous = client->previous;
	if (client->previous != NULL)
		client->previous->next = client->next;
	else
		clients->first = client->next;
	clients->count--;
	last = clients_have_left(clients);
	pthread_mutex_unlock(&clients->lock);
	if (last)
		_exit(0);
}

void
clients_wait(struct clients *clients, struct client *client, uint64_t milliseconds)
{
	pthread_mutex_lock(&clients->lock);
	client->waiting = true;
	client->deadline_milliseconds = clock_milliseconds() + milliseconds;
	pthread_mutex_unlock(&clients->lock);
}

bool
clients_part(struct clients *clients, struct client *client)
{
	bool parting;

	pthread_mutex_lock(&clients->lock);
	parting = client->parting = !client_interrupted(client);
	pthread_mutex_unlock(&clients->lock);
	return parting;
}

void
clients_run(struct clients *clients, struct client *client)
{
	pthread_mutex_lock(&clients->lock);
	client->waiting = false;
	pthread_mutex_unlock(&clients->lock);
}

/*
 * The kernel finds out about dead peers: keepalive while nothing is said, the user time-out while
 * something is not acknowledged. Set at the first tick of a session's life, because most sessions
 * are over before it. On a pair (the client is pumped by login) it means nothing and does no harm.
 */
static void
client_watch(struct client *client)
{
	const int on = 1, idle_seconds = 60, interval_seconds = 15, count = 4;
	const unsigned user_milliseconds = (unsigned)client->rules->write_milliseconds;
	int socket = client->source.descriptor;

	client->watched = true;
	if (setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof(idle_seconds)) != 0)
		return;
	setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof(interval_seconds));
	setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_milliseconds, sizeof(user_milliseconds));
}

void
clients_tick(struct clients *clients)
{
	uint64_t now = clock_milliseconds();
	bool last;

	pthread_mutex_lock(&clients->lock);
	clients_forget(clients, now - HANDOVER_MILLISECONDS);
	last = clients_have_left(clients);
	for (struct client *client = clients->first; client != NULL; client = client->next) {
		if (client->waiting && client->deadline_milliseconds <= now)
			client_interrupt(client, SESSION_TIMEOUT, SHUT_RDWR);
		else if (!client->watched && client->place_hash != 0)
			client_watch(client);
	}
	pthread_mutex_unlock(&clients->lock);
	if (last)
		_exit(0);
}

void
clients_opened(struct clients *clients, struct client *client, uint64_t place_hash)
{
	pthread_mutex_lock(&clients->lock);
	client->place_hash = place_hash;
	pthread_mutex_unlock(&clients->lock);
}

/* The lock is held, as above. A client that went and came back at once was faster than its session. */
static bool
client_has_hung_up(const struct client *client)
{
	struct pollfd poll_descriptor = { .fd = client->source.descriptor, .events = POLLRDHUP };

	return poll(&poll_descriptor, 1, 0) > 0;
}

enum takeover
clients_take_over(struct clients *clients, const struct client *newer, uint64_t place_hash,
    bool patient, uint64_t *holder)
{
	uint64_t limit = newer->rules->takeover == CONFIG_TAKEOVER_NEWEST ? 0
	                                                           : newer->rules->takeover_milliseconds;
	uint64_t now = clock_milliseconds();
	enum takeover result = TAKEOVER_REFUSED;

	*holder = 0;
	pthread_mutex_lock(&clients->lock);
	for (struct client *client = clients->first; client != NULL; client = client->next) {
		if (client->place_hash != place_hash || client == newer)
			continue;
		*holder = client->session.id;
		if (patient && client_has_hung_up(client)) {
			result = TAKEOVER_NEEDLESS;
			continue;
		}
		if (newer->rules->takeover == CONFIG_TAKEOVER_NEVER ||
		    now - atomic_load(&client->heard_milliseconds) < limit)
			continue;
		client_interrupt(client, SESSION_TAKEN_OVER, SHUT_RDWR);
		result = TAKEOVER_DONE;
	}
	pthread_mutex_unlock(&clients->lock);
	return result;
}

size_t
clients_kick(struct clients *clients, uint64_t session, const char *user)
{
	size_t count = 0;

	pthread_mutex_lock(&clients->lock);
	for (struct client *client = clients->first; client != NULL; client = client->next) {
		if (session != 0 ? client->session.id != session : strcmp(client->user, user) != 0)
			continue;
		client_interrupt(client, SESSION_KICKED, SHUT_RDWR);
		count++;
	}
	pthread_mutex_unlock(&clients->lock);
	return count;
}

size_t
clients_count(struct clients *clients)
{
	size_t count;

	pthread_mutex_lock(&clients->lock);
	count = clients->count;
	pthread_mutex_unlock(&clients->lock);
	return count;
}

void
clients_leave(struct clients *clients, enum session_end end)
{
	bool last;

	pthread_mutex_lock(&clients->lock);
	clients->leaving = true;
	if (end != SESSION_LIVES) {
		clients->leaving_end = end;
		clients_forget(clients, UINT64_MAX);
	}
	/* Reading ends; a command that runs may still answer. */
	for (struct client *client = clients->first; client != NULL; client = client->next)
		if (end != SESSION_LIVES)
			client_interrupt(client, end, SHUT_RD);
	last = clients_have_left(clients);
	pthread_mutex_unlock(&clients->lock);
	if (last)
		_exit(0);
}

void
clients_hold(struct clients *clients)
{
	pthread_mutex_lock(&clients->lock);
	clients->holds++;
	pthread_mutex_unlock(&clients->lock);
}

void
clients_release(struct clients *clients)
{
	bool last;

	pthread_mutex_lock(&clients->lock);
	clients->holds--;
	last = clients_have_left(clients);
	pthread_mutex_unlock(&clients->lock);
	if (last)
		_exit(0);
}

static void
client_row(const struct client *client, struct ipc_row *row, uint64_t now)
{
	row->session = client->session.id;
	row->number = (now - client->began_milliseconds) / 1000;
	row->retrieved = atomic_load(&client->session.retrieved_count);
	row->deleted = atomic_load(&client->session.marked_count);
	row->octets_out = atomic_load(&client->session.octets_out);
	strncpy(row->name, client->user, sizeof(row->name) - 1);
	strncpy(row->peer, client->peer, sizeof(row->peer) - 1);
}

/* Whoever takes the rows may be slow: no session waits for that. */
void
clients_report(struct clients *clients, void (*report)(void *context, const struct ipc_row *),
    void *context)
{
	uint64_t now = clock_milliseconds();
	size_t count = 0, room = clients_count(clients);
	struct ipc_row *rows = calloc(room, sizeof(*rows));

	pthread_mutex_lock(&clients->lock);
	for (const struct client *client = clients->first;
	     rows != NULL && client != NULL && count < room; client = client->next)
		client_row(client, &rows[count++], now);
	pthread_mutex_unlock(&clients->lock);
	for (size_t i = 0; i < count; i++)
		report(context, &rows[i]);
	free(rows);
}
