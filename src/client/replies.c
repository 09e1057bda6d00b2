/* What the server says, a line or a piece of a message at a time, and which command it is about. */

#include <stdio.h>
#include <string.h>

#include "client/engine.h"
#include "pop3/line.h"

/* STEP_AGAIN: *line is one, in place. The input stays where it is: events lend from it. */
static enum step
line_next(struct restante_client *client, char **line)
{
	struct buffer *in = &client->in;
	struct line_reader reader = { 0 };
	size_t length, consumed;

	switch (line_take(&reader, in->octets + in->begin, in->end - in->begin, REPLY_OCTETS_MAX, line, &length,
	    &consumed)) {
	case LINE_READY:
		client->lf_only = consumed == length + 1;
		in->begin += consumed;
		trace_received(client, *line);
		return STEP_AGAIN;
	case LINE_INCOMPLETE:
		return STEP_NEED;
	case LINE_TOO_LONG:
		client_broken(client, "it says a line of over %d octets", REPLY_OCTETS_MAX);
		break;
	case LINE_NUL:
		client_broken(client, "there is a NUL in what it says");
		break;
	}
	return STEP_EVENT;
}

/* In place: whoever shows it to somebody need not think of it. */
static char *
text_clean(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7F)
			*c = '?';
	return text;
}

static enum step
tell(struct restante_client *client, const struct command *command, enum restante_event_type type)
{
	if (command->is_void)
		return STEP_AGAIN;
	client->event.type = type;
	client->event.command = command->number;
	return STEP_EVENT;
}

/* The first of those that are sent has its whole reply. */
static enum step
finish(struct restante_client *client)
{
	struct command *command = list_take(&client->sent);
	const struct command_kind *kind = command->kind;
	enum step step;

	if (command->is_void) {
		command_return(client, command);
		if (client->login.is_next_due && client->sent.first == NULL)
			return login_next(client);
		return STEP_AGAIN;
	}
	if (command->number == 0) {
		command_free(command);
		return kind->ended(client);
	}
	step = tell(client, command, RESTANTE_EVENT_DONE);
	if (command_is_quit(command)) {
		client_end(client, RESTANTE_OK, "%s", "");
		octets_last(client);
	}
	command_free(command);
	return step;
}

static enum step
refused(struct restante_client *client, const struct response *response)
{
	client->event.result = client_result(client, response, false);
	client->event.code = (enum restante_code)response->code;
	client->event.text = text_clean(response->text);
	return finish(client);
}

static enum step
granted(struct restante_client *client, struct command *command, const struct response *response)
{
	struct error error;

	client->event.text = response->text;
	if (!command->is_void && command->kind->values != NULL &&
	    command->kind->values(client, command, response->text, &error) != 0)
		return client_broken(client, "%s", error.text);
	text_clean(response->text);
	if (command->kind->shape == SHAPE_LINE)
		return finish(client);
	command->is_under_way = true;
	client->is_behind_cr = false;
	unwire_begin(&client->unwire, client->lf_only);
	return command->number == 0 ? STEP_AGAIN : tell(client, command, RESTANTE_EVENT_REPLY);
}

static enum step
reply_step(struct restante_client *client, struct command *command)
{
	struct response response;
	struct error error;
	char *line;
	enum step step = line_next(client, &line);

	if (step != STEP_AGAIN)
		return step;
	if (response_parse(&response, line, &error) != 0)
		return client_broken(client, "%s", error.text);
	if (command->kind->answered != NULL && !command->is_void)
		return command->kind->answered(client, command, &response);
	switch (response.status) {
	case RESPONSE_OK:
		return granted(client, command, &response);
	case RESPONSE_ERROR:
		return refused(client, &response);
	case RESPONSE_CHALLENGE:
		break;
	}
	return client_broken(client, "a challenge where none belongs: +%s", response.text);
}

static enum step
list_step(struct restante_client *client, struct command *command)
{
	const uint64_t lines_max = command->number != 0 ? LIST_LINES_MAX : CAPA_LINES_MAX;
	struct error error;
	char *line;
	enum step step = line_next(client, &line);

	if (step != STEP_AGAIN)
		return step;
	if (strcmp(line, ".") == 0)
		return finish(client);
	if (++command->line_count > lines_max)
		return client_broken(client, "a list of over %llu lines", (unsigned long long)lines_max);
	if (command->is_void)
		return STEP_AGAIN;
	line += line[0] == '.';
	if (command->kind->item == NULL)
		client->event.text = text_clean(line);
	else if (command->kind->item(client, command, line, &error) != 0)
		return client_broken(client, "%s", error.text);
	return command->number == 0 ? STEP_AGAIN : tell(client, command, RESTANTE_EVENT_ITEM);
}

/* Some of a message, with its line ends as they came. */
static enum unwire_status
piece_take(struct restante_client *client, const char **piece, size_t *piece_size)
{
	struct buffer *in = &client->in;
	const char *input = in->octets + in->begin;
	size_t size = in->end - in->begin;
	enum unwire_status status = unwire_take(&client->unwire, &input, &size, piece, piece_size);

	in->begin = in->end - size;
	return status;
}

/* Where lines end with LF alone: a line, or its end, from what is held. */
static void
line_end_mend(struct restante_client *client)
{
	const char *held = client->held, *end = memchr(held, '\n', client->held_size);
	size_t size = end != NULL ? (size_t)(end - held) : client->held_size;

	if (size > 0) {
		client->event.data = held;
		client->event.data_size = size;
		client->is_behind_cr = held[size - 1] == '\r';
	} else {
		size = 1;
		client->event.data = client->is_behind_cr ? "\n" : "\r\n";
		client->event.data_size = client->is_behind_cr ? 1 : 2;
		client->is_behind_cr = false;
	}
	client->held += size;
	client->held_size -= size;
}

static enum step
message_step(struct restante_client *client, struct command *command)
{
	const char *piece;
	size_t piece_size;

	client->event.number = command->message;
	if (client->held_size == 0) {
		switch (piece_take(client, &piece, &piece_size)) {
		case UNWIRE_MORE:
			return STEP_NEED;
		case UNWIRE_END:
			return finish(client);
		case UNWIRE_PIECE:
			break;
		}
		client->event.data = piece;
		client->event.data_size = piece_size;
		if (client->lf_only) {
			client->held = piece;
			client->held_size = piece_size;
		}
	}
	if (client->held_size > 0)
		line_end_mend(client);
	return tell(client, command, RESTANTE_EVENT_DATA);
}

/* Nothing was asked. */
static enum step
uncalled_step(struct restante_client *client)
{
	struct response response;
	struct error error;
	char *line;
	enum step step;

	if (buffer_used(&client->in) == 0)
		return STEP_NEED;
	step = line_next(client, &line);
	if (step != STEP_AGAIN)
		return step;
	if (response_parse(&response, text_clean(line), &error) == 0 && response.status == RESPONSE_ERROR &&
	    quirk(client, QUIRK_FAREWELL))
		return client_end(client, RESTANTE_CLOSED, "the server ends the connection: %s", response.text);
	return client_broken(client, "it says what nobody asked for: %s", line);
}

static enum step
step_by_state(struct restante_client *client)
{
	static enum step (*const steps[])(struct restante_client *, struct command *) = {
		[SHAPE_LIST] = list_step,
		[SHAPE_MESSAGE] = message_step,
	};
	struct command *command = client->sent.first;
	char *line;
	enum step step;

	if (client->phase == PHASE_HANDSHAKE)
		return octets_handshake(client);
	if (client->phase == PHASE_GREETING) {
		step = line_next(client, &line);
		return step == STEP_AGAIN ? greet_greeting(client, text_clean(line)) : step;
	}
	if (command == NULL)
		return uncalled_step(client);
	if (command->is_under_way)
		return steps[command->kind->shape](client, command);
	/* An answer that is there before the question has left is none. */
	if (buffer_used(&client->in) > 0 && client->out_taken < command->end)
		return client_broken(client, "it answers what it has not been asked yet");
	return reply_step(client, command);
}

enum step
replies_step(struct restante_client *client)
{
	enum step step = step_by_state(client);

	if (step != STEP_NEED || !client->is_closed || buffer_used(&client->cipher_in) > 0)
		return step;
	return client_closed(client);
}
