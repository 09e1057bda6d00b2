/* What the files of the session share: see session.h for what it is. */
#pragma once

#include "lmtp/session.h"

enum command_result {
	COMMAND_DONE,
	COMMAND_LATER,		/* it has to wait for answers; nothing was changed */
};

enum arguments { ARGUMENTS_NONE, ARGUMENTS_MAYBE, ARGUMENTS_WANTED };

struct command {
	const char *keyword;
	enum arguments arguments;
	/* arguments: without the spaces around them, to be written into. NULL: refusal is all. */
	enum command_result (*run)(struct session *, char *arguments);
	const char *refusal;		/* why it is not allowed in this state */
	bool overlaps;			/* may run while recipients are asked about */
};

/* The row of a command in a state in which commands are read; NULL: unknown. */
const struct command *command_find(enum session_state state, const char *line, size_t length);
enum command_result command_run(struct session *, const struct command *, char *line);

/* Writes a reply to something the client should not have said; too many of those end the session. */
enum command_result session_refuse(struct session *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Forgets the client's name, what XCLIENT said, and the transaction: as after the greeting. */
void session_forget(struct session *);
void session_greet(struct session *);
/* Ends the transaction if there is one; the state is READY then. */
void transaction_end(struct session *);
/* Are there recipients that are asked about? */
bool recipients_asked(const struct session *);

/* envelope.c */
enum command_result cmd_mail(struct session *, char *arguments);
enum command_result cmd_rcpt(struct session *, char *arguments);
/* message.c; the takers return how much they are done with. */
enum command_result cmd_data(struct session *, char *arguments);
enum command_result cmd_bdat(struct session *, char *arguments);
size_t message_take(struct session *, const char *input, size_t size);
size_t chunk_take(struct session *, const char *input, size_t size);
/* xclient.c */
enum command_result cmd_xclient(struct session *, char *arguments);
#define XCLIENT_ATTRIBUTES "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
