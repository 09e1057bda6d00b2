/* From the greeting to the login: what the server can do, and STLS (RFC 2449, RFC 2595). */

#include <string.h>

#include "client/engine.h"
#include "client/options.h"
#include "pop3/greeting.h"

static enum step capa_answered(struct restante_client *, struct command *, struct response *);
static enum step capa_ended(struct restante_client *);
static enum step stls_answered(struct restante_client *, struct command *, struct response *);

static const struct command_kind capa = { .shape = SHAPE_LIST, .item = greet_capability,
	.answered = capa_answered, .ended = capa_ended };
static const struct command_kind stls = { .shape = SHAPE_LINE, .answered = stls_answered };

void
greet_say_capa(struct restante_client *client)
{
	command_say(client, &capa, NULL, "CAPA");
}

enum step
greet_greeting(struct restante_client *client, char *line)
{
	struct response response;
	struct error error;

	if (response_parse(&response, line, &error) != 0)
		return client_broken(client, "%s", error.text);
	if (response.status == RESPONSE_CHALLENGE)
		return client_broken(client, "it greets with a challenge");
	if (response.status == RESPONSE_ERROR)
		return client_refused(client, "the server does not want to serve", &response);
	client->is_careful = quirk_is_careful(response.text);
	if (!greeting_timestamp(response.text, client->timestamp, sizeof(client->timestamp)))
		client->timestamp[0] = '\0';
	client->phase = PHASE_CAPA;
	if (client->without_capa)
		return capa_ended(client);
	greet_say_capa(client);
	return STEP_AGAIN;
}

/*
 * Nothing that was said in clear text before STLS is believed: it is asked anew. The timestamp of the
 * greeting stays, since no other comes; it states nothing. A forged one makes a digest that the server
 * refuses, and that nobody else sees.
 */
enum step
greet_protected(struct restante_client *client)
{
	client->is_protected = true;
	offer_begin(&client->offer);
	if (!client->is_stls) {
		client->phase = PHASE_GREETING;
		return STEP_AGAIN;
	}
	client->phase = PHASE_CAPA;
	if (client->without_capa)
		return capa_ended(client);
	greet_say_capa(client);
	return STEP_AGAIN;
}

static bool
is_logged_in(const struct restante_client *client)
{
	return client->phase == PHASE_LOGGED_IN || client->phase == PHASE_READY;
}

int
greet_capa_begins(struct restante_client *client, struct command *command, char *text, struct error *error)
{
	struct offer before = client->offer;

	(void)command;
	(void)text;
	(void)error;
	offer_begin(&client->offer);
	client->offer.capabilities |= OFFER_CAPA;
	if (!is_logged_in(client) || !quirk(client, QUIRK_OFFER_SHRINKS))
		return 0;
	client->offer.capabilities |= before.capabilities &
	    (OFFER_SASL | OFFER_USER | OFFER_STLS | OFFER_IMPLEMENTATION);
	memcpy(client->offer.mechanisms, before.mechanisms, sizeof(before.mechanisms));
	memcpy(client->offer.implementation, before.implementation, sizeof(before.implementation));
	return 0;
}

int
greet_capability(struct restante_client *client, struct command *command, char *line, struct error *error)
{
	char copy[REPLY_OCTETS_MAX];
	size_t length = strlen(line);

	(void)command;
	(void)error;
	memcpy(copy, line, length + 1);		/* a line is shorter */
	offer_line(&client->offer, copy);
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7F)
			line[i] = '?';
	client->event.text = line;
	return 0;
}

enum step
greet_ready(struct restante_client *client)
{
	client->phase = PHASE_READY;
	client->event.type = RESTANTE_EVENT_READY;
	return STEP_EVENT;
}

static enum step
capa_ended(struct restante_client *client)
{
	const struct offer *offer = &client->offer;
	bool knows_pipelining = client->pipelining;

	client->pipelining = option_is_yes(client->options, RESTANTE_PIPELINING) &&
	    (offer->capabilities & OFFER_PIPELINING) != 0;
	if (is_logged_in(client)) {
		if (client->pipelining && !knows_pipelining && !quirk(client, QUIRK_PIPELINING_LATE))
			client->pipelining = false;
		return greet_ready(client);
	}
	if (!client->is_stls || client->is_protected)
		return login_begin(client);
	if ((offer->capabilities & OFFER_CAPA) != 0 && (offer->capabilities & OFFER_STLS) == 0)
		return client_end(client, RESTANTE_UNPROTECTED, "the server does not offer STLS");
	client->phase = PHASE_STLS;
	command_say(client, &stls, NULL, "STLS");
	return STEP_AGAIN;
}

static enum step
capa_answered(struct restante_client *client, struct command *command, struct response *response)
{
	struct error error;

	if (response->status == RESPONSE_CHALLENGE)
		return client_broken(client, "a challenge where none belongs");
	if (response->status == RESPONSE_OK) {
		command->is_under_way = true;
		greet_capa_begins(client, command, response->text, &error);
		return STEP_AGAIN;
	}
	command_free(list_take(&client->sent));
	return capa_ended(client);
}

static enum step
stls_answered(struct restante_client *client, struct command *command, struct response *response)
{
	(void)command;
	command_free(list_take(&client->sent));
	if (response->status != RESPONSE_OK)
		return client_end(client, RESTANTE_UNPROTECTED, "the server refuses STLS: %s", response->text);
	/* RFC 2595, section 4: what stands behind it in clear text was put there by somebody else. */
	if (buffer_used(&client->in) > 0)
		return client_broken(client, "octets in clear text behind its answer to STLS");
	return octets_protect(client);
}
