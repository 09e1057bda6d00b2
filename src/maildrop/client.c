/* A client from its handover to its end: see client.h. */

#include "maildrop/client.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ipc/pair.h"
#include "maildrop/client_list.h"
#include "maildrop/doors.h"
#include "maildrop/pairs.h"
#include "maildrop/place.h"

#define LINGER_OCTETS 4096		/* so much may be unsent at a close; it is gone in a moment */
#define TAKEOVER_MILLISECONDS 3000	/* how long an ended session may take to let the lock go */
#define TAKEOVER_SLICE_MILLISECONDS 5
#define HUNG_UP_MILLISECONDS 1000	/* and how long to end by itself */

static void client_ready(struct source *, struct scratch *);

static void
client_log_end(const struct client *client)
{
	const struct session *s = &client->session;
	size_t removed = s->end == SESSION_QUIT ? s->deleted_count : 0;

	LOG(LOG_LEVEL_INFO, "session-end", LOG_SESSION(s->id), LOG_TEXT("user", client->user),
	    LOG_TEXT("peer", client->peer), LOG_TEXT("reason", session_end_name(s->end)),
	    LOG_NUMBER("retrieved", s->retrieved_count), LOG_NUMBER("deleted", removed),
	    LOG_NUMBER("left", s->message_count - removed), LOG_NUMBER("octets_out", s->octets_out),
	    LOG_NUMBER("milliseconds", clock_milliseconds() - client->began_milliseconds));
}

void
client_free(struct client *client)
{
	rules_release(client->rules);
	free(client->place);
	free(client->sasl);
	free(client->line);
	free(client);
}

static void
client_hang_up(struct client *client)
{
	clients_remove(client->clients, client);
	if (client->parted) {
		pair_park(client->pair, client->source.added);
	} else {
		close(client->source.descriptor);
		free(client->pair);
	}
	client_free(client);
}

/* Reads and forgets what the client still says. 0: it has hung up; -1: nothing for now. */
static ssize_t
client_ignore(const struct client *client, struct scratch *scratch)
{
	ssize_t n;

	while ((n = read(client->source.descriptor, scratch->input, sizeof(scratch->input))) > 0)
		continue;
	return n < 0 && errno != EAGAIN && errno != EINTR ? 0 : n;
}

/*
 * A socket that is closed while the client still sends is reset, and what it has not taken yet is
 * lost: the end of a message, or the answer that says why. Does it have to be closed gently?
 */
static bool
client_takes_long(const struct client *client)
{
	const struct session *s = &client->session;
	int unsent = 0, unread = 0;

	if (!client->direct || client_interrupted(client))
		return false;
	if (s->end == SESSION_NOT_OPENED || s->end == SESSION_BAD_COMMANDS)
		return true;
	if (s->end != SESSION_QUIT && s->end != SESSION_UPDATE_FAILED)
		return false;
	return client->unheard ||
	    (ioctl(client->source.descriptor, FIONREAD, &unread) == 0 && unread > 0) ||
	    (s->octets_out > LINGER_OCTETS &&
	        ioctl(client->source.descriptor, TIOCOUTQ, &unsent) == 0 && unsent > LINGER_OCTETS);
}

/* The session is over; what was written may still be on its way. */
static void
client_end(struct client *client)
{
	session_abort(&client->session, client_interrupted(client)
	        ? (enum session_end)atomic_load(&client->interruption)
	        : SESSION_DISCONNECTED);
	session_close(&client->session);
	client_log_end(client);
	if (client_takes_long(client) && shutdown(client->source.descriptor, SHUT_WR) == 0) {
		client->lingering = true;
		clients_wait(client->clients, client, client->rules->write_milliseconds);
		if (pool_arm(client->clients->pool, &client->source) == 0)
			return;
	}
	client_hang_up(client);
}

static void
client_linger(struct client *client, struct scratch *scratch)
{
	if (client_interrupted(client) || client_ignore(client, scratch) == 0 ||
	    pool_arm(client->clients->pool, &client->source) != 0)
		client_hang_up(client);
}

/* Parks it until the next octet; nothing of a thread's memory stays behind. */
static void
client_park(struct client *client, uint64_t milliseconds)
{
	clients_wait(client->clients, client, milliseconds);
	if (pool_arm(client->clients->pool, &client->source) != 0)
		client_end(client);
}

/* Keeps the start of a line until the rest comes: at most LINE_OCTETS_MAX octets. */
static int
client_keep(struct client *client, const char *input, size_t size)
{
	free(client->line);
	client->line = NULL;
	client->line_size = 0;
	if (size == 0)
		return 0;
	client->line = malloc(size);
	if (client->line == NULL)
		return -1;
	memcpy(client->line, input, size);
	client->line_size = size;
	return 0;
}

/*
 * The pair is free for another session when this one has ended as it should. Where something was said that
 * nobody reads login has to know: close() tells it then.
 */
static bool
client_may_part(struct client *client)
{
	int unread = 0;

	return client->pair != NULL && client->session.end == SESSION_QUIT && !client->unheard &&
	    ioctl(client->source.descriptor, FIONREAD, &unread) == 0 && unread == 0 &&
	    clients_part(client->clients, client);
}

/* Runs what is complete in scratch->input[0 .. size), answers in one piece, keeps the rest. */
static int
client_serve(struct client *client, struct scratch *scratch, size_t size)
{
	struct session *s = &client->session;
	size_t done = session_input(s, scratch->input, size);

	client->unheard = done < size && s->state == SESSION_OVER;
	if (s->state == SESSION_OVER && client_may_part(client)) {
		client_flush_last(client);
		return -1;
	}
	if (!client_flush(client) || s->state == SESSION_OVER)
		return -1;
	return client_keep(client, scratch->input + done, size - done);
}

/* *error says that the maildrop is busy, and then also with whom. */
static enum takeover
client_claim(struct client *client, uint64_t hash, bool patient, struct error *error)
{
	uint64_t holder;
	enum takeover takeover =
	    clients_take_over(client->clients, client, hash, patient, &holder);

	if (holder != 0)
		error_set(error, ERROR_BUSY, "session %" PRIx64 " has the maildrop open", holder);
	if (takeover == TAKEOVER_DONE)
		LOG(LOG_LEVEL_INFO, "taken-over", LOG_SESSION(client->session.id),
		    LOG_TEXT("user", client->user), LOG_REASON(error));
	return takeover;
}

/*
 * Opens the maildrop. If it is open already in a session whose client seems dead, that one is ended
 * without UPDATE and this one waits until its lock is free. One whose client has hung up may end by
 * itself first: it may have said QUIT before.
 */
static int
client_open_store(struct client *client, struct store **store, struct error *error)
{
	uint64_t hash = place_hash(client->place), began = clock_milliseconds(), waited;
	enum takeover takeover = TAKEOVER_REFUSED;
	bool patient = true;

	while (store_open_with(store, client->place, client->rules->index_directory, error) != 0) {
		waited = clock_milliseconds() - began;
		if (error->kind != ERROR_BUSY)
			return -1;
		if (takeover == TAKEOVER_REFUSED) {
			takeover = client_claim(client, hash, true, error);
		} else if (patient && takeover == TAKEOVER_NEEDLESS && waited >= HUNG_UP_MILLISECONDS) {
			patient = false;
			(void)client_claim(client, hash, false, error);
		}
		if (takeover == TAKEOVER_REFUSED || waited >= TAKEOVER_MILLISECONDS)
			return -1;
		client_poll(client, 0, TAKEOVER_SLICE_MILLISECONDS);
	}
	clients_opened(client->clients, client, hash);
	return 0;
}

/* One that could block would hold a thread for as long as login likes; on a pair no call waits. */
static bool
client_may_run(const struct client *client)
{
	int flags = client->pair != NULL ? O_NONBLOCK : fcntl(client->source.descriptor, F_GETFL);

	if (flags >= 0 && (flags & O_NONBLOCK) != 0)
		return true;
	LOG(LOG_LEVEL_ERROR, "handover-refused", LOG_SESSION(client->session.id),
	    LOG_TEXT("reason", "the socket blocks"));
	return false;
}

static void
client_open(struct client *client, const struct ipc_handover *handover, struct scratch *scratch,
    size_t early_size)
{
	struct session *s = &client->session;
	struct store *store;
	struct error error;

	client->sasl = strdup(handover->sasl);
	s->rules = client->rules;
	s->capabilities = (struct capabilities){ .stls = handover->stls, .user = handover->user,
		.sasl = client->sasl != NULL ? client->sasl : "",
		.implementation = client->rules->implementation };
	s->pause = client_pause;
	s->send_file = client->direct ? client_send_file : NULL;
	s->context = client;
	client_lend(client, scratch);
	if (client_open_store(client, &store, &error) == 0)
		session_begin(s, store);
	else
		session_refuse(s, &error);
	free(client->place);
	client->place = NULL;
	if (client_serve(client, scratch, early_size) != 0)
		client_end(client);
	else
		client_park(client, client->rules->idle_milliseconds);
}

/* The socket is the client's from now on. */
static void
arrival_take(struct client *client)
{
	client->arrival->socket = -1;
	client->pair = client->arrival->pair;
	client->arrival->pair = NULL;
	arrival_free(client->arrival);
	client->arrival = NULL;
}

/* Both have come, auth's word and login's client. */
static void
client_begin(struct client *client, struct scratch *scratch)
{
	const struct ipc_handover handover = client->arrival->handover;
	size_t early_size = client->arrival->early_size;

	memcpy(scratch->input, client->arrival->early, early_size);
	arrival_take(client);
	if (client_interrupted(client) || !client_may_run(client))
		client_end(client);
	else
		client_open(client, &handover, scratch, early_size);
}

/* As read(). What a client before this one said on its pair, behind its end, is dropped. */
static ssize_t
client_receive(const struct client *client, char *buffer, size_t room)
{
	struct pair_head head;
	ssize_t n;

	if (client->pair == NULL)
		return read(client->source.descriptor, buffer, room);
	do
		n = pair_receive(client->source.descriptor, &head, buffer, room);
	while (n >= 0 && head.type == PAIR_OCTETS && head.session != client->session.id);
	return n >= 0 && head.type != PAIR_OCTETS ? 0 : n;
}

static void
client_talk(struct client *client, struct scratch *scratch)
{
	ssize_t n;

	if (client->line_size > 0)
		memcpy(scratch->input, client->line, client->line_size);
	n = client_receive(client, scratch->input + client->line_size,
	    sizeof(scratch->input) - client->line_size);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		client_park(client, client->rules->idle_milliseconds);
		return;
	}
	atomic_store(&client->heard_milliseconds, clock_milliseconds());
	client_lend(client, scratch);
	if (n <= 0 || client_interrupted(client) ||
	    client_serve(client, scratch, client->line_size + (size_t)n) != 0)
		client_end(client);
	else
		client_park(client, client->rules->idle_milliseconds);
}

static void
client_ready(struct source *source, struct scratch *scratch)
{
	struct client *client = (struct client *)source;

	if (client->lingering) {
		client_linger(client, scratch);
		return;
	}
	clients_run(client->clients, client);
	if (client->arrival != NULL)
		client_begin(client, scratch);
	else if (client_interrupted(client))
		client_end(client);
	else
		client_talk(client, scratch);
}

static struct client *
client_new(uint64_t session, const char *user, const char *peer, const char *place)
{
	size_t user_size = strlen(user) + 1, peer_size = strlen(peer) + 1;
	struct client *client = calloc(1, sizeof(*client) + user_size + peer_size);

	if (client == NULL)
		return NULL;
	memcpy(client->user, user, user_size);
	client->peer = client->user + user_size;
	memcpy(client->peer, peer, peer_size);
	client->session.id = session;
	client->began_milliseconds = clock_milliseconds();
	client->heard_milliseconds = client->began_milliseconds;
	client->place = strdup(place);
	if (client->place == NULL) {
		free(client);
		return NULL;
	}
	return client;
}

int
client_expect(struct clients *clients, const struct ipc_open *open, struct rules *rules,
    struct error *error)
{
	struct client *client = client_new(open->session, open->user, open->peer, open->place);
	bool arrived;

	if (client == NULL) {
		rules_release(rules);
		return error_set(error, ERROR_TEMPORARY, "no memory for a session");
	}
	client->clients = clients;
	client->rules = rules;
	client->slot = open->slot;
	client->source = (struct source){ .descriptor = -1, .ready = client_ready };
	if (!clients_expect(clients, client, &arrived)) {
		client_free(client);
		return error_set(error, ERROR_TEMPORARY, "the process is leaving");
	}
	if (arrived && pool_arm_at_once(clients->pool, &client->source) != 0) {
		arrival_take(client);
		client_end(client);
	}
	return 0;
}

bool
client_arrive(struct clients *clients, struct arrival *arrival, bool keep, struct scratch *scratch)
{
	struct client *client = clients_admit(clients, arrival, keep);

	if (client == NULL)
		return false;
	client_begin(client, scratch);
	return true;
}

int
client_run_by_hand(const char *place, const struct rules *rules, int input, int output)
{
	struct scratch *scratch = malloc(sizeof(*scratch));
	struct client *client = client_new(1, "by-hand", "-", place);
	struct store *store;
	struct error error;
	ssize_t n;
	int result = -1;

	if (scratch == NULL || client == NULL) {
		free(scratch);
		return -1;
	}
	client->rules = rules_reference((struct rules *)rules);
	client->source.descriptor = output;
	client->session.rules = rules;
	client->session.capabilities = (struct capabilities){ .sasl = "",
		.implementation = rules->implementation };
	client->session.pause = client_pause;
	client->session.context = client;
	client_lend(client, scratch);
	if (store_open_with(&store, place, rules->index_directory, &error) == 0)
		session_begin(&client->session, store);
	else
		session_refuse(&client->session, &error);
	while (client_flush(client) && client->session.state != SESSION_OVER) {
		memcpy(scratch->input, client->line != NULL ? client->line : "", client->line_size);
		n = read(input, scratch->input + client->line_size,
		    sizeof(scratch->input) - client->line_size);
		if (n <= 0 || client_serve(client, scratch, client->line_size + (size_t)n) != 0)
			break;
	}
	result = client->session.end == SESSION_QUIT ? 0 : -1;
	session_close(&client->session);
	client_free(client);
	free(scratch);
	return result;
}
