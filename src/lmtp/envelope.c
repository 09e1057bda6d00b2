/* MAIL and RCPT, and what auth says about recipients (RFC 5321, sections 4.1.1.2 and 4.1.1.3). */

#include "lmtp/engine.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

#define NEEDS_UTF8 "553 5.6.7 the address needs SMTPUTF8"	/* RFC 6531, section 3.5 */

/* What the parameters of one command say. */
struct parameters {
	struct envelope envelope;
	unsigned notify;
	const char *orcpt;
	bool utf8;			/* values may hold characters beyond ASCII */
};

static bool
set_size(struct parameters *p, const char *value)
{
	return value != NULL && number_parse(value, &p->envelope.size);
}

static bool
set_body(struct parameters *p, const char *value)
{
	if (value == NULL || (strcasecmp(value, "7BIT") != 0 && strcasecmp(value, "8BITMIME") != 0))
		return false;
	p->envelope.body = *value == '7' ? BODY_7BIT : BODY_8BITMIME;
	return true;
}

static bool
set_utf8(struct parameters *p, const char *value)
{
	p->envelope.utf8 = true;
	return value == NULL;
}

static bool
set_ret(struct parameters *p, const char *value)
{
	if (value == NULL || (strcasecmp(value, "FULL") != 0 && strcasecmp(value, "HDRS") != 0))
		return false;
	p->envelope.ret = strcasecmp(value, "FULL") == 0 ? RET_FULL : RET_HDRS;
	return true;
}

static bool
set_envid(struct parameters *p, const char *value)
{
	if (value == NULL || !envid_valid(value))
		return false;
	memcpy(p->envelope.envid, value, strlen(value) + 1);
	return true;
}

static bool
set_notify(struct parameters *p, const char *value)
{
	return value != NULL && notify_parse(value, &p->notify);
}

static bool
set_orcpt(struct parameters *p, const char *value)
{
	p->orcpt = value;
	return value != NULL && orcpt_valid(value, p->utf8);
}

struct parameter_row {
	const char *keyword;
	bool (*set)(struct parameters *, const char *value);
};

static const struct parameter_row mail_parameters[] = {
	{ "SIZE", set_size },		/* RFC 1870 */
	{ "BODY", set_body },		/* RFC 6152 */
	{ "SMTPUTF8", set_utf8 },	/* RFC 6531 */
	{ "RET", set_ret },		/* RFC 3461, as the others below */
	{ "ENVID", set_envid },
	{ NULL, NULL },
};

static const struct parameter_row rcpt_parameters[] = {
	{ "NOTIFY", set_notify },
	{ "ORCPT", set_orcpt },
	{ NULL, NULL },
};

/* NULL, or the reply to what is wrong. */
static const char *
parameters_read(struct parameters *p, const struct parameter_row rows[], char *text)
{
	struct parameter parameter;
	enum parameter_status status;
	unsigned seen = 0;

	if (*text != '\0' && *text != ' ')
		return "501 5.5.4 a space is wanted behind the path";
	while ((status = parameter_take(&text, p->utf8, &parameter)) == PARAMETER_READY) {
		size_t i = 0;

		while (rows[i].keyword != NULL && strcmp(rows[i].keyword, parameter.keyword) != 0)
			i++;
		if (rows[i].keyword == NULL)
			return "555 5.5.4 a parameter is not known here";
		if ((seen & 1u << i) != 0)
			return "501 5.5.4 a parameter is said twice";
		if (!rows[i].set(p, parameter.value))
			return "501 5.5.4 a parameter has a bad value";
		seen |= 1u << i;
	}
	return status == PARAMETER_BAD ? "501 5.5.4 that is not a parameter" : NULL;
}

/* Moves *text behind "FROM:" or "TO:"; a space there is forbidden and usual. */
static bool
word_skip(char **text, const char *word)
{
	size_t length = strlen(word);

	if (strncasecmp(*text, word, length) != 0)
		return false;
	*text += length;
	*text += strspn(*text, " ");
	return true;
}

enum command_result
cmd_mail(struct session *s, char *arguments)
{
	struct parameters p = { .notify = 0 };
	const char *at, *problem;

	s->mail_seen = true;
	if (!word_skip(&arguments, "FROM:"))
		return session_refuse(s, "501 5.5.4 MAIL FROM:<path> is wanted");
	at = arguments;
	problem = path_take(&p.envelope.sender, &at, PATH_REVERSE);
	if (problem != NULL)
		return session_refuse(s, "501 5.1.7 %s", problem);
	problem = parameters_read(&p, mail_parameters, arguments + (at - arguments));
	if (problem != NULL)
		return session_refuse(s, "%s", problem);
	if (p.envelope.sender.utf8 && !p.envelope.utf8)
		return session_refuse(s, "%s", NEEDS_UTF8);
	if (s->settings->size_max > 0 && p.envelope.size > s->settings->size_max) {
		reply_failure(s->out, VERDICT_TOO_BIG);
		return COMMAND_DONE;
	}
	s->envelope = p.envelope;
	s->in_transaction = true;
	s->state = SESSION_ENVELOPE;
	s->message_count++;
	s->last_number = 0;
	s->octets = 0;
	s->spool = VERDICT_OK;
	hops_begin(&s->hops);
	writer_text(s->out, "250 2.1.0 ok\r\n");
	return COMMAND_DONE;
}

/* The array has room for one more. */
static bool
recipients_grow(struct session *s)
{
	size_t size = s->recipients_size == 0 ? 4 : s->recipients_size * 2;
	struct recipient **grown;

	if (s->recipient_count < s->recipients_size)
		return true;
	grown = realloc(s->recipients, size * sizeof(struct recipient *));
	if (grown == NULL)
		return false;
	s->recipients = grown;
	s->recipients_size = size;
	return true;
}

static struct recipient *
recipient_new(struct session *s, const struct path *path, const struct parameters *p)
{
	size_t orcpt_length = p->orcpt != NULL ? strlen(p->orcpt) : 0;
	struct recipient *recipient;

	if (!recipients_grow(s))
		return NULL;
	recipient = calloc(1, sizeof(*recipient) + orcpt_length + 1);
	if (recipient == NULL)
		return NULL;
	recipient->number = ++s->last_number;
	recipient->path = *path;
	recipient->notify = p->notify;
	extension_split(path, s->settings->delimiter, &recipient->base, recipient->detail);
	memcpy(recipient->orcpt, p->orcpt != NULL ? p->orcpt : "", orcpt_length + 1);
	s->recipients[s->recipient_count++] = recipient;
	return recipient;
}

static enum command_result
recipient_ask(struct session *s, const struct path *path, const struct parameters *p)
{
	size_t asked_count = s->recipient_count - s->asked_start;
	const struct recipient *recipient;

	if (asked_count >= RECIPIENTS_ASKED_MAX)
		return COMMAND_LATER;
	if (s->accepted_count + asked_count >= s->settings->recipients_max) {
		/* One of those that are asked about may be refused and make room. */
		if (asked_count > 0)
			return COMMAND_LATER;
		writer_text(s->out, "452 4.5.3 too many recipients\r\n");
		return COMMAND_DONE;
	}
	recipient = recipient_new(s, path, p);
	if (recipient == NULL) {
		if (asked_count > 0)
			return COMMAND_LATER;
		reply_verdict(s->out, VERDICT_TEMPORARY, path);
		return COMMAND_DONE;
	}
	s->calls->recipient(s->context, recipient);
	return COMMAND_DONE;
}

/* The command in parts. NULL, or what is wrong, and *codes what goes before it; "" where that says it. */
static const char *
rcpt_read(const struct session *s, char *arguments, struct path *path, struct parameters *p,
    const char **codes)
{
	const char *at, *problem;

	*codes = "501 5.5.4 ";
	if (!word_skip(&arguments, "TO:"))
		return "RCPT TO:<path> is wanted";
	*codes = "501 5.1.3 ";
	at = arguments;
	problem = path_take(path, &at, PATH_FORWARD);
	if (problem != NULL)
		return problem;
	*codes = "";
	problem = parameters_read(p, rcpt_parameters, arguments + (at - arguments));
	if (problem != NULL)
		return problem;
	return path->utf8 && !s->envelope.utf8 ? NEEDS_UTF8 : NULL;
}

enum command_result
cmd_rcpt(struct session *s, char *arguments)
{
	struct parameters p = { .utf8 = s->envelope.utf8 };
	const char *problem, *codes;
	struct path path;

	problem = rcpt_read(s, arguments, &path, &p, &codes);
	if (problem == NULL)
		return recipient_ask(s, &path, &p);
	return recipients_asked(s) ? COMMAND_LATER : session_refuse(s, "%s%s", codes, problem);
}

/* Writes the replies that are due, in the order of the commands. */
static void
recipients_tell(struct session *s)
{
	while (recipients_asked(s) && s->recipients[s->asked_start]->verdict != VERDICT_NONE) {
		struct recipient *recipient = s->recipients[s->asked_start++];

		reply_verdict(s->out, recipient->verdict, &recipient->path);
		if (recipient->verdict == VERDICT_OK) {
			recipient->verdict = VERDICT_NONE;
			s->recipients[s->accepted_count++] = recipient;
		} else {
			free(recipient);
		}
	}
	if (!recipients_asked(s))
		s->asked_start = s->recipient_count = s->accepted_count;
}

void
session_recipient(struct session *s, unsigned number, enum verdict verdict)
{
	for (size_t i = s->asked_start; i < s->recipient_count; i++)
		if (s->recipients[i]->number == number && s->recipients[i]->verdict == VERDICT_NONE)
			s->recipients[i]->verdict = verdict;
	recipients_tell(s);
}
