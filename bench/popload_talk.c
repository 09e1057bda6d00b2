/*
 * What the load generator says, and what it demands of the answers: each status line is +OK, STAT
 * counts what UIDL lists, listings are numbered without a gap and end with a dot, every line of a message
 * ends with CRLF, and a message has exactly the size that LIST promised once the stuffed dots are
 * taken out.
 */

#include "popload.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum talk_step plans[LOAD_MODE_COUNT][8] = {
	[LOAD_POLL] = { STEP_USER, STEP_PASS, STEP_STAT, STEP_UIDL, STEP_QUIT, STEP_END },
	[LOAD_STAT] = { STEP_USER, STEP_PASS, STEP_STAT, STEP_QUIT, STEP_END },
	[LOAD_DOWNLOAD] = { STEP_USER, STEP_PASS, STEP_LIST, STEP_RETR, STEP_QUIT, STEP_END },
	[LOAD_HOLD] = { STEP_USER, STEP_PASS, STEP_END },
};
static const enum talk_step plan_nothing[] = { STEP_END };

const char *const step_names[] = { "greeting", "STLS", "USER", "PASS", "STAT", "UIDL", "LIST", "RETR",
	"QUIT", "end" };

static enum talk_result talk_wrong(struct talk *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum talk_result
talk_wrong(struct talk *talk, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(talk->problem, sizeof(talk->problem), format, arguments);
	va_end(arguments);
	return TALK_WRONG;
}

static void talk_say(struct talk *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line that does not fit is not said; the answer that is then missing shows as a timeout. */
static void
talk_say(struct talk *talk, const char *format, ...)
{
	va_list arguments;
	size_t room;
	int n;

	if (talk->out_sent == talk->out_size)
		talk->out_sent = talk->out_size = 0;
	room = sizeof(talk->out) - talk->out_size;
	va_start(arguments, format);
	n = vsnprintf(talk->out + talk->out_size, room, format, arguments);
	va_end(arguments);
	if (n > 0 && (size_t)n < room)
		talk->out_size += (size_t)n;
}

void
talk_begin(struct talk *talk, const struct options *options, unsigned user)
{
	const char *mark = strstr(options->user_pattern, "%d");

	talk->options = options;
	talk->plan = options->mode == LOAD_HOLD && options->hold_before_login
	    ? plan_nothing
	    : plans[options->mode];
	talk->step = STEP_GREETING;
	talk->in_reply = talk->counted = false;
	talk->out_size = talk->out_sent = talk->line_size = 0;
	talk->message_count = 0;
	if (mark)
		snprintf(talk->user, sizeof(talk->user), "%.*s%u%s",
		    (int)(mark - options->user_pattern), options->user_pattern, user, mark + 2);
	else
		snprintf(talk->user, sizeof(talk->user), "%s", options->user_pattern);
}

/* Keeps as many RETR on their way as --pipeline allows. */
static void
talk_ask_messages(struct talk *talk)
{
	while (talk->asked < talk->message_count &&
	    talk->asked - talk->retrieved < talk->options->pipeline)
		talk_say(talk, "RETR %" PRIu64 "\r\n", ++talk->asked);
}

/* The next step of the plan that there is something to do for; says its command. */
static enum talk_result
talk_next(struct talk *talk)
{
	talk->in_reply = false;
	if (talk->step == STEP_RETR && ++talk->retrieved < talk->message_count) {
		talk_ask_messages(talk);
		return TALK_MORE;
	}
	if (talk->step == STEP_GREETING && talk->options->tls == LOAD_STLS) {
		talk->step = STEP_STLS;
		talk_say(talk, "STLS\r\n");
		return TALK_MORE;
	}
	talk->step = *talk->plan++;
	if (talk->step == STEP_RETR && talk->message_count == 0)
		talk->step = *talk->plan++;
	talk->listed = 0;
	switch (talk->step) {
	case STEP_USER:
		talk_say(talk, "USER %s\r\n", talk->user);
		break;
	case STEP_PASS:
		talk_say(talk, "PASS %s\r\n", talk->options->password);
		break;
	case STEP_STAT:
		talk_say(talk, "STAT\r\n");
		break;
	case STEP_UIDL:
		talk_say(talk, "UIDL\r\n");
		break;
	case STEP_LIST:
		talk_say(talk, "LIST\r\n");
		break;
	case STEP_RETR:
		talk->retrieved = talk->asked = 0;
		talk_ask_messages(talk);
		break;
	case STEP_QUIT:
		talk_say(talk, "QUIT\r\n");
		break;
	default:
		return TALK_DONE;
	}
	return TALK_MORE;
}

static enum talk_result
count_expected(struct talk *talk)
{
	if (talk->options->expected_messages >= 0 &&
	    talk->message_count != (uint64_t)talk->options->expected_messages)
		return talk_wrong(talk, "%s has %" PRIu64 " messages, not %ld", talk->user,
		    talk->message_count, talk->options->expected_messages);
	return TALK_MORE;
}

static enum talk_result
status_line(struct talk *talk, const char *line)
{
	uint64_t octets;

	if (strncmp(line, "+OK", 3) != 0 || (line[3] != ' ' && line[3] != '\0'))
		return talk_wrong(talk, "%s: %s answered: %.150s", talk->user, step_names[talk->step],
		    line);
	switch (talk->step) {
	case STEP_STAT:
		if (sscanf(line + 3, " %" SCNu64 " %" SCNu64, &talk->message_count, &octets) != 2)
			return talk_wrong(talk, "STAT answered: %.150s", line);
		if (count_expected(talk) == TALK_WRONG)
			return TALK_WRONG;
		talk->counted = true;
		return talk_next(talk);
	case STEP_STLS:
		talk_next(talk);
		return TALK_START_TLS;
	case STEP_RETR:
		talk->place = BODY_LINE_START;
		talk->body_size = 0;
		talk->in_reply = true;
		return TALK_MORE;
	case STEP_UIDL:
	case STEP_LIST:
		talk->in_reply = true;
		return TALK_MORE;
	default:
		return talk_next(talk);
	}
}

static enum talk_result
listing_end(struct talk *talk)
{
	if (talk->step == STEP_LIST) {
		talk->message_count = talk->listed;
		if (count_expected(talk) == TALK_WRONG)
			return TALK_WRONG;
	} else if (talk->listed != talk->message_count) {
		return talk_wrong(talk, "%s: STAT counts %" PRIu64 " messages, UIDL %" PRIu64, talk->user,
		    talk->message_count, talk->listed);
	}
	return talk_next(talk);
}

static int
size_remember(struct talk *talk, uint64_t size)
{
	if (talk->listed == talk->sizes_max) {
		size_t max = talk->sizes_max ? 2 * talk->sizes_max : 64;
		uint64_t *sizes = realloc(talk->sizes, max * sizeof(*sizes));

		if (!sizes)
			return -1;
		talk->sizes = sizes;
		talk->sizes_max = max;
	}
	talk->sizes[talk->listed] = size;
	return 0;
}

static enum talk_result
listing_line(struct talk *talk, const char *line)
{
	uint64_t number, size;
	char *rest, *end;
	size_t length;

	if (strcmp(line, ".") == 0)
		return listing_end(talk);
	number = strtoull(line, &rest, 10);
	if (number != talk->listed + 1 || *rest != ' ')
		return talk_wrong(talk, "%s: line %" PRIu64 " of a listing is: %.150s", talk->user,
		    talk->listed + 1, line);
	rest++;
	if (talk->step == STEP_LIST) {
		size = strtoull(rest, &end, 10);
		if (end == rest || *end)
			return talk_wrong(talk, "%s: not a size: %.150s", talk->user, line);
		if (size_remember(talk, size) < 0)
			return talk_wrong(talk, "out of memory");
	} else if ((length = strlen(rest)) < 1 || length > 70 || strchr(rest, ' ')) {
		return talk_wrong(talk, "%s: not a UIDL: %.150s", talk->user, line);
	}
	talk->listed++;
	return TALK_MORE;
}

static enum talk_result
body_end(struct talk *talk)
{
	uint64_t promised = talk->sizes[talk->retrieved];

	if (talk->body_size != promised)
		return talk_wrong(talk, "%s: message %" PRIu64 " has %" PRIu64 " octets, LIST said %" PRIu64,
		    talk->user, talk->retrieved + 1, talk->body_size, promised);
	talk->messages++;
	talk->message_octets += promised;
	return talk_next(talk);
}

/* Counts a message's octets; *position stops behind its final dot, or at the end of the data. */
static enum talk_result
body_feed(struct talk *talk, const char **position, const char *end)
{
	const char *p = *position, *newline;

	while (p < end) {
		switch (talk->place) {
		case BODY_LINE_START:
			talk->place = *p == '.' ? BODY_AFTER_DOT : BODY_IN_LINE;
			p += *p == '.';
			break;
		case BODY_AFTER_DOT:
			if (*p != '\r' && *p != '.')
				return talk_wrong(talk, "%s: a dot that is not stuffed", talk->user);
			talk->place = *p == '\r' ? BODY_AFTER_DOT_CR : BODY_IN_LINE;
			p += *p == '\r';
			break;
		case BODY_AFTER_DOT_CR:
			if (*p++ != '\n')
				return talk_wrong(talk, "%s: dot and CR without LF", talk->user);
			*position = p;
			return body_end(talk);
		case BODY_IN_LINE:
			newline = memchr(p, '\n', (size_t)(end - p));
			if (newline && (newline > p ? newline[-1] : talk->previous) != '\r')
				return talk_wrong(talk, "%s: a line of a message ends without CR", talk->user);
			talk->place = newline ? BODY_LINE_START : BODY_IN_LINE;
			newline = newline ? newline + 1 : end;
			talk->body_size += (uint64_t)(newline - p);
			talk->previous = newline[-1];
			p = newline;
			break;
		}
	}
	*position = p;
	return TALK_MORE;
}

/* Takes one line off the data; TALK_DONE when talk->line holds it whole and without its line end. */
static enum talk_result
line_feed(struct talk *talk, const char **position, const char *end)
{
	const char *newline = memchr(*position, '\n', (size_t)(end - *position));
	size_t size = (size_t)((newline ? newline + 1 : end) - *position);

	if (size > sizeof(talk->line) - talk->line_size)
		return talk_wrong(talk, "%s: a line of a reply is too long", talk->user);
	memcpy(talk->line + talk->line_size, *position, size);
	talk->line_size += size;
	*position += size;
	if (!newline)
		return TALK_MORE;
	if (talk->line_size < 2 || talk->line[talk->line_size - 2] != '\r')
		return talk_wrong(talk, "%s: a line of a reply ends without CR", talk->user);
	talk->line[talk->line_size - 2] = '\0';
	talk->line_size = 0;
	return TALK_DONE;
}

enum talk_result
talk_feed(struct talk *talk, const char *data, size_t size)
{
	const char *p = data, *end = data + size;
	enum talk_result result = TALK_MORE;

	talk->octets += size;
	while (p < end && result == TALK_MORE) {
		if (talk->in_reply && talk->step == STEP_RETR) {
			result = body_feed(talk, &p, end);
			continue;
		}
		/* The command is still here; pipelined ones before it may be answered meanwhile. */
		if (talk->out_sent < talk->out_size && talk->options->pipeline == 1)
			break;
		result = line_feed(talk, &p, end);
		if (result == TALK_DONE)
			result = talk->in_reply ? listing_line(talk, talk->line)
						: status_line(talk, talk->line);
	}
	if (p < end && result != TALK_WRONG)
		return talk_wrong(talk, "%s: %zu octets that nobody asked for", talk->user,
		    (size_t)(end - p));
	return result;
}
