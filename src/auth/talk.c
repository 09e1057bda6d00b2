/* SASL: the messages between client and mechanism; see talk.h. */

#include "auth/talk.h"

#include <string.h>
#include <strings.h>

#include "auth/attempt.h"
#include "base/clock.h"
#include "base/secret.h"
#include "sasl/sasl.h"

/* As it is spelled in the tables, which live for ever; NULL: unknown, or not configured. */
static const char *
mechanism_name(const struct config *config, const char *name)
{
	size_t length = strlen(name);
	bool configured = false;

	for (const char *p = config->sasl_mechanisms; *p != '\0' && length > 0;) {
		size_t word = strcspn(p, " ");

		configured = configured || (word == length && strncasecmp(p, name, word) == 0);
		p += word;
		p += strspn(p, " ");
	}
	for (size_t i = 0; configured && sasl_mechanisms[i] != NULL; i++)
		if (strcasecmp(sasl_mechanisms[i], name) == 0)
			return sasl_mechanisms[i];
	return NULL;
}

/* Only one's own maildrop: there is nobody here who may open another's (RFC 4616, section 2). */
static bool
may_act_for(const struct sasl_credentials *credentials)
{
	return credentials->authorization[0] == '\0' ||
	       strcmp(credentials->authorization, credentials->user) == 0;
}

static void
send_challenge(struct check *check, const uint8_t *challenge, size_t size)
{
	struct ipc_sasl_data data;
	struct error error;

	memset(&data, 0, sizeof(data));
	data.session = check->session;
	data.size = (uint32_t)size;
	memcpy(data.data, challenge, size);
	if (link_send(&check->login->link, IPC_SASL_CHALLENGE, &data, -1, &error) < 0)
		check_not_served(check, &error);
	else
		check_wait_for_client(check);
}

/* input NULL: there was no initial response. */
static void
step(struct check *check, const uint8_t *input, size_t input_size)
{
	uint8_t output[IPC_SASL_SIZE];
	size_t output_size = sizeof(output);
	struct sasl_credentials credentials;
	enum sasl_result result =
	    sasl_step(check->sasl, input, input_size, output, &output_size, &credentials);

	if (result == SASL_CHALLENGE) {
		send_challenge(check, output, output_size);
		return;
	}
	sasl_end(check->sasl);
	check->sasl = NULL;
	check->arrived_at = clock_milliseconds();
	if (result == SASL_BROKEN)
		check_break(check, "sasl-broken");
	else if (result == SASL_WRONG)
		attempt_refuse(check, credentials.user, "sasl-password");
	else if (may_act_for(&credentials))
		attempt_begin(check, VERIFY_PASSWORD, credentials.user, credentials.password, "");
	else
		attempt_refuse(check, credentials.user, "sasl-authorization");
	secret_wipe(&credentials, sizeof(credentials));
}

void
talk_start(struct login *login, struct ipc_message *message)
{
	const struct ipc_sasl_start *start = &message->body.sasl_start;
	const char *name = mechanism_name(&login->auth->config, start->mechanism);
	struct check *check =
	    check_new(login, start->session, name != NULL ? name : "AUTH", &start->client);
	struct error error;

	if (check == NULL)
		return;
	if (name == NULL)
		check_break(check, "sasl-mechanism");
	else if (sasl_begin(&check->sasl, name, &error) < 0)
		check_not_served(check, &error);
	else
		step(check, start->initial ? start->data : NULL, start->size);
}

void
talk_step(struct login *login, struct ipc_message *message)
{
	const struct ipc_sasl_data *data = &message->body.sasl_data;
	struct check *check = check_find(login, data->session);

	/* The answer to a step that came too late is on its way already. */
	if (check != NULL && check->state == CHECK_TALKING && check->sasl != NULL)
		step(check, data->data, data->size);
}
