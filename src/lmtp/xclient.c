/*
 * XCLIENT: a trusted client says for whom it speaks (Postfix's XCLIENT_README). All of a command is taken or
 * nothing; what it does not name stays as it was.
 */

#include "lmtp/engine.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "smtp/xtext.h"

/* Printable ASCII without spaces: it stands in the log and in Received. */
static bool
is_word(const char *value)
{
	for (; *value != '\0'; value++)
		if (*value <= ' ' || *value >= 0x7f)
			return false;
	return true;
}

/* "192.0.2.1" or "IPV6:2001:db8::1". */
static bool
is_address(const char *value)
{
	struct in6_addr address;

	return inet_pton(AF_INET, value, &address) == 1 || (strncasecmp(value, "IPV6:", 5) == 0 &&
	    inet_pton(AF_INET6, value + 5, &address) == 1);
}

static bool
is_port(const char *value)
{
	uint64_t port;

	return number_parse(value, &port) && port <= 65535;
}

#define ATTRIBUTE(attribute, field, is_valid)                                                      \
	{ .name = (attribute), .offset = offsetof(struct session_client, field),                             \
	  .size = sizeof(((struct session_client *)NULL)->field), .valid = (is_valid) }

static const struct {
	const char *name;
	size_t offset, size;
	bool (*valid)(const char *value);
} attributes[] = {
	ATTRIBUTE("NAME", name, is_word),
	ATTRIBUTE("ADDR", address, is_address),
	ATTRIBUTE("PORT", port, is_port),
	ATTRIBUTE("PROTO", protocol, is_word),
	ATTRIBUTE("HELO", helo, is_word),
	ATTRIBUTE("LOGIN", login, is_word),
	ATTRIBUTE("DESTADDR", local_address, is_address),
	ATTRIBUTE("DESTPORT", local_port, is_port),
};

#define ATTRIBUTE_COUNT (sizeof(attributes) / sizeof(attributes[0]))

/* "NAME=value" into its field. */
static bool
attribute_set(struct session_client *peer, const char *word)
{
	const char *value = strchr(word, '=');
	char decoded[USER_SIZE > HOST_SIZE ? USER_SIZE : HOST_SIZE];
	size_t i = 0;

	if (value == NULL)
		return false;
	while (i < ATTRIBUTE_COUNT && (strlen(attributes[i].name) != (size_t)(value - word) ||
	    strncasecmp(word, attributes[i].name, (size_t)(value - word)) != 0))
		i++;
	if (i == ATTRIBUTE_COUNT || !xtext_decode(++value, decoded, attributes[i].size))
		return false;
	if (strcasecmp(value, "[UNAVAILABLE]") == 0 || strcasecmp(value, "[TEMPUNAVAIL]") == 0)
		decoded[0] = '\0';
	else if (!attributes[i].valid(decoded))
		return false;
	memcpy((char *)peer + attributes[i].offset, decoded, strlen(decoded) + 1);
	return true;
}

enum command_result
cmd_xclient(struct session *s, char *arguments)
{
	struct session_client peer = s->peer;

	if (!s->trusted)
		return session_refuse(s, "550 5.7.0 XCLIENT is not for you");
	while (*arguments != '\0') {
		char *word = arguments;

		arguments += strcspn(arguments, " ");
		if (*arguments == ' ')
			*arguments++ = '\0';
		arguments += strspn(arguments, " ");
		if (!attribute_set(&peer, word))
			return session_refuse(s, "501 5.5.4 an attribute is unknown or has a bad value");
	}
	session_forget(s);
	s->peer = peer;
	session_greet(s);
	return COMMAND_DONE;
}
