/* The lines that pass, for who wants to see them, without what is secret. */

#include <string.h>
#include <strings.h>

#include "client/engine.h"

/* Of a command of the caller's: what stands behind these words is secret, too. */
static const char *const secret_words[] = { "PASS", "APOP", "AUTH" };

static void
trace(const struct restante_client *client, char direction, const char *line, size_t size)
{
	if (client->trace != NULL)
		client->trace(client->trace_context, direction, line, size);
}

void
trace_said(const struct restante_client *client, const char *line)
{
	trace(client, '>', line, strlen(line));
}

void
trace_sent(const struct restante_client *client, const char *line, size_t size)
{
	while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
		size--;
	for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++) {
		const char *word = secret_words[i];

		if (size > 5 && strncasecmp(line, word, 4) == 0 && line[4] == ' ') {
			char masked[] = "WORD [...]";

			memcpy(masked, word, 4);
			trace_said(client, masked);
			return;
		}
	}
	trace(client, '>', line, size);
}

void
trace_received(const struct restante_client *client, const char *line)
{
	trace(client, '<', line, strlen(line));
}

void
restante_client_trace(struct restante_client *client,
    void (*call)(void *context, char direction, const char *line, size_t size), void *context)
{
	client->trace = call;
	client->trace_context = context;
}
