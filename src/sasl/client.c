/* The client's side: which mechanism it is to be, and what all of them have in common. */

#include "sasl/client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sasl/client_steps.h"

#define STEPS_MAX    16		/* GSSAPI takes a few; a hostile server would go on for ever */
#define PROBLEM_SIZE 512

/* What a mechanism needs, and what it does with it. */
enum trait {
	NEEDS_USER = 1 << 0,
	NEEDS_PASSWORD = 1 << 1,
	NEEDS_TOKEN = 1 << 2,
	NEEDS_CERTIFICATE = 1 << 3,
	NEEDS_BINDING = 1 << 4,
	NEEDS_TICKET = 1 << 5,
	NEEDS_PREPARABLE = 1 << 6,	/* name and password, by SASLprep */
	NEEDS_PREPARED = 1 << 7,
	SHOWS_SECRET = 1 << 8,	/* to whoever listens */
	OWN_ONLY = 1 << 9,	/* cannot ask for another's maildrop */
	ON_REQUEST = 1 << 10,	/* only when it is named */
	SERVER_FIRST = 1 << 11,
};

#define NEEDS_LOGIN (NEEDS_USER | NEEDS_PASSWORD)
#define NEEDS_SCRAM (NEEDS_LOGIN | NEEDS_PREPARABLE)

static const struct mechanism {
	const char *name;
	const struct client_steps *steps;
	unsigned traits;
} mechanisms[] = {
	/* The strongest first: what proves the server too, what has no password, what does not show it. */
	{ "SCRAM-SHA-256-PLUS", &client_gsasl, NEEDS_SCRAM | NEEDS_BINDING },
	{ "SCRAM-SHA-1-PLUS", &client_gsasl, NEEDS_SCRAM | NEEDS_BINDING },
	{ "EXTERNAL", &client_gsasl, NEEDS_CERTIFICATE },
	{ "GSSAPI", &client_gsasl, NEEDS_TICKET },
	{ "OAUTHBEARER", &client_oauth, NEEDS_TOKEN | SHOWS_SECRET },
	{ "XOAUTH2", &client_oauth, NEEDS_USER | NEEDS_TOKEN | SHOWS_SECRET },
	{ "SCRAM-SHA-256", &client_gsasl, NEEDS_SCRAM },
	{ "SCRAM-SHA-1", &client_gsasl, NEEDS_SCRAM },
	/* RFC 6331: historic, servers disagree about it, and it shows no more under TLS than PLAIN does. */
	{ "DIGEST-MD5", &client_gsasl, NEEDS_LOGIN | NEEDS_PREPARED | ON_REQUEST | SERVER_FIRST },
	{ "CRAM-MD5", &client_gsasl, NEEDS_LOGIN | NEEDS_PREPARED | OWN_ONLY | SERVER_FIRST },
	{ "PLAIN", &client_gsasl, NEEDS_LOGIN | SHOWS_SECRET },
	{ "LOGIN", &client_gsasl, NEEDS_LOGIN | SHOWS_SECRET | OWN_ONLY | SERVER_FIRST },
};

#define MECHANISM_COUNT (sizeof(mechanisms) / sizeof(mechanisms[0]))

_Static_assert(MECHANISM_COUNT <= 32, "a bit of *tried for each");

struct sasl_client {
	const struct mechanism *mechanism;
	void *exchange;
	unsigned step_count;
	bool is_done, has_problem;
	char problem[PROBLEM_SIZE];
};

static bool
is_there(const char *text)
{
	return text != NULL && *text != '\0';
}

/* The next word of a list; NULL behind the last. */
static const char *
next_word(const char **list, size_t *length)
{
	const char *word = *list + strspn(*list, " ");

	*length = strcspn(word, " ");
	*list = word + *length;
	return *length > 0 ? word : NULL;
}

static bool
has_word(const char *list, const char *name)
{
	const char *word;
	size_t length;

	while ((word = next_word(&list, &length)) != NULL)
		if (strlen(name) == length && strncasecmp(word, name, length) == 0)
			return true;
	return false;
}

static const struct mechanism *
find_mechanism(const char *name, size_t length)
{
	for (size_t i = 0; i < MECHANISM_COUNT; i++)
		if (strlen(mechanisms[i].name) == length && strncasecmp(mechanisms[i].name, name, length) == 0)
			return &mechanisms[i];
	return NULL;
}

/* Are the secrets enough for it, and of a kind that it can carry? */
static bool
can_use(const struct mechanism *mechanism, const struct sasl_client_secrets *secrets)
{
	unsigned traits = mechanism->traits;
	bool (*fits)(const char *) = traits & NEEDS_PREPARED ? client_is_prepared : client_is_preparable;

	if ((traits & NEEDS_USER && !is_there(secrets->user)) ||
	    (traits & NEEDS_PASSWORD && secrets->password == NULL) ||
	    (traits & NEEDS_TOKEN && !is_there(secrets->token)) ||
	    (traits & NEEDS_CERTIFICATE && !(secrets->certificate && secrets->protected)) ||
	    (traits & NEEDS_BINDING && !(is_there(secrets->binding_type) && secrets->protected)) ||
	    (traits & OWN_ONLY && is_there(secrets->authorization)))
		return false;
	if (traits & (NEEDS_PREPARED | NEEDS_PREPARABLE) && !(fits(secrets->user) && fits(secrets->password)))
		return false;
	return !(traits & NEEDS_TICKET) || client_has_ticket(secrets);
}

/* Everything that keeps a mechanism from being tried; what may wait comes last. */
static const char *
take(const struct mechanism *mechanism, const char *offered, const struct sasl_client_secrets *secrets,
    bool clear_allowed, unsigned *tried)
{
	unsigned bit = 1u << (mechanism - mechanisms);

	if (*tried & bit || !has_word(offered, mechanism->name) ||
	    (mechanism->traits & SHOWS_SECRET && !secrets->protected && !clear_allowed) ||
	    !can_use(mechanism, secrets))
		return NULL;
	*tried |= bit;
	return mechanism->name;
}

const char *
sasl_client_choose(const char *offered, const char *wanted, const struct sasl_client_secrets *secrets,
    bool clear_allowed, unsigned *tried)
{
	const char *chosen = NULL, *word;
	size_t length;

	if (!is_there(wanted) || strcmp(wanted, "*") == 0) {
		for (size_t i = 0; chosen == NULL && i < MECHANISM_COUNT; i++)
			if (!(mechanisms[i].traits & ON_REQUEST))
				chosen = take(&mechanisms[i], offered, secrets, clear_allowed, tried);
		return chosen;
	}
	while (chosen == NULL && (word = next_word(&wanted, &length)) != NULL) {
		const struct mechanism *mechanism = find_mechanism(word, length);

		if (mechanism != NULL)
			chosen = take(mechanism, offered, secrets, clear_allowed, tried);
	}
	return chosen;
}

int
sasl_client_begin(struct sasl_client **out, const char *name, const struct sasl_client_secrets *secrets,
    struct error *error)
{
	const struct mechanism *mechanism = find_mechanism(name, strlen(name));
	struct sasl_client *client;

	if (mechanism == NULL)
		return error_set(error, ERROR_PERMANENT, "%.40s is an unknown SASL mechanism", name);
	/* Whether there is a ticket its first step says. */
	if (!(mechanism->traits & NEEDS_TICKET) && !can_use(mechanism, secrets))
		return error_set(error, ERROR_PERMANENT, "%s cannot be used with what there is to log in with",
		    mechanism->name);
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a SASL exchange");
	client->mechanism = mechanism;
	if (mechanism->steps->begin(&client->exchange, mechanism->name, secrets, error) < 0) {
		free(client);
		return -1;
	}
	*out = client;
	return 0;
}

void
sasl_client_end(struct sasl_client *client)
{
	if (client == NULL)
		return;
	client->mechanism->steps->end(client->exchange);
	free(client);
}

bool
sasl_client_speaks_first(const struct sasl_client *client)
{
	return !(client->mechanism->traits & SERVER_FIRST);
}

/* What a stranger says becomes printable: it may end on a terminal. */
static void
keep_problem(struct sasl_client *client, const char *problem)
{
	size_t i;

	if (problem == NULL)
		return;
	for (i = 0; i < PROBLEM_SIZE - 1 && problem[i] != '\0'; i++)
		client->problem[i] = problem[i] < ' ' || problem[i] > '~' ? '?' : problem[i];
	client->problem[i] = '\0';
	client->has_problem = true;
}

static int
check_turn(const struct sasl_client *client, const void *challenge, size_t size, struct error *error)
{
	bool is_first = client->step_count == 0;

	/* With OAuth all is said when the server begins to complain. */
	if (client->has_problem || (client->is_done && client->mechanism->steps != &client_oauth) ||
	    client->step_count >= STEPS_MAX)
		return error_set(error, ERROR_PROTOCOL, "the server goes on with %s, which is over",
		    client->mechanism->name);
	if (size > SASL_CLIENT_CHALLENGE_MAX)
		return error_set(error, ERROR_PROTOCOL, "a challenge of %zu octets, which is too long", size);
	if ((challenge == NULL) != (is_first && sasl_client_speaks_first(client)))
		return error_set(error, ERROR_PROTOCOL, "%s begins in another way", client->mechanism->name);
	return 0;
}

int
sasl_client_step(struct sasl_client *client, const void *challenge, size_t size, void *response,
    size_t *response_size, struct error *error)
{
	struct client_turn turn = { .challenge_size = size, .response = response,
		.response_size = *response_size };
	char *copy = NULL;
	int result = -1;

	if (check_turn(client, challenge, size, error) < 0)
		goto over;
	if (challenge != NULL) {
		if ((copy = malloc(size + 1)) == NULL) {
			error_set(error, ERROR_TEMPORARY, "no memory for a challenge");
			goto over;
		}
		memcpy(copy, challenge, size);
		copy[size] = '\0';
		turn.challenge = copy;
	}
	client->step_count++;
	result = client->mechanism->steps->step(client->exchange, &turn, error);
	keep_problem(client, turn.problem);
	free(copy);
over:
	client->is_done = result == 0 && turn.is_done;
	if (result < 0)
		client->step_count = STEPS_MAX;
	else
		*response_size = turn.response_size;
	return result;
}

bool
sasl_client_is_done(const struct sasl_client *client)
{
	return client->is_done;
}

const char *
sasl_client_problem(const struct sasl_client *client)
{
	return client->has_problem ? client->problem : NULL;
}

int
client_respond(struct client_turn *turn, const void *data, size_t size, struct error *error)
{
	if (size > turn->response_size)
		return error_set(error, ERROR_PERMANENT, "a response of %zu octets is too long", size);
	if (size > 0)
		memcpy(turn->response, data, size);
	turn->response_size = size;
	return 0;
}
