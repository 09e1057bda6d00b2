/* The ways to log in of RFC 1939, section 7: USER and PASS, APOP. */

#include <stdio.h>

#include "base/secret.h"
#include "client/engine.h"
#include "client/options.h"

static enum step user_answered(struct restante_client *, struct command *, struct response *);
static enum step pass_answered(struct restante_client *, struct command *, struct response *);

static const struct command_kind user = { .shape = SHAPE_LINE, .answered = user_answered };
static const struct command_kind pass = { .shape = SHAPE_LINE, .answered = pass_answered };

static void
say_pass(struct restante_client *client)
{
	command_say(client, &pass, "PASS [...]", "PASS %s", option_text(client->options, RESTANTE_PASSWORD));
	login_last_said(client);
}

void
password_user(struct restante_client *client)
{
	client->login.mechanism = "USER";
	command_say(client, &user, NULL, "USER %s", option_text(client->options, RESTANTE_USER));
	if (client->pipelining && !client->login.no_early)
		say_pass(client);
}

static enum step
user_answered(struct restante_client *client, struct command *command, struct response *response)
{
	bool pass_is_said = command->next != NULL;

	if (response->status == RESPONSE_CHALLENGE)
		return client_broken(client, "a challenge where none belongs");
	command_free(list_take(&client->sent));
	if (response->status == RESPONSE_OK) {
		if (!pass_is_said)
			say_pass(client);
		return STEP_AGAIN;
	}
	if (!pass_is_said)
		return login_refused(client, response);
	/* The reply to PASS, which is under way, will only say that it stands alone. */
	client->login.is_user_refused = true;
	client->login.result = client_result(client, response, true);
	snprintf(client->login.text, sizeof(client->login.text), "the server refuses the login with USER: %s",
	    response->text);
	return STEP_AGAIN;
}

static enum step
pass_answered(struct restante_client *client, struct command *command, struct response *response)
{
	(void)command;
	if (response->status == RESPONSE_CHALLENGE)
		return client_broken(client, "a challenge where none belongs");
	command_free(list_take(&client->sent));
	if (response->status == RESPONSE_OK)
		return login_accepted(client);
	client->login.is_proven = !client->login.is_user_refused;
	return login_refused(client, response);
}

void
password_apop(struct restante_client *client)
{
	char digest[APOP_DIGEST_SIZE];

	apop_digest(digest, client->timestamp, option_text(client->options, RESTANTE_PASSWORD));
	client->login.mechanism = "APOP";
	command_say(client, &pass, "APOP [...]", "APOP %s %s",
	    option_text(client->options, RESTANTE_USER), digest);
	secret_wipe(digest, sizeof(digest));
	login_last_said(client);
}
