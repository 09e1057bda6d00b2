/*
 * What the files of librestante share: a client as its states see it.
 *
 * Everything that is said is a command in one queue: the caller's own, and what the client says by itself
 * to get logged in. A command waits until it may leave, is then among those that are sent, and is
 * forgotten when it is answered whole. Replies belong to commands in the order in which they left; an
 * octet from the server that belongs to none ends the connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <restante/client.h>

#include "client/buffer.h"
#include "client/quirks.h"
#include "mail/unwire.h"
#include "pop3/offer.h"
#include "pop3/response.h"
#include "sasl/client.h"
#include "tls/client.h"

#define INPUT_SIZE            65536	/* more than a reply line */
#define OUTSTANDING_OCTETS_MAX 4096	/* of commands without an answer: any socket takes so many */
#define LIST_LINES_MAX        10000000
#define CAPA_LINES_MAX        1000	/* of the list that the client asks for by itself */
#define LOGIN_STEPS_MAX       16	/* challenges in one exchange */
#define TIMESTAMP_SIZE        512	/* RFC 1939: it stands in a greeting of 512 octets */
#define CLIENT_TEXT_SIZE      1024

enum phase {
	PHASE_GREETING,
	PHASE_CAPA,		/* before STLS, or the only one */
	PHASE_STLS,
	PHASE_HANDSHAKE,
	PHASE_LOGIN,
	PHASE_LOGIN_LAST,	/* its last word has left: with pipelining others may follow */
	PHASE_LOGGED_IN,	/* what the client wants to know before it says READY */
	PHASE_READY,
	PHASE_OVER,
};

/* What a step came to. */
enum step {
	STEP_AGAIN,
	STEP_EVENT,		/* client->event is filled */
	STEP_NEED,		/* more octets */
};

enum reply_shape { SHAPE_LINE, SHAPE_LIST, SHAPE_MESSAGE };

struct restante_event {
	enum restante_event_type type;
	unsigned long command;
	enum restante_result result;
	enum restante_code code;
	uint64_t number, octets;
	const char *text;		/* never NULL */
	const void *data;
	size_t data_size;
};

struct command;

struct command_kind {
	enum reply_shape shape;
	bool leaves_early;	/* does no harm before the login: may leave behind its last word */
	/* The values behind +OK. -1: the server does not speak as agreed. NULL: there are none. */
	int (*values)(struct restante_client *, struct command *, char *text, struct error *);
	/* A line of the list into client->event, and whatever else there is to learn of it. */
	int (*item)(struct restante_client *, struct command *, char *line, struct error *);
	/* What the client asks for by itself: the first line; and, of a list, its end. */
	enum step (*answered)(struct restante_client *, struct command *, struct response *);
	enum step (*ended)(struct restante_client *);
};

struct command {
	struct command *next;
	const struct command_kind *kind;
	unsigned long number;		/* 0: the client's own */
	uint64_t message;		/* it is about; 0: none, or all */
	uint64_t end;			/* where its last octet stands in all that is sent */
	uint64_t line_count;		/* of its list, so far */
	bool is_under_way;		/* +OK is there, the list or message is not whole */
	bool is_void;			/* left behind a login that was refused: its reply is for nobody */
	size_t size;			/* of line, with its CRLF */
	char line[];
};

struct command_list {
	struct command *first, *last;
	size_t count;
	uint64_t octets;
};

struct login {
	unsigned tried, tried_before;	/* sasl_client_choose()'s; without this attempt */
	bool apop_tried, user_tried;
	const char *mechanism;		/* of the attempt; "APOP", "USER" */
	struct sasl_client *sasl;
	unsigned step_count;		/* responses sent in this exchange */
	struct buffer first;		/* the first response in base64, where the mechanism begins */
	bool is_first_due;		/* it leaves behind an empty challenge */
	bool is_cancelled;		/* "*" was sent, or a command that the server took for a response */
	bool is_user_refused;		/* USER was, and PASS is under way */
	bool is_next_due;		/* when the replies to what left behind the refused one are there */
	bool utf8_said, language_said;
	bool is_proven;			/* this attempt has used the password */
	bool no_early;			/* nothing leaves behind the last word of this connection's logins */
	bool is_alone;			/* nor does it there: the server may lose it */
	bool no_initial;		/* no response leaves with AUTH */
	unsigned proven_count;		/* attempts that used it and were refused */
	enum restante_result result;	/* of the last that was refused */
	char text[CLIENT_TEXT_SIZE];
};

struct restante_client {
	struct restante_options *options;
	enum phase phase;
	bool is_protected;		/* by TLS, and the server is who it should be */
	bool is_closed;			/* by the server */
	bool is_quitting;		/* QUIT was asked for: nothing else is */
	bool is_end_told;
	bool has_events;		/* octets came that were not looked at to their end */
	bool is_dry;			/* all that came was taken out of TLS */
	bool without_capa;		/* this server closes the connection at CAPA */
	bool is_careful;		/* its greeting says that it reads what leaves behind a login */
	bool lf_only;			/* the reply whose list or message follows ended with LF alone */
	bool is_behind_cr;
	bool pipelining;		/* wanted and announced */
	unsigned quirks;		/* those that are borne with: bits of enum quirk */
	unsigned quirks_met;

	struct buffer in;		/* clear text that is not looked at yet */
	struct buffer cipher_in;	/* what came under TLS */
	struct buffer out;		/* clear text to be sent */
	uint64_t out_taken;		/* octets of clear text that have left, or TLS has them */
	struct tls_client *tls;

	struct command_list waiting, sent;
	struct command_list returned;	/* to be sent again */
	unsigned long last_number;
	struct unwire unwire;
	const char *held;		/* of a message with LF line ends: what is still to be told */
	size_t held_size;

	struct offer offer;
	char timestamp[TIMESTAMP_SIZE];	/* APOP's; "": none */
	bool is_stls;			/* TLS begins with STLS */
	bool is_tls_begun;		/* octets are TLS's */
	bool is_hello_sent;		/* some of it has left */
	struct login login;
	char mechanism[64];		/* how it logged in */
	char protection[128];

	struct restante_event event;
	enum phase phase_at_end;
	enum restante_result result;	/* of the end */
	enum restante_code code;
	char error[CLIENT_TEXT_SIZE];

	void (*trace)(void *context, char direction, const char *line, size_t size);
	void *trace_context;
};

/* client.c: the end, however it comes. Only the first counts. All return STEP_AGAIN. */
enum step client_end(struct restante_client *, enum restante_result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum step client_broken(struct restante_client *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum step client_no_memory(struct restante_client *);
/* The server, or the network, has ended it. */
enum step client_closed(struct restante_client *);
/* What a refusal means; is_login: one without a code is about the credentials. */
enum restante_result client_result(const struct restante_client *, const struct response *, bool is_login);
/* A refusal ends the connection: "WHAT: the server says: TEXT". */
enum step client_refused(struct restante_client *, const char *what, const struct response *);
/* As it was before it connected; what the caller has asked for waits. */
void client_restart(struct restante_client *);

/* commands.c */
/* The client's own: leaves at once. masked: what the trace shows in its place; NULL: the line itself. */
struct command *command_say(struct restante_client *, const struct command_kind *, const char *masked,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The caller's: waits. Its number; 0: no memory, the connection is over, or QUIT was asked for. */
unsigned long command_ask(struct restante_client *, const struct command_kind *, uint64_t message,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
bool command_is_quit(const struct command *);
/* Is it still to be answered, or is the connection over? Otherwise nothing will ever come for it. */
bool command_is_open(const struct restante_client *, unsigned long number);
void command_free(struct command *);
struct command *list_take(struct command_list *);
void list_put(struct command_list *, struct command *);
void list_free(struct command_list *);
/* Lets leave what may. */
void commands_leave(struct restante_client *);
/* What left behind a login that was refused will be sent again, when its replies have come. */
void commands_void(struct restante_client *);
/* A command whose reply was for nobody has it: it waits again, or is forgotten if it is our own. */
void command_return(struct restante_client *, struct command *);
/* The server has read this one, the first behind the login, as a response: it has no reply. */
enum step command_was_taken(struct restante_client *, struct command *);
/* All of those go before what waits. */
void commands_repeat(struct restante_client *);

/* replies.c: one step of what the server said. */
enum step replies_step(struct restante_client *);

/* greet.c */
enum step greet_greeting(struct restante_client *, char *line);
enum step greet_protected(struct restante_client *);
void greet_say_capa(struct restante_client *);
enum step greet_ready(struct restante_client *);
/* A line of a list of capabilities. */
int greet_capability(struct restante_client *, struct command *, char *line, struct error *);
int greet_capa_begins(struct restante_client *, struct command *, char *text, struct error *);

/* login.c: which way to log in, and the next where one is refused. */
enum step login_begin(struct restante_client *);
enum step login_next(struct restante_client *);
void login_forget(struct restante_client *);
/* The last word of an attempt has left. */
void login_last_said(struct restante_client *);
enum step login_accepted(struct restante_client *);
enum step login_refused(struct restante_client *, const struct response *);

/* exchange.c: AUTH. -1: the mechanism cannot be begun; nothing was said. */
int exchange_begin(struct restante_client *, const char *mechanism);
void exchange_secrets(struct restante_client *, struct sasl_client_secrets *, unsigned char *binding);

/* password.c: USER and PASS, APOP. */
void password_user(struct restante_client *);
void password_apop(struct restante_client *);

/* octets.c: between the buffers and TLS. */
/* Begins TLS. */
enum step octets_protect(struct restante_client *);
enum step octets_handshake(struct restante_client *);
/* What TLS has, into client->in. */
void octets_receive(struct restante_client *);
/* Nothing is said any more. */
void octets_last(struct restante_client *);

/* trace.c */
/* The caller's. */
void trace_sent(const struct restante_client *, const char *line, size_t size);
/* Our own, as it is to be shown. */
void trace_said(const struct restante_client *, const char *line);
void trace_received(const struct restante_client *, const char *line);
