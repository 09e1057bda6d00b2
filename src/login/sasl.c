/* See sasl.h. */

#include "login/sasl.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "login/authentication.h"
#include "login/connection.h"
#include "login/login.h"
#include "pop3/reply.h"
#include "sasl/base64.h"
#include "sasl/mechanism.h"

#define MECHANISM_SIZE 32	/* RFC 4422, section 3.1, allows 20 characters */

_Static_assert(BASE64_SIZE(IPC_SASL_SIZE) + sizeof("+ \r\n") - 1 <= REPLY_SIZE_MAX,
    "a challenge fits into a reply");

/* Those that show the password to whoever listens (RFC 4616, section 6) want TLS. */
static bool
is_allowed(const struct connection *c, const char *name, size_t length)
{
	char text[MECHANISM_SIZE];

	if (connection_takes_passwords(c))
		return true;
	if (length >= sizeof(text))
		return false;
	memcpy(text, name, length);
	text[length] = '\0';
	return !sasl_mechanism_plaintext(text);
}

/* Cuts the next word off *text; its length, 0 at the end. */
static size_t
next_word(const char **text)
{
	*text += strspn(*text, " ");
	return strcspn(*text, " ");
}

void
sasl_announce(const struct connection *c, char *names, size_t size)
{
	const char *word = c->login->settings.sasl_mechanisms;
	size_t used = 0, length;

	names[0] = '\0';
	for (; (length = next_word(&word)) > 0; word += length)
		if (is_allowed(c, word, length) && used + length + 2 <= size)
			used += (size_t)snprintf(names + used, size - used, "%s%.*s",
			    used > 0 ? " " : "", (int)length, word);
}

void
sasl_list(struct connection *c)
{
	char names[TEXT_SIZE];
	const char *word = names;
	size_t length;

	sasl_announce(c, names, sizeof(names));
	reply_ok(out_of(c), "mechanisms follow");
	for (; (length = next_word(&word)) > 0; word += length)
		writer_printf(out_of(c), "%.*s\r\n", (int)length, word);
	writer_text(out_of(c), ".\r\n");
}

/* Is it configured? In which spelling? */
static bool
find_mechanism(const struct connection *c, const char *asked, char *name, size_t size)
{
	const char *word = c->login->settings.sasl_mechanisms;
	size_t length;

	for (; (length = next_word(&word)) > 0; word += length) {
		if (strlen(asked) != length || strncasecmp(asked, word, length) != 0 ||
		    length >= size)
			continue;
		snprintf(name, size, "%.*s", (int)length, word);
		return true;
	}
	return false;
}

static void
not_base64(struct connection *c)
{
	authentication_forget(c);
	connection_bad(c, "invalid base64");
}

void
sasl_begin(struct connection *c, char *arguments)
{
	struct ipc_sasl_start start = { .initial = false };
	char *response = arguments + strcspn(arguments, " ");
	ssize_t size = 0;

	if (*response != '\0')
		*response++ = '\0';
	response += strspn(response, " ");
	if (!find_mechanism(c, arguments, start.mechanism, sizeof(start.mechanism))) {
		connection_bad(c, "this mechanism is not offered");
		return;
	}
	if (!is_allowed(c, start.mechanism, strlen(start.mechanism))) {
		connection_refuse(c, ERROR_DENIED, "TLS required before this mechanism");
		return;
	}
	start.initial = *response != '\0';
	/* "=" is the empty initial response: RFC 5034, section 4. */
	if (start.initial && strcmp(response, "=") != 0)
		size = base64_strict(start.data, sizeof(start.data), response, strlen(response));
	if (size < 0) {
		not_base64(c);
		return;
	}
	start.size = (uint32_t)size;
	authentication_sasl_start(c, &start);
	secret_wipe(&start, sizeof(start));
}

void
sasl_line(struct connection *c, const char *line, size_t length)
{
	struct ipc_sasl_data step = { .session = c->session };
	ssize_t size;

	if (strcmp(line, "*") == 0) {
		authentication_forget(c);
		connection_refuse(c, ERROR_NONE, "AUTH cancelled");
		return;
	}
	size = base64_strict(step.data, sizeof(step.data), line, length);
	if (size < 0) {
		not_base64(c);
		return;
	}
	step.size = (uint32_t)size;
	authentication_sasl_step(c, &step);
	secret_wipe(&step, sizeof(step));
}

void
sasl_challenge(struct connection *c, const uint8_t *data, size_t size)
{
	char text[BASE64_SIZE(IPC_SASL_SIZE)];

	base64_text(text, data, size);
	writer_text(out_of(c), "+ ");
	writer_text(out_of(c), text);
	writer_text(out_of(c), "\r\n");
	c->state = CONNECTION_SASL;
}
