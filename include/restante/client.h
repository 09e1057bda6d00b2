/*
 * A POP3 client without a socket: octets in, octets out, and events. It fits any event loop.
 *
 *	for (;;) {
 *		while ((type = restante_client_next(client, &event)) != RESTANTE_EVENT_NONE)
 *			... look at the event; ask for more ...
 *		... send what restante_client_output() lends; say so with restante_client_output_done() ...
 *		... receive into what restante_client_input_buffer() lends; restante_client_input_done() ...
 *	}
 *
 * The client greets, protects the connection (TLS, STLS), asks for capabilities and logs in by itself,
 * with the strongest mechanism that both sides have, and with the next where one that was announced is
 * refused as unknown. What is asked for before that waits. When the server announces PIPELINING, commands
 * leave without waiting for the replies before them; behind the last step of a login only where the server
 * is known to read on there (several that announce PIPELINING throw away what comes too early).
 *
 * Ownership: an event and all that it lends are valid until the next call of restante_client_next(),
 * restante_client_input_done() or restante_client_free(). Blocking: nothing here waits, but that GSSAPI
 * may ask the KDC for a ticket; nothing here opens a file but restante_client_new(). Threads: one at a time
 * for one client, any number of clients.
 * Limits: a reply line of over 4,096 octets, a list of over 10,000,000 lines, a UIDL of over 1,024 octets end the
 * connection (RESTANTE_BROKEN); sizes are 64 bits. What a server says of sizes is a hint and never
 * decides how much is read.
 */
#ifndef RESTANTE_CLIENT_H
#define RESTANTE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <restante/options.h>
#include <restante/result.h>

#ifdef __cplusplus
extern "C" {
#endif

struct restante_client;
struct restante_event;

/* NULL: no memory. Whatever else is wrong with the options is the first event, RESTANTE_EVENT_END. */
struct restante_client *restante_client_new(const struct restante_options *options);
/* Wipes what is secret. NULL is fine. Without a QUIT that was answered nothing is deleted on the server. */
void restante_client_free(struct restante_client *client);

/* Where octets from the server are to be put; *room is 0 while events wait to be taken. */
void *restante_client_input_buffer(struct restante_client *client, size_t *room);
/* So many were put there. 0: the server has closed the connection. */
void restante_client_input_done(struct restante_client *client, size_t size);
/* What is to be sent; *size is 0 when there is nothing. */
const void *restante_client_output(struct restante_client *client, size_t *size);
/* So many of it are sent. Say so first: an answer to what has not left ends the connection. */
void restante_client_output_done(struct restante_client *client, size_t size);
/* Ends it from outside: the network failed, or it took too long. The reason becomes the last event. */
void restante_client_abort(struct restante_client *client, enum restante_result reason, const char *text);

enum restante_event_type {
	RESTANTE_EVENT_NONE = 0,	/* more octets are needed, in or out */
	RESTANTE_EVENT_READY,		/* logged in */
	RESTANTE_EVENT_REPLY,		/* +OK to a command that a list or a message follows: number, octets, text */
	RESTANTE_EVENT_ITEM,		/* a line of LIST (number, octets), UIDL (number, text) or another list (text) */
	RESTANTE_EVENT_DATA,		/* a piece of a message: CRLF line ends, no doubled dots, no final dot */
	/* A command is answered whole: result, code, text ("" behind a list or message); numbers of STAT, LAST, ... */
	RESTANTE_EVENT_DONE,
	RESTANTE_EVENT_END,		/* the connection is over: result. After a QUIT that was answered: RESTANTE_OK */
};

enum restante_event_type restante_client_next(struct restante_client *client,
    const struct restante_event **event);

/* Which command it is about; 0: none. */
unsigned long restante_event_command(const struct restante_event *event);
enum restante_result restante_event_result(const struct restante_event *event);
enum restante_code restante_event_code(const struct restante_event *event);
/* A message's number, STAT's count, LAST's number. */
uint64_t restante_event_number(const struct restante_event *event);
/* As the server says. */
uint64_t restante_event_octets(const struct restante_event *event);
/* A UIDL, a line of a list, or the server's text behind "+OK" or "-ERR" and its code; never NULL. Octets below 0x20 and 0x7F are replaced by "?". */
const char *restante_event_text(const struct restante_event *event);
const void *restante_event_data(const struct restante_event *event, size_t *size);

/*
 * Commands (RFC 1939, sections 5 and 7). Each returns a number that its events carry, or 0: no memory, or
 * the connection is over, or QUIT was asked for, or an argument that cannot be (message 0, a line end). Replies come in the order of the commands.
 */
unsigned long restante_client_stat(struct restante_client *client);
/* 0: all messages. */
unsigned long restante_client_list(struct restante_client *client, uint64_t number);
unsigned long restante_client_uidl(struct restante_client *client, uint64_t number);
unsigned long restante_client_retr(struct restante_client *client, uint64_t number);
/* The header and so many lines of the body. */
unsigned long restante_client_top(struct restante_client *client, uint64_t number, uint64_t lines);
unsigned long restante_client_dele(struct restante_client *client, uint64_t number);
unsigned long restante_client_rset(struct restante_client *client);
unsigned long restante_client_noop(struct restante_client *client);
/* RFC 1460, section 4. */
unsigned long restante_client_last(struct restante_client *client);
/* RFC 6856, section 3. NULL: lists the languages. */
unsigned long restante_client_lang(struct restante_client *client, const char *tag);
/* RFC 2449, section 5. */
unsigned long restante_client_capa(struct restante_client *client);
/* Deletes what DELE has marked, when its DONE says RESTANTE_OK. The last command. */
unsigned long restante_client_quit(struct restante_client *client);
/* Anything else, without its CRLF. is_list: lines and a final dot follow +OK. */
unsigned long restante_client_command(struct restante_client *client, const char *line, bool is_list);

/* What the server can do (RFC 2449, section 6, and the registry); as far as it is known by now. */
enum restante_capability {
	RESTANTE_HAS_CAPA = 1 << 0,	/* it answers CAPA at all */
	RESTANTE_HAS_TOP = 1 << 1,
	RESTANTE_HAS_USER = 1 << 2,
	RESTANTE_HAS_SASL = 1 << 3,
	RESTANTE_HAS_RESP_CODES = 1 << 4,
	RESTANTE_HAS_LOGIN_DELAY = 1 << 5,
	RESTANTE_HAS_PIPELINING = 1 << 6,
	RESTANTE_HAS_EXPIRE = 1 << 7,
	RESTANTE_HAS_UIDL = 1 << 8,
	RESTANTE_HAS_IMPLEMENTATION = 1 << 9,
	RESTANTE_HAS_STLS = 1 << 10,
	RESTANTE_HAS_AUTH_RESP_CODE = 1 << 11,
	RESTANTE_HAS_UTF8 = 1 << 12,
	RESTANTE_HAS_UTF8_USER = 1 << 13,
	RESTANTE_HAS_LANG = 1 << 14,
	RESTANTE_HAS_APOP = 1 << 15,	/* the greeting has a timestamp */
};

unsigned restante_client_capabilities(const struct restante_client *client);
#define RESTANTE_NEVER (-1L)
/* Days that the server keeps mail, RESTANTE_NEVER: it never removes any. Where announced. */
long restante_client_expire_days(const struct restante_client *client);
/* Seconds between two logins, where announced. */
long restante_client_login_delay_seconds(const struct restante_client *client);
/* Lent until the client is freed; never NULL, "" where unknown. */
const char *restante_client_implementation(const struct restante_client *client);
/* Names that the server announces, separated by spaces. */
const char *restante_client_mechanisms(const struct restante_client *client);
/* How it logged in ("SCRAM-SHA-256-PLUS", "APOP", "USER"), and what protects the connection ("TLSv1.3 ..."). */
const char *restante_client_mechanism(const struct restante_client *client);
const char *restante_client_protection(const struct restante_client *client);
/* SHA-256 of the server's key in hex, as RESTANTE_PIN takes it. */
const char *restante_client_pin(const struct restante_client *client);

/* Of RESTANTE_EVENT_END: for people, with what the server said. */
const char *restante_client_error(const struct restante_client *client);

/*
 * Each line that is sent ('>') and received ('<') without its end, secrets as "[...]"; of messages only the
 * first line of the reply. Called inside the other functions; must not call any of them.
 */
void restante_client_trace(struct restante_client *client,
    void (*trace)(void *context, char direction, const char *line, size_t size), void *context);

#ifdef __cplusplus
}
#endif

#endif
