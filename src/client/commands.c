/* The queue of commands: what the caller asks for, what leaves when, and what leaves once more. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "client/engine.h"
#include "client/options.h"

void
command_free(struct command *command)
{
	secret_wipe(command->line, command->size);
	free(command);
}

void
list_put(struct command_list *list, struct command *command)
{
	command->next = NULL;
	if (list->last != NULL)
		list->last->next = command;
	else
		list->first = command;
	list->last = command;
	list->count++;
	list->octets += command->size;
}

struct command *
list_take(struct command_list *list)
{
	struct command *command = list->first;

	list->first = command->next;
	if (list->first == NULL)
		list->last = NULL;
	list->count--;
	list->octets -= command->size;
	return command;
}

void
list_free(struct command_list *list)
{
	while (list->first != NULL)
		command_free(list_take(list));
}

/* The line is formatted with its CRLF. NULL: no memory. */
static struct command *
command_new(const struct command_kind *kind, const char *format, va_list arguments)
{
	struct command *command;
	va_list again;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return NULL;
	command = malloc(sizeof(*command) + (size_t)length + 3);
	if (command == NULL)
		return NULL;
	*command = (struct command){ .kind = kind, .size = (size_t)length + 2 };
	vsnprintf(command->line, (size_t)length + 1, format, arguments);
	memcpy(command->line + length, "\r\n", 3);
	return command;
}

/* Into the octets to be sent, and among those that are. False: no memory. */
static bool
command_leave(struct restante_client *client, struct command *command)
{
	if (!buffer_put(&client->out, command->line, command->size))
		return false;
	command->end = client->out_taken + buffer_used(&client->out);
	list_put(&client->sent, command);
	return true;
}

struct command *
command_say(struct restante_client *client, const struct command_kind *kind, const char *masked,
    const char *format, ...)
{
	struct command *command;
	va_list arguments;

	va_start(arguments, format);
	command = command_new(kind, format, arguments);
	va_end(arguments);
	if (command == NULL || !command_leave(client, command)) {
		if (command != NULL)
			command_free(command);
		client_no_memory(client);
		return NULL;
	}
	if (masked != NULL)
		trace_said(client, masked);
	else
		trace_sent(client, command->line, command->size);
	return command;
}

unsigned long
command_ask(struct restante_client *client, const struct command_kind *kind, uint64_t message,
    const char *format, ...)
{
	struct command *command;
	va_list arguments;

	if (client->phase == PHASE_OVER || client->is_quitting)
		return 0;
	va_start(arguments, format);
	command = command_new(kind, format, arguments);
	va_end(arguments);
	if (command == NULL)
		return 0;
	command->message = message;
	command->number = ++client->last_number;
	list_put(&client->waiting, command);
	return command->number;
}

/* The first with a number of what waits for an answer, or to leave; they are in order. */
static unsigned long
first_number(const struct command *command)
{
	while (command != NULL && command->number == 0)
		command = command->next;
	return command != NULL ? command->number : 0;
}

bool
command_is_open(const struct restante_client *client, unsigned long number)
{
	unsigned long first = first_number(client->returned.first);

	if (number == 0 || number > client->last_number)
		return false;
	if (first == 0)
		first = first_number(client->sent.first);
	if (first == 0)
		first = first_number(client->waiting.first);
	return first != 0 && number >= first;
}

/*
 * Without PIPELINING one at a time. With it as many as the window has, but never more octets without an
 * answer than any socket takes: a server that answers and does not read, and a client that sends and does
 * not read, would wait for each other for ever.
 */
static bool
may_leave(const struct restante_client *client, const struct command *command)
{
	const struct command_list *sent = &client->sent;

	if (client->phase == PHASE_LOGIN_LAST) {
		if (client->login.no_early || client->login.is_alone || !command->kind->leaves_early)
			return false;
	} else if (client->phase != PHASE_LOGGED_IN && client->phase != PHASE_READY)
		return false;
	if (sent->first == NULL)
		return client->phase == PHASE_READY;
	return client->pipelining && sent->count < option_number(client->options, RESTANTE_WINDOW) &&
	    sent->octets + command->size <= OUTSTANDING_OCTETS_MAX;
}

void
commands_leave(struct restante_client *client)
{
	struct command_list *waiting = &client->waiting;

	while (waiting->first != NULL && may_leave(client, waiting->first)) {
		struct command *command = list_take(waiting);

		if (!command_leave(client, command)) {
			command_free(command);
			client_no_memory(client);
			return;
		}
		trace_sent(client, command->line, command->size);
	}
}

void
commands_void(struct restante_client *client)
{
	for (struct command *command = client->sent.first; command != NULL; command = command->next)
		command->is_void = true;
}

void
command_return(struct restante_client *client, struct command *command)
{
	if (command->number == 0) {
		command_free(command);
		return;
	}
	command->is_void = command->is_under_way = false;
	command->line_count = 0;
	list_put(&client->returned, command);
}

/* It stands behind the login, which is the first. */
enum step
command_was_taken(struct restante_client *client, struct command *command)
{
	struct command *login = list_take(&client->sent);

	list_take(&client->sent);
	command_return(client, command);
	/* To the front again. */
	login->next = client->sent.first;
	client->sent.first = login;
	if (login->next == NULL)
		client->sent.last = login;
	client->sent.count++;
	client->sent.octets += login->size;
	return STEP_AGAIN;
}

void
commands_repeat(struct restante_client *client)
{
	while (client->waiting.first != NULL)
		list_put(&client->returned, list_take(&client->waiting));
	client->waiting = client->returned;
	client->returned = (struct command_list){ 0 };
}
