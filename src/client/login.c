/*
 * Logging in: the strongest way that both sides have, then the next where one is refused for what it is.
 *
 * A wrong password must not lock an account: when it was refused as such nothing else is tried. One more
 * way is where the server may not have the secret that the first one needs (quirks.h), never a third.
 * Commands of the caller's leave behind the last word of a login where PIPELINING was announced, by a server
 * that is known to read them; if it is refused they are answered with -ERR, which is for nobody, and leave
 * again behind the next.
 */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/network.h"
#include "base/secret.h"
#include "client/engine.h"
#include "client/options.h"

static enum step note_answered(struct restante_client *, struct command *, struct response *);

static const struct command_kind note = { .shape = SHAPE_LINE, .answered = note_answered };

/* What is better said before the login; one at a time without PIPELINING. True: it waits for a reply. */
static bool
prelude(struct restante_client *client)
{
	struct login *login = &client->login;
	const char *language = option_text(client->options, RESTANTE_LANGUAGE);

	if (!login->utf8_said && option_is_yes(client->options, RESTANTE_UTF8) &&
	    (client->offer.capabilities & OFFER_UTF8) != 0) {
		command_say(client, &note, NULL, "UTF8");
		login->utf8_said = true;
		if (!client->pipelining)
			return true;
	}
	if (!login->language_said && language[0] != '\0' && (client->offer.capabilities & OFFER_LANG) != 0) {
		command_say(client, &note, NULL, "LANG %s", language);
		login->language_said = true;
		if (!client->pipelining)
			return true;
	}
	return false;
}

enum step
login_begin(struct restante_client *client)
{
	client->phase = PHASE_LOGIN;
	client->login.is_alone = client->pipelining && !client->is_careful &&
	    !quirk_is_careful(client->offer.implementation) && quirk(client, QUIRK_INPUT_LOST_AT_LOGIN);
	return prelude(client) ? STEP_AGAIN : login_next(client);
}

/* Refused or not: it was asked for where there is such a thing. */
static enum step
note_answered(struct restante_client *client, struct command *command, struct response *response)
{
	(void)command;
	if (response->status == RESPONSE_CHALLENGE)
		return client_broken(client, "a challenge where none belongs");
	command_free(list_take(&client->sent));
	return client->pipelining ? STEP_AGAIN : login_begin(client);
}

static bool
may_show_password(const struct restante_client *client)
{
	return client->is_protected || option_is_yes(client->options, RESTANTE_CLEAR_PASSWORD);
}

static bool
has_password(const struct restante_client *client)
{
	return option_text_or_null(client->options, RESTANTE_USER) != NULL &&
	    option_text_or_null(client->options, RESTANTE_PASSWORD) != NULL;
}

/* Whoever listens can guess the password from it, so that in clear text it must be asked for by name. */
static bool
try_apop(struct restante_client *client, bool is_named)
{
	if (client->login.apop_tried || client->timestamp[0] == '\0' || !has_password(client) ||
	    !(client->is_protected || is_named))
		return false;
	client->login.apop_tried = true;
	password_apop(client);
	return true;
}

static bool
try_user(struct restante_client *client, bool is_named)
{
	const unsigned capabilities = client->offer.capabilities;

	if (client->login.user_tried || !has_password(client) || !may_show_password(client))
		return false;
	if (!is_named && (capabilities & OFFER_CAPA) != 0 && (capabilities & OFFER_USER) == 0 &&
	    ((capabilities & OFFER_SASL) != 0 || !quirk(client, QUIRK_NOTHING_ANNOUNCED)))
		return false;
	client->login.user_tried = true;
	password_user(client);
	return true;
}

/* Those that the server announces; where it announces nothing at all, those that the caller names. */
static bool
try_sasl(struct restante_client *client, const char *wanted)
{
	const bool is_unknown = (client->offer.capabilities & OFFER_CAPA) == 0 && strcmp(wanted, "*") != 0;
	const char *offered = is_unknown ? wanted : client->offer.mechanisms, *mechanism;
	unsigned char binding[TLS_CLIENT_BINDING_SIZE];
	struct sasl_client_secrets secrets;

	for (;;) {
		exchange_secrets(client, &secrets, binding);
		client->login.tried_before = client->login.tried;
		mechanism = sasl_client_choose(offered, wanted, &secrets, may_show_password(client),
		    &client->login.tried);
		if (mechanism == NULL || client->phase == PHASE_OVER)
			return client->phase == PHASE_OVER;
		if (exchange_begin(client, mechanism) == 0)
			return true;
	}
}

static bool
try_named(struct restante_client *client, const char *names)
{
	char word[64];

	while (word_next(&names, word, sizeof(word)))
		if (strcasecmp(word, "APOP") == 0 ? try_apop(client, true) :
		    strcasecmp(word, "USER") == 0 ? try_user(client, true) :
		    strcmp(word, "*") == 0 ?
		    try_sasl(client, "*") || try_apop(client, false) || try_user(client, false) :
		    try_sasl(client, word))
			return true;
	return false;
}

/* Why there is no way in, as well as can be said. */
static enum step
no_way(struct restante_client *client)
{
	const char *mechanisms = client->offer.mechanisms;

	if (client->login.result != RESTANTE_OK)
		return client_end(client, client->login.result, "%s", client->login.text);
	if (option_text_or_null(client->options, RESTANTE_USER) == NULL)
		return client_end(client, RESTANTE_NO_MECHANISM, "no user is named");
	if (!may_show_password(client))
		return client_end(client, RESTANTE_NO_MECHANISM,
		    "the connection is not protected, and no way to log in"
		    " that both sides have hides the password (the server announces: %s)",
		    mechanisms[0] != '\0' ? mechanisms : "none");
	return client_end(client, RESTANTE_NO_MECHANISM,
	    "no way to log in that both sides have, with what is at hand"
	    " (the server announces: %s%s)",
	    mechanisms[0] != '\0' ? mechanisms : "none",
	    (client->offer.capabilities & OFFER_USER) != 0 ? ", USER" : "");
}

enum step
login_next(struct restante_client *client)
{
	const char *names = option_text(client->options, RESTANTE_MECHANISMS);

	client->login.is_next_due = false;
	client->phase = PHASE_LOGIN;
	commands_repeat(client);
	if (!try_named(client, names[0] != '\0' ? names : "*"))
		return no_way(client);
	return STEP_AGAIN;
}

/* The list of capabilities may be another one now; behind the login it costs no round trip. */
void
login_last_said(struct restante_client *client)
{
	client->phase = PHASE_LOGIN_LAST;
	if (client->pipelining && !client->login.no_early && !client->login.is_alone)
		greet_say_capa(client);
}

enum step
login_accepted(struct restante_client *client)
{
	snprintf(client->mechanism, sizeof(client->mechanism), "%s", client->login.mechanism);
	client->phase = PHASE_LOGGED_IN;
	login_forget(client);
	if (client->sent.first != NULL)
		return STEP_AGAIN;
	if ((client->offer.capabilities & OFFER_CAPA) == 0)
		return greet_ready(client);
	greet_say_capa(client);
	return STEP_AGAIN;
}

/* Texts that speak of the way to log in. Never just "unknown": that may be the user. */
static bool
is_about_mechanism(const char *text)
{
	static const char *const phrases[] = { "unsupported", "not supported", "not implemented",
		"mechanism", "unknown command", "invalid command", "bad command", "unrecognized",
		"unrecognised", "syntax error", "bad protocol" };

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (strcasestr(text, phrases[i]) != NULL)
			return true;
	return false;
}

/* Is it known that the server needs a secret for this that it may not have? */
static bool
needs_stored_secret(const char *mechanism)
{
	static const char *const names[] = { "APOP", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256",
		"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(mechanism, names[i]) == 0)
			return true;
	return false;
}

static bool
may_go_on(struct restante_client *client, const struct response *response)
{
	struct login *login = &client->login;

	if (strstr(login->mechanism, "-PLUS") != NULL && is_about_mechanism(response->text))
		return quirk(client, QUIRK_OTHER_BINDING);
	if (strcmp(login->mechanism, "APOP") == 0 && login->proven_count == 0 && response->code == CODE_AUTH)
		return quirk(client, QUIRK_OTHER_SECRETS);
	if (response->code != CODE_NONE && response->code != CODE_OTHER)
		return false;
	if (login->is_cancelled)
		return login->result != RESTANTE_DENIED;
	if (!login->is_proven || is_about_mechanism(response->text) ||
	    (client->offer.capabilities & OFFER_AUTH_RESP_CODE) != 0)
		return quirk(client, QUIRK_EMPTY_PROMISE);
	return login->proven_count == 0 && needs_stored_secret(login->mechanism) &&
	    quirk(client, QUIRK_NO_SECRET_STORED);
}

/* A refusal before anything was said of a user, or of the mechanism, is not about the password. */
static enum restante_result
refusal_result(const struct restante_client *client, const struct response *response)
{
	if (response->code == CODE_NONE && (is_about_mechanism(response->text) ||
	    (client->login.sasl != NULL && client->login.step_count == 0)))
		return RESTANTE_NO_MECHANISM;
	return client_result(client, response, true);
}

enum step
login_refused(struct restante_client *client, const struct response *response)
{
	struct login *login = &client->login;
	const char *problem = login->sasl != NULL ? sasl_client_problem(login->sasl) : NULL;
	bool goes_on = may_go_on(client, response);

	/* What was said of the password outlives what is said of other ways. */
	if (!(login->proven_count > 0 && goes_on) && !login->is_user_refused &&
	    !(login->is_cancelled && login->result != RESTANTE_OK)) {
		login->result = refusal_result(client, response);
		snprintf(login->text, sizeof(login->text),
		    "the server refuses the login with %s: %s%s%s", login->mechanism,
		    response->text, problem != NULL ? ": " : "", problem != NULL ? problem : "");
	}
	if (!goes_on)
		return client_end(client, login->result, "%s", login->text);
	login->proven_count += login->is_proven && !is_about_mechanism(response->text);
	login_forget(client);
	commands_void(client);
	if (client->sent.first == NULL)
		return login_next(client);
	client->phase = PHASE_LOGIN;
	login->is_next_due = true;
	return STEP_AGAIN;
}

void
login_forget(struct restante_client *client)
{
	struct login *login = &client->login;

	sasl_client_end(login->sasl);
	login->sasl = NULL;
	buffer_free(&login->first);
	login->step_count = 0;
	login->is_first_due = login->is_cancelled = login->is_proven = login->is_user_refused = false;
}
