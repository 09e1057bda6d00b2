/*
 * The commands of a session: one table for each state in which they are read, and what is simple among
 * them (RFC 5321, section 4.1.1; RFC 2033, section 4.1).
 */

#include "lmtp/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum command_result
reply(struct session *s, const char *text)
{
	writer_printf(s->out, "%s\r\n", text);
	return COMMAND_DONE;
}

/* CHUNKING without BINARYMIME, and no DSN: who announces that has to send notices of success itself (RFC 3461). */
static enum command_result
cmd_lhlo(struct session *s, char *arguments)
{
	if (!domain_valid(arguments))
		return session_refuse(s, "501 5.5.4 a domain or an address literal is wanted");
	transaction_end(s);
	s->state = SESSION_READY;
	memcpy(s->helo, arguments, strlen(arguments) + 1);
	writer_printf(s->out, "250-%s\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n", s->settings->host);
	writer_text(s->out, "250-8BITMIME\r\n250-SMTPUTF8\r\n");
	if (s->settings->size_max > 0)
		writer_printf(s->out, "250-SIZE %" PRIu64 "\r\n", s->settings->size_max);
	else
		writer_text(s->out, "250-SIZE\r\n");
	if (s->tls_offered && !s->tls)
		writer_text(s->out, "250-STARTTLS\r\n");
	if (s->trusted)
		writer_text(s->out, "250-XCLIENT " XCLIENT_ATTRIBUTES "\r\n");
	return reply(s, "250 CHUNKING");
}

static enum command_result
cmd_rset(struct session *s, char *arguments)
{
	(void)arguments;
	transaction_end(s);
	return reply(s, "250 2.0.0 ok");
}

static enum command_result
cmd_noop(struct session *s, char *arguments)
{
	(void)arguments;
	return reply(s, "250 2.0.0 ok");
}

static enum command_result
cmd_help(struct session *s, char *arguments)
{
	(void)arguments;
	return reply(s, "214 2.0.0 this is LMTP, RFC 2033");
}

static enum command_result
cmd_vrfy(struct session *s, char *arguments)
{
	(void)arguments;
	return reply(s, "252 2.5.2 say RCPT to find out");
}

static enum command_result
cmd_quit(struct session *s, char *arguments)
{
	(void)arguments;
	session_stop(s, "221 2.0.0 goodbye");
	return COMMAND_DONE;
}

static enum command_result
cmd_starttls(struct session *s, char *arguments)
{
	(void)arguments;
	if (s->tls)
		return session_refuse(s, "503 5.5.1 TLS is there already");
	if (!s->tls_offered)
		return session_refuse(s, "502 5.5.1 there is no TLS here");
	transaction_end(s);
	s->state = SESSION_STARTTLS;
	return reply(s, "220 2.0.0 ready for TLS");
}

#define NO_LHLO   "503 5.5.1 say LHLO first"
#define NO_MAIL   "503 5.5.1 say MAIL first"
#define ONE_MAIL  "503 5.5.1 MAIL was said already"
#define ONE_WAY   "503 5.5.1 BDAT has begun the message"
#define NOT_NOW   "503 5.5.1 not during a transaction"
#define NO_SMTP   "500 5.5.1 this is LMTP: say LHLO"

#define EVERYWHERE                                                                                 \
	{ .keyword = "LHLO", .arguments = ARGUMENTS_WANTED, .run = cmd_lhlo },                     \
	{ .keyword = "EHLO", .refusal = NO_SMTP }, { .keyword = "HELO", .refusal = NO_SMTP },      \
	{ .keyword = "RSET", .run = cmd_rset },                                                    \
	{ .keyword = "BDAT", .arguments = ARGUMENTS_MAYBE, .run = cmd_bdat },                      \
	{ .keyword = "NOOP", .arguments = ARGUMENTS_MAYBE, .run = cmd_noop },                      \
	{ .keyword = "HELP", .arguments = ARGUMENTS_MAYBE, .run = cmd_help },                      \
	{ .keyword = "VRFY", .arguments = ARGUMENTS_WANTED, .run = cmd_vrfy },                     \
	{ .keyword = "QUIT", .run = cmd_quit }

static const struct command greeted[] = {
	EVERYWHERE,
	{ .keyword = "MAIL", .refusal = NO_LHLO },
	{ .keyword = "RCPT", .refusal = NO_LHLO },
	{ .keyword = "DATA", .refusal = NO_LHLO },
	{ .keyword = "STARTTLS", .refusal = NO_LHLO },
	{ .keyword = "XCLIENT", .arguments = ARGUMENTS_WANTED, .run = cmd_xclient },
	{ .keyword = NULL },
};

static const struct command ready[] = {
	EVERYWHERE,
	{ .keyword = "MAIL", .arguments = ARGUMENTS_MAYBE, .run = cmd_mail },
	{ .keyword = "RCPT", .refusal = NO_MAIL },
	{ .keyword = "DATA", .refusal = NO_MAIL },
	{ .keyword = "STARTTLS", .run = cmd_starttls },
	{ .keyword = "XCLIENT", .arguments = ARGUMENTS_WANTED, .run = cmd_xclient },
	{ .keyword = NULL },
};

static const struct command envelope[] = {
	EVERYWHERE,
	{ .keyword = "MAIL", .refusal = ONE_MAIL },
	{ .keyword = "RCPT", .arguments = ARGUMENTS_MAYBE, .run = cmd_rcpt, .overlaps = true },
	{ .keyword = "DATA", .run = cmd_data },
	{ .keyword = "STARTTLS", .refusal = NOT_NOW },
	{ .keyword = "XCLIENT", .refusal = NOT_NOW },
	{ .keyword = NULL },
};

static const struct command chunks[] = {
	EVERYWHERE,
	{ .keyword = "MAIL", .refusal = ONE_MAIL },
	{ .keyword = "RCPT", .refusal = ONE_WAY },
	{ .keyword = "DATA", .refusal = ONE_WAY },
	{ .keyword = "STARTTLS", .refusal = NOT_NOW },
	{ .keyword = "XCLIENT", .refusal = NOT_NOW },
	{ .keyword = NULL },
};

const struct command *
command_find(enum session_state state, const char *line, size_t length)
{
	static const struct command *const tables[SESSION_STATE_COUNT] = {
		[SESSION_GREETED] = greeted,
		[SESSION_READY] = ready,
		[SESSION_ENVELOPE] = envelope,
		[SESSION_CHUNKS] = chunks,
	};
	const char *space = memchr(line, ' ', length);
	size_t keyword = space != NULL ? (size_t)(space - line) : length;

	for (const struct command *row = tables[state]; row->keyword != NULL; row++)
		if (strlen(row->keyword) == keyword && strncasecmp(row->keyword, line, keyword) == 0)
			return row;
	return NULL;
}

enum command_result
command_run(struct session *s, const struct command *command, char *line)
{
	char *arguments = line + strcspn(line, " "), *end = line + strlen(line);

	if (command == NULL)
		return session_refuse(s, "500 5.5.1 unknown command");
	arguments += strspn(arguments, " ");
	while (end > arguments && end[-1] == ' ')
		*--end = '\0';
	if (command->run == NULL)
		return session_refuse(s, "%s", command->refusal);
	if (command->arguments == ARGUMENTS_NONE && *arguments != '\0')
		return session_refuse(s, "501 5.5.4 %s takes no argument", command->keyword);
	if (command->arguments == ARGUMENTS_WANTED && *arguments == '\0')
		return session_refuse(s, "501 5.5.4 %s wants an argument", command->keyword);
	return command->run(s, arguments);
}
