/*
 * The client with a socket, for whoever may wait. Everything in client.h but input and output can be
 * used with restante_session_client(); here is what waits for the answers.
 *
 * Ownership and threads as in client.h. Blocking: every function here but restante_session_new(),
 * restante_session_client() and restante_session_free() waits for the server, at most RESTANTE_TIMEOUT
 * seconds for its next octets; a name is looked up as the system does it. SIGPIPE is never raised.
 */
#ifndef RESTANTE_BLOCKING_H
#define RESTANTE_BLOCKING_H

#include <restante/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct restante_session;

/* NULL: no memory. */
struct restante_session *restante_session_new(const struct restante_options *options);
/* Closes the socket at once. NULL is fine. */
void restante_session_free(struct restante_session *session);
/* Lent; it ends with the session. */
struct restante_client *restante_session_client(struct restante_session *session);
/* Octets received and sent so far, as the network saw them. */
uint64_t restante_session_octets_received(const struct restante_session *session);
uint64_t restante_session_octets_sent(const struct restante_session *session);
/* The socket, for poll(2) and the like; -1 while there is none. It stays the session's. */
int restante_session_socket(const struct restante_session *session);

/* Connects to the first address that answers, and does not wait for the login. Called by the others where it was not. */
enum restante_result restante_session_connect(struct restante_session *session);
/* Connects and waits until logged in. */
enum restante_result restante_session_login(struct restante_session *session);
/* The next event: never RESTANTE_EVENT_NONE; RESTANTE_EVENT_END again and again at the end. */
enum restante_event_type restante_session_next(struct restante_session *session,
    const struct restante_event **event);
/*
 * Waits until the command is answered; *event is its DONE, or the END of the connection. Events of
 * commands before it are dropped, as are its own items and data. event may be NULL.
 */
enum restante_result restante_session_wait(struct restante_session *session, unsigned long command,
    const struct restante_event **event);

enum restante_result restante_session_stat(struct restante_session *session, uint64_t *count, uint64_t *octets);
/*
 * Reads the message that restante_client_retr() or _top() has asked for: octets, 0 at its end, -1: failed
 * (restante_session_result()). Ask for several beforehand and read them in order: they are pipelined.
 */
ptrdiff_t restante_session_read(struct restante_session *session, unsigned long command, void *buffer, size_t size);
enum restante_result restante_session_quit(struct restante_session *session);
/* Of the last call that failed, and in words for people. */
enum restante_result restante_session_result(const struct restante_session *session);
const char *restante_session_error(const struct restante_session *session);

#ifdef __cplusplus
}
#endif

#endif
