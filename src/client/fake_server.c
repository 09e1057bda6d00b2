/* See fake_server.h. */

#include "client/fake_server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

#define TEXT_MAX (1 << 20)

struct hall {
	struct restante_client *client;
	size_t piece;
	char *events;			/* lines that no "=" has named yet */
	size_t events_used;
	bool is_data_open;		/* the last line is DATA: more of it may be added */
	char problem[4096];
};

static const char *const result_names[RESTANTE_RESULT_COUNT] = { "OK", "MEMORY", "USAGE",
	"UNKNOWN_HOST", "UNREACHABLE", "TIMED_OUT", "CLOSED", "BROKEN", "TLS_FAILED", "UNTRUSTED",
	"UNPROTECTED", "NO_MECHANISM", "DENIED", "IN_USE", "LOGIN_DELAY", "TEMPORARY", "PERMANENT",
	"NEEDS_UTF8", "REFUSED" };

static const char *const code_names[RESTANTE_CODE_COUNT] = { "", "[AUTH] ", "[IN-USE] ", "[LOGIN-DELAY] ",
	"[SYS/TEMP] ", "[SYS/PERM] ", "[UTF8] ", "[?] " };

static void problem(struct hall *, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
problem(struct hall *hall, const char *format, ...)
{
	va_list arguments;

	if (hall->problem[0] != '\0')
		return;
	va_start(arguments, format);
	vsnprintf(hall->problem, sizeof(hall->problem), format, arguments);
	va_end(arguments);
}

static void note(struct hall *, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
note(struct hall *hall, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	hall->events_used += (size_t)vsnprintf(
	    hall->events + hall->events_used, TEXT_MAX - hall->events_used, format, arguments);
	va_end(arguments);
	if (hall->events_used >= TEXT_MAX)
		abort();
}

static void
note_data(struct hall *hall, const struct restante_event *event)
{
	size_t size;
	const char *data = restante_event_data(event, &size);

	if (size == 0)
		problem(hall, "an empty piece");
	if (hall->is_data_open)
		hall->events_used--;	/* its line end */
	else
		note(hall, "DATA %lu ", restante_event_command(event));
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)data[i] >= ' ' && data[i] != 0x7F)
			note(hall, "%c", data[i]);
		else
			note(hall, data[i] == '\r' ? "\\r" : data[i] == '\n' ? "\\n" : "\\x%02x",
			    (unsigned char)data[i]);
	note(hall, "\n");
}

static void
note_event(struct hall *hall, const struct restante_event *event, enum restante_event_type type)
{
	const unsigned long command = restante_event_command(event), number = restante_event_number(event),
	    octets = restante_event_octets(event);
	const char *result = result_names[restante_event_result(event)];
	const char *code = code_names[restante_event_code(event)], *text = restante_event_text(event);

	if (type == RESTANTE_EVENT_DATA)
		note_data(hall, event);
	else if (type == RESTANTE_EVENT_READY)
		note(hall, "READY\n");
	else if (type == RESTANTE_EVENT_REPLY)
		note(hall, "REPLY %lu %lu %lu %s\n", command, number, octets, text);
	else if (type == RESTANTE_EVENT_ITEM)
		note(hall, "ITEM %lu %lu %lu %s\n", command, number, octets, text);
	else if (type == RESTANTE_EVENT_DONE)
		note(hall, "DONE %lu %s %lu %lu %s%s\n", command, result, number, octets, code, text);
	else
		note(hall, "END %s %s%s\n", result, code, text);
	hall->is_data_open = type == RESTANTE_EVENT_DATA;
}

static void
hear(struct hall *hall)
{
	const struct restante_event *event;
	enum restante_event_type type;

	while ((type = restante_client_next(hall->client, &event)) != RESTANTE_EVENT_NONE)
		note_event(hall, event, type);
}

/* The server says it, in pieces. */
static void
say(struct hall *hall, const char *text, size_t size)
{
	while (size > 0) {
		size_t room, part;
		void *buffer = restante_client_input_buffer(hall->client, &room);

		if (room == 0)
			return;		/* it is over */
		part = size < hall->piece ? size : hall->piece;
		part = part < room ? part : room;
		memcpy(buffer, text, part);
		restante_client_input_done(hall->client, part);
		hear(hall);
		text += part;
		size -= part;
	}
}

/* "AUTH SCRAM-SHA-1 *": what follows is not the same twice. */
static bool
is_begun(const char *text, size_t size)
{
	return size > 3 && memcmp(text + size - 3, "*\r\n", 3) == 0;
}

/* The client must have said this and no more. */
static void
listen(struct hall *hall, const char *text, size_t size)
{
	size_t used = 0, part;
	char *said = calloc(1, TEXT_MAX);
	const void *data;

	while ((data = restante_client_output(hall->client, &part)) != NULL && part > 0) {
		if (used + part >= TEXT_MAX)
			abort();
		memcpy(said + used, data, part);
		used += part;
		restante_client_output_done(hall->client, part);
	}
	if (is_begun(text, size) ? used < size - 3 || memcmp(said, text, size - 3) != 0 :
	    used != size || memcmp(said, text, size) != 0)
		problem(hall, "said: {%.*s} and not: {%.*s}", (int)used, said, (int)size, text);
	free(said);
}

static uint64_t
number_in(const char **text)
{
	char digits[NUMBER_DIGITS_MAX + 1] = "";
	size_t length = strspn(*text += strspn(*text, " "), "0123456789");
	uint64_t number = 0;

	memcpy(digits, *text, length < NUMBER_DIGITS_MAX ? length : NUMBER_DIGITS_MAX);
	number_parse(digits, &number);
	*text += length;
	return number;
}

static void
ask(struct hall *hall, const char *line)
{
	struct restante_client *client = hall->client;
	const char *rest = line + strcspn(line, " ");
	const size_t length = (size_t)(rest - line);
	const char *argument = *rest != '\0' ? rest + 1 : rest;
	uint64_t number = 0, lines;

#define IS(word) (length == strlen(word) && strncmp(line, word, length) == 0)
	if (!IS("lang") && !IS("line") && !IS("lines"))
		number = number_in(&rest);
	lines = number_in(&rest);
	if (IS("stat"))
		restante_client_stat(client);
	else if (IS("list"))
		restante_client_list(client, number);
	else if (IS("uidl"))
		restante_client_uidl(client, number);
	else if (IS("retr"))
		restante_client_retr(client, number);
	else if (IS("top"))
		restante_client_top(client, number, lines);
	else if (IS("dele"))
		restante_client_dele(client, number);
	else if (IS("rset"))
		restante_client_rset(client);
	else if (IS("noop"))
		restante_client_noop(client);
	else if (IS("last"))
		restante_client_last(client);
	else if (IS("lang"))
		restante_client_lang(client, *argument != '\0' ? argument : NULL);
	else if (IS("capa"))
		restante_client_capa(client);
	else if (IS("quit"))
		restante_client_quit(client);
	else if (IS("line") || IS("lines"))
		restante_client_command(client, argument, IS("lines"));
	else
		problem(hall, "no such command in a talk: %s", line);
#undef IS
}

/* The next of the events is this. */
static void
expect(struct hall *hall, const char *line, size_t size)
{
	char *end = memchr(hall->events, '\n', hall->events_used);
	size_t length = end != NULL ? (size_t)(end - hall->events) : 0;

	if (end == NULL || length != size || memcmp(hall->events, line, size) != 0) {
		problem(hall, "event: {%.*s} and not: {%.*s}", (int)length, hall->events, (int)size, line);
		return;
	}
	hall->events_used -= length + 1;
	memmove(hall->events, end + 1, hall->events_used);
	hall->events[hall->events_used] = '\0';
	hall->is_data_open = false;
}

static void
compare_offer(struct hall *hall, const char *line)
{
	const struct restante_client *client = hall->client;
	char is[4096];

	snprintf(is, sizeof(is), "%x %ld %ld [%s] [%s] %s", restante_client_capabilities(client),
	    restante_client_expire_days(client), restante_client_login_delay_seconds(client),
	    restante_client_mechanisms(client), restante_client_implementation(client),
	    restante_client_mechanism(client));
	if (strcmp(is, line) != 0)
		problem(hall, "the server can: {%s} and not: {%s}", is, line);
}

static size_t
octets_of(char *octets, const char *line, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < size; i++) {
		unsigned octet;

		if (line[i] != '\\' || i + 1 == size) {
			octets[used++] = line[i];
			continue;
		}
		i++;
		if (line[i] == 'x' && sscanf(line + i + 1, "%2x", &octet) == 1) {
			octets[used++] = (char)octet;
			i += 2;
		} else
			octets[used++] = line[i] == 'r' ? '\r' : line[i] == 'n' ? '\n' :
			    line[i] == 't' ? '\t' : line[i] == '0' ? '\0' : line[i];
	}
	return used;
}

static const char *
line_end(const char *text)
{
	return text + strcspn(text, "\n");
}

/* Lines of one kind that follow each other; returns what is behind them. */
static const char *
collect(const char *text, char kind, char *octets, size_t *used)
{
	*used = 0;
	for (; text[0] == kind && text[1] != '$';
	     text = *line_end(text) != '\0' ? line_end(text) + 1 : line_end(text)) {
		const char *line = text + 1;
		size_t size = (size_t)(line_end(text) - line);

		if (kind == '<' && line[0] == '|')
			*used += octets_of(octets + *used, line + 1, size - 1);
		else {
			memcpy(octets + *used, line, size);
			memcpy(octets + *used + size, "\r\n", 2);
			*used += size + 2;
		}
	}
	return text;
}

static void
hold(struct hall *hall, const char *text)
{
	char *octets = malloc(TEXT_MAX), line[4096];
	size_t used;

	while (*text != '\0' && hall->problem[0] == '\0') {
		const char *end = line_end(text);

		snprintf(line, sizeof(line), "%.*s", (int)(end - text - 1), text + 1);
		if (*text == '>') {
			text = collect(text, '>', octets, &used);
			listen(hall, octets, used);
			continue;
		}
		if (*text == '<' && text[1] != '$') {
			text = collect(text, '<', octets, &used);
			say(hall, octets, used);
			continue;
		}
		if (*text == '<')
			restante_client_input_done(hall->client, 0);
		else if (*text == '!')
			ask(hall, line);
		else if (*text == '@')
			compare_offer(hall, line);
		else if (*text == '=')
			expect(hall, line, strlen(line));
		else
			problem(hall, "no line of a talk: %s", text);
		if (*text == '!' || *text == '<')
			hear(hall);
		text = *end != '\0' ? end + 1 : end;
	}
	free(octets);
}

const char *
talk_hold(const struct talk *talk, unsigned borne_with, size_t piece, unsigned *quirks_met)
{
	struct restante_options *options = restante_options_new();
	struct hall hall = { .piece = piece, .events = calloc(1, TEXT_MAX) };
	static char said[8192];

	restante_options_set(options, RESTANTE_SECURITY, "clear");
	restante_options_set(options, RESTANTE_HOST, "pop.example");
	for (size_t i = 0; i < TALK_OPTIONS_MAX && talk->options[i].option != 0; i++)
		if (restante_options_set(options, talk->options[i].option, talk->options[i].value) != 0)
			problem(&hall, "%s", restante_options_error(options));
	hall.client = restante_client_new(options);
	restante_options_free(options);
	hall.client->quirks = borne_with;
	hear(&hall);
	hold(&hall, talk->text);
	listen(&hall, "", 0);
	if (hall.events_used > 0)
		problem(&hall, "events that nobody expected: {%s}", hall.events);
	*quirks_met = hall.client->quirks_met;
	restante_client_free(hall.client);
	free(hall.events);
	said[0] = '\0';
	if (hall.problem[0] != '\0')
		snprintf(said, sizeof(said), "%s (pieces of %zu): %s", talk->name, piece, hall.problem);
	return said;
}

size_t
talks_hold(const struct talk *all, size_t count)
{
	static const size_t pieces[] = { 1, 7, TEXT_MAX };
	size_t failed = 0;
	unsigned met;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
			const char *said = talk_hold(&all[i], ~0U, pieces[j], &met);

			if (said[0] == '\0')
				continue;
			fprintf(stderr, "%s\n", said);
			failed++;
			break;
		}
	return failed;
}
