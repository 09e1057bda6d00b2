/* See setup_probe.h. */

#include "fetch/setup_probe.h"

#include <stdio.h>
#include <string.h>

#include <restante/restante.h>

/* For each address. Somebody waits, and some of the hosts that are tried drop what they do not serve. */
#define CONNECT_SECONDS "5"
#define ANSWER_SECONDS  "15"

static bool
options_fill(struct restante_options *options, const struct candidate *candidate, const char *pin)
{
	char port[24];

	snprintf(port, sizeof(port), "%u", (unsigned)candidate->port);
	return restante_options_set(options, RESTANTE_HOST, candidate->host) == 0 &&
	       restante_options_set(options, RESTANTE_PORT, port) == 0 &&
	       restante_options_set(
		   options, RESTANTE_SECURITY, candidate->security == ACCOUNT_TLS ? "tls" : "stls") == 0 &&
	       restante_options_set(options, RESTANTE_PIN, pin[0] != '\0' ? pin : NULL) == 0 &&
	       /* There is no password, so this is where it ends. */
	       restante_options_set(options, RESTANTE_MECHANISMS, "USER") == 0 &&
	       restante_options_set(options, RESTANTE_CONNECT_TIMEOUT, CONNECT_SECONDS) == 0 &&
	       restante_options_set(options, RESTANTE_TIMEOUT, ANSWER_SECONDS) == 0;
}

static void
probe_fill(struct probe *probe, const struct restante_session *session, const struct restante_client *client)
{
	const unsigned capabilities = restante_client_capabilities(client);

	probe->result = restante_session_result(session);
	snprintf(probe->error, sizeof(probe->error), "%s", restante_client_error(client));
	snprintf(probe->mechanisms, sizeof(probe->mechanisms), "%s", restante_client_mechanisms(client));
	snprintf(probe->protection, sizeof(probe->protection), "%s", restante_client_protection(client));
	snprintf(probe->pin, sizeof(probe->pin), "%s", restante_client_pin(client));
	snprintf(
	    probe->implementation, sizeof(probe->implementation), "%s", restante_client_implementation(client));
	probe->has_user = (capabilities & RESTANTE_HAS_USER) != 0 || (capabilities & RESTANTE_HAS_CAPA) == 0;
}

void
server_probe(struct probe *probe, const struct candidate *candidate, const char *pin)
{
	struct restante_options *options = restante_options_new();
	struct restante_session *session = NULL;
	const struct restante_event *event = NULL;

	memset(probe, 0, sizeof(*probe));
	probe->result = RESTANTE_MEMORY;
	if (options != NULL && options_fill(options, candidate, pin))
		session = restante_session_new(options);
	if (session != NULL) {
		while (restante_session_next(session, &event) != RESTANTE_EVENT_END)
			;
		probe_fill(probe, session, restante_session_client(session));
		probe->result = restante_event_result(event);
		probe->is_good = probe->result == RESTANTE_NO_MECHANISM && probe->protection[0] != '\0';
	}
	restante_session_free(session);
	restante_options_free(options);
}
