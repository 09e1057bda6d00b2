/* See response.h. */

#include "pop3/response.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	enum response_code code;
} codes[] = {
	{ "AUTH", CODE_AUTH },
	{ "IN-USE", CODE_IN_USE },
	{ "LOGIN-DELAY", CODE_LOGIN_DELAY },
	{ "SYS/TEMP", CODE_SYS_TEMP },
	{ "SYS/PERM", CODE_SYS_PERM },
	{ "UTF8", CODE_UTF8 },
};

static char *
spaces_skip(char *text)
{
	return text + strspn(text, " \t");
}

/* Is the code this one, or one below it (RFC 2449, section 8: "a client MUST be able to handle" these)? */
static bool
code_is(const char *code, size_t size, const char *name)
{
	size_t length = strlen(name);

	return size >= length && strncasecmp(code, name, length) == 0 && (size == length || code[length] == '/');
}

/* Without RESP-CODES a "[" at the start promises nothing: only the codes that are known are taken off. */
static void
code_take(struct response *response)
{
	char *end;

	if (response->text[0] != '[' || (end = strchr(response->text, ']')) == NULL)
		return;
	response->code = CODE_OTHER;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (code_is(response->text + 1, (size_t)(end - response->text) - 1, codes[i].name)) {
			response->code = codes[i].code;
			response->text = spaces_skip(end + 1);
			return;
		}
	}
}

int
response_parse(struct response *response, char *line, struct error *error)
{
	struct response parsed = { .code = CODE_NONE };

	if (strncasecmp(line, "+OK", 3) == 0) {
		parsed.status = RESPONSE_OK;
		parsed.text = spaces_skip(line + 3);
	} else if (strncasecmp(line, "-ERR", 4) == 0) {
		parsed.status = RESPONSE_ERROR;
		parsed.text = spaces_skip(line + 4);
		code_take(&parsed);
	} else if (line[0] == '-') {
		parsed.status = RESPONSE_ERROR;
		parsed.text = spaces_skip(line + 1);
	} else if (line[0] == '+' && (line[1] == ' ' || line[1] == '\0')) {
		parsed.status = RESPONSE_CHALLENGE;
		parsed.text = spaces_skip(line + 1);
	} else {
		return error_set(error, ERROR_PROTOCOL,
		    "a reply that begins neither with \"+OK\" nor with \"-ERR\"");
	}
	*response = parsed;
	return 0;
}
