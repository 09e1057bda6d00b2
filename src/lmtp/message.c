/* The message: DATA, BDAT, and its delivery (RFC 2033, sections 4.2 and 4.3; RFC 3030, section 2). */

#include "lmtp/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

enum command_result
cmd_data(struct session *s, char *arguments)
{
	(void)arguments;
	if (s->accepted_count == 0)
		return session_refuse(s, "503 5.5.1 there are no recipients");
	dots_begin(&s->dots);
	s->state = SESSION_DATA;
	writer_text(s->out, "354 go on, end with <CRLF>.<CRLF>\r\n");
	return COMMAND_DONE;
}

/* The header has "Delivered-To:" with this address. */
static void
recipient_looped(void *context, const struct path *path)
{
	struct session *s = context;

	for (size_t i = 0; i < s->accepted_count; i++)
		if (path_equal(&s->recipients[i]->path, path))
			s->recipients[i]->looped = true;
}

/*
 * A piece of the message. After a failure the rest is taken and forgotten, but counted: a message that is too big
 * will not be better later, so that goes before what may be.
 */
static void
spool(struct session *s, const char *octets, size_t size)
{
	if (size == 0)
		return;
	s->octets += size;
	if (s->settings->size_max > 0 && s->octets > s->settings->size_max)
		s->spool = VERDICT_TOO_BIG;
	if (s->spool != VERDICT_OK)
		return;
	hops_add(&s->hops, octets, size, recipient_looped, s);
	s->spool = s->calls->data(s->context, octets, size);
}

/* What becomes of a recipient, or VERDICT_NONE. */
static enum verdict
outcome(const struct recipient *recipient)
{
	return recipient->first != NULL ? recipient->first->verdict : recipient->verdict;
}

/* Each outcome leaves as soon as those before it are known (RFC 2033, section 5). */
static void
outcomes_tell(struct session *s)
{
	while (s->told_count < s->accepted_count) {
		const struct recipient *recipient = s->recipients[s->told_count];

		if (outcome(recipient) == VERDICT_NONE)
			return;
		if (outcome(recipient) == VERDICT_OK)
			s->bad_commands = 0;
		reply_verdict(s->out, outcome(recipient), &recipient->path);
		s->told_count++;
	}
	if (!s->delivering)
		transaction_end(s);
}

static int
by_number(const void *a, const void *b)
{
	const struct recipient *const *x = a, *const *y = b;

	return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

static int
by_path(const void *a, const void *b)
{
	const struct recipient *const *x = a, *const *y = b;
	int result = path_compare(&(*x)->path, &(*y)->path);

	return result != 0 ? result : by_number(a, b);
}

/*
 * One address gets one copy, however often RCPT named it: in the order of addresses equal ones are neighbours.
 * There may be very many, which must not be compared each with each.
 */
static void
recipients_pair(struct session *s)
{
	struct recipient **list = s->recipients;

	qsort(list, s->accepted_count, sizeof(*list), by_path);
	for (size_t i = 1; i < s->accepted_count; i++)
		if (path_compare(&list[i - 1]->path, &list[i]->path) == 0)
			list[i]->first = list[i - 1]->first != NULL ? list[i - 1]->first : list[i - 1];
	qsort(list, s->accepted_count, sizeof(*list), by_number);
}

static void
recipient_fail(struct session *s, struct recipient *recipient)
{
	recipient->verdict = s->spool != VERDICT_OK ? s->spool : VERDICT_LOOP;
	if (s->calls->undelivered != NULL)
		s->calls->undelivered(s->context, recipient);
}

static void
message_end(struct session *s)
{
	hops_end(&s->hops, recipient_looped, s);
	s->state = SESSION_DELIVERY;
	s->delivering = true;
	if (s->accepted_count > 1)
		recipients_pair(s);
	for (size_t i = 0; i < s->accepted_count; i++) {
		struct recipient *recipient = s->recipients[i];

		if (s->spool != VERDICT_OK || recipient->looped || hops_too_many(&s->hops))
			recipient_fail(s, recipient);
		else if (recipient->first == NULL)
			s->calls->deliver(s->context, recipient);
	}
	s->delivering = false;
	outcomes_tell(s);
}

void
session_delivered(struct session *s, unsigned number, enum verdict verdict)
{
	if (s->state != SESSION_DELIVERY)
		return;
	for (size_t i = s->told_count; i < s->accepted_count; i++)
		if (s->recipients[i]->number == number && s->recipients[i]->verdict == VERDICT_NONE)
			s->recipients[i]->verdict = verdict;
	outcomes_tell(s);
}

size_t
message_take(struct session *s, const char *input, size_t size)
{
	size_t done = 0;

	while (done < size && s->dots.place != DOTS_END) {
		const char *text;
		size_t length;

		done += dots_take(&s->dots, input + done, size - done, &text, &length);
		spool(s, text, length);
	}
	if (s->dots.place == DOTS_END)
		message_end(s);
	return done;
}

/* The reply to a BDAT, when its octets are all there. */
static void
chunk_end(struct session *s)
{
	s->state = s->chunk_state;
	if (s->state == SESSION_GREETED) {
		session_refuse(s, "503 5.5.1 say LHLO first");
	} else if (!s->chunk_used && s->chunk_last && s->mail_seen) {
		/* No reply at all: RFC 2033, section 4.3. The client counts the recipients that were accepted. */
		transaction_end(s);
	} else if (!s->chunk_used) {
		session_refuse(s, "503 5.5.1 there are no recipients");
	} else if (s->chunk_last) {
		message_end(s);
	} else {
		s->state = SESSION_CHUNKS;
		if (s->spool == VERDICT_OK)
			writer_printf(s->out, "250 2.0.0 %" PRIu64 " octets\r\n", s->chunk_size);
		else
			reply_failure(s->out, s->spool);
	}
}

/* "86" or "86 LAST". */
static bool
chunk_parse(struct session *s, char *arguments)
{
	char *word = arguments + strcspn(arguments, " ");

	s->chunk_last = *word == ' ';
	if (s->chunk_last) {
		*word++ = '\0';
		word += strspn(word, " ");
		if (strcasecmp(word, "LAST") != 0)
			return false;
	}
	return number_parse(arguments, &s->chunk_size);
}

/*
 * The octets come whatever the reply, so they are taken even where BDAT is not allowed. If nobody knows
 * how many they are, what follows could be taken for commands, and the message might choose them: then
 * the session ends.
 */
enum command_result
cmd_bdat(struct session *s, char *arguments)
{
	if (!chunk_parse(s, arguments)) {
		session_stop(s, "501 5.5.4 BDAT wants a size, and LAST or nothing; goodbye");
		return COMMAND_DONE;
	}
	s->chunk_left = s->chunk_size;
	s->chunk_state = s->state;
	s->chunk_used = s->accepted_count > 0;
	s->state = SESSION_CHUNK;
	if (s->chunk_left == 0)
		chunk_end(s);
	return COMMAND_DONE;
}

size_t
chunk_take(struct session *s, const char *input, size_t size)
{
	size_t part = s->chunk_left < size ? (size_t)s->chunk_left : size;

	if (s->chunk_used)
		spool(s, input, part);
	s->chunk_left -= part;
	if (s->chunk_left == 0)
		chunk_end(s);
	return part;
}
