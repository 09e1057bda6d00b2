/* See url.h. */

#include "pop3/url.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

#define WORDS_SIZE 1024		/* what stands between "//" and the end */

static int
digit_value(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = digit != '\0' ? strchr(digits, tolower((unsigned char)digit)) : NULL;

	return found != NULL ? (int)(found - digits) : -1;
}

/* Undoes %XX. An octet that cannot be part of a command line is refused. */
static int
decode(char *output, size_t size, const char *text, const char *what, struct error *error)
{
	size_t used = 0;

	for (; *text != '\0'; text++) {
		int octet = (unsigned char)*text;

		if (octet == '%') {
			int high = digit_value(text[1]), low = high < 0 ? -1 : digit_value(text[2]);

			if (low < 0)
				return error_set(error, ERROR_PROTOCOL, "\"%%\" without two hex digits in the %s",
				    what);
			octet = high * 16 + low;
			text += 2;
		}
		if (iscntrl(octet))
			return error_set(error, ERROR_PROTOCOL, "a control character in the %s", what);
		if (used + 1 >= size)
			return error_set(error, ERROR_PROTOCOL, "the %s is too long", what);
		output[used++] = (char)octet;
	}
	output[used] = '\0';
	return 0;
}

static int
take_mechanism(struct pop_url *url, const char *text, struct error *error)
{
	const char *name = text + (*text == '+');

	if (decode(url->mechanism, sizeof(url->mechanism), text, "mechanism", error) < 0)
		return -1;
	for (char *octet = url->mechanism; *octet != '\0'; octet++)
		*octet = (char)toupper((unsigned char)*octet);
	if (*name == '\0' || (*text == '+' && strcasecmp(text, "+APOP") != 0) ||
	    (strcmp(text, "*") != 0 && strspn(url->mechanism + (*text == '+'),
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != strlen(name)))
		return error_set(error, ERROR_PROTOCOL, "\"%.40s\" is no mechanism", text);
	return 0;
}

/* "user", "user;AUTH=mechanism", ";AUTH=mechanism". */
static int
take_user(struct pop_url *url, char *text, struct error *error)
{
	char *parameter = strchr(text, ';');

	if (parameter != NULL) {
		*parameter++ = '\0';
		if (strncasecmp(parameter, "AUTH=", 5) != 0)
			return error_set(error, ERROR_PROTOCOL, "\";%.40s\" where only \";AUTH=\" may stand",
			    parameter);
		if (take_mechanism(url, parameter + 5, error) < 0)
			return -1;
	}
	if (strchr(text, ':') != NULL)
		return error_set(error, ERROR_PROTOCOL,
		    "a password does not belong in a URL, where others can read it");
	return decode(url->user, sizeof(url->user), text, "user", error);
}

static int
take_port(struct pop_url *url, const char *text, struct error *error)
{
	uint64_t port;

	if (!number_parse(text, &port) || port == 0 || port > 65535)
		return error_set(error, ERROR_PROTOCOL, "\"%.40s\" is no port", text);
	url->port = (unsigned)port;
	return 0;
}

/* "host", "host:port", "[2001:db8::1]:port". */
static int
take_host(struct pop_url *url, char *text, struct error *error)
{
	char *end = text[0] == '[' ? strchr(text, ']') : text + strcspn(text, ":");
	char *port = NULL;

	if (end == NULL)
		return error_set(error, ERROR_PROTOCOL, "\"[\" without \"]\" in the host");
	if (text[0] == '[') {
		text++;
		*end++ = '\0';
	}
	if (*end == ':')
		port = end + 1;
	else if (*end != '\0')
		return error_set(error, ERROR_PROTOCOL, "\"%.40s\" behind the host", end);
	*end = '\0';
	if (*text == '\0')
		return error_set(error, ERROR_PROTOCOL, "no host");
	if (text[strcspn(text, " ;@%[]")] != '\0')
		return error_set(error, ERROR_PROTOCOL, "\"%.80s\" is no host", text);
	if (decode(url->host, sizeof(url->host), text, "host", error) < 0)
		return -1;
	return port != NULL ? take_port(url, port, error) : 0;
}

/* What stands behind "//". */
static int
take_words(struct pop_url *url, char *words, struct error *error)
{
	char *at = strrchr(words, '@'), *path = strchr(at != NULL ? at : words, '/');

	if (path != NULL) {
		if (path[1] != '\0')
			return error_set(error, ERROR_PROTOCOL, "a POP URL has no path: \"%.80s\"", path);
		*path = '\0';
	}
	if (at == NULL)
		return take_host(url, words, error);
	*at = '\0';
	if (strchr(words, '@') != NULL || strchr(words, '/') != NULL)
		return error_set(error, ERROR_PROTOCOL,
		    "\"@\" and \"/\" are \"%%40\" and \"%%2F\" in a user's name");
	if (take_user(url, words, error) < 0)
		return -1;
	return take_host(url, at + 1, error);
}

int
pop_url_parse(struct pop_url *url, const char *text, struct error *error)
{
	struct pop_url parsed = { .tls = strncasecmp(text, "pops://", 7) == 0 };
	size_t scheme = parsed.tls ? 7 : 6;
	char words[WORDS_SIZE];

	if (!parsed.tls && strncasecmp(text, "pop://", 6) != 0)
		return error_set(error, ERROR_PROTOCOL, "a POP URL begins with \"pop://\" or \"pops://\"");
	if (strlen(text + scheme) >= sizeof(words))
		return error_set(error, ERROR_PROTOCOL, "the URL is too long");
	memcpy(words, text + scheme, strlen(text + scheme) + 1);
	if (take_words(&parsed, words, error) < 0)
		return -1;
	*url = parsed;
	return 0;
}

/* RFC 2384, section 5: achar, and everything else as %XX. */
static bool
write_encoded(struct writer *w, const char *text)
{
	static const char plain[] = "$-_.+!*'(),&=~";
	bool done = true;

	for (; *text != '\0' && done; text++) {
		if (isalnum((unsigned char)*text) || strchr(plain, *text) != NULL)
			done = writer_put(w, text, 1);
		else
			done = writer_printf(w, "%%%02X", (unsigned char)*text);
	}
	return done;
}

bool
pop_url_write(const struct pop_url *url, struct writer *w)
{
	bool bracketed = strchr(url->host, ':') != NULL;

	writer_text(w, url->tls ? "pops://" : "pop://");
	write_encoded(w, url->user);
	if (url->mechanism[0] != '\0')
		writer_printf(w, ";AUTH=%s", url->mechanism);
	if (url->user[0] != '\0' || url->mechanism[0] != '\0')
		writer_text(w, "@");
	writer_printf(w, bracketed ? "[%s]" : "%s", url->host);
	if (url->port != 0)
		writer_printf(w, ":%u", url->port);
	return !w->failed;
}
