/* See parameter.h. */

#include "smtp/parameter.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "smtp/utf8.h"
#include "smtp/xtext.h"

static char *
keyword_take(char *at, char keyword[PARAMETER_KEYWORD_SIZE])
{
	size_t length = 0;

	while (isalnum((unsigned char)at[length]) || (length > 0 && at[length] == '-'))
		length++;
	keyword[0] = '\0';
	if (length < PARAMETER_KEYWORD_SIZE) {
		for (size_t i = 0; i < length; i++)
			keyword[i] = (char)toupper((unsigned char)at[i]);
		keyword[length] = '\0';
	}
	return length == 0 ? NULL : at + length;
}

/* Where the value ends; NULL: it is none. */
static char *
value_end(char *at, bool utf8)
{
	char *start = at;
	size_t size;

	for (; *at != '\0' && *at != ' '; at += size) {
		size = utf8_character(at);
		if (size == 0 || (size > 1 && !utf8))
			return NULL;
		if (size == 1 && (*at < ' ' || *at == '=' || *at == 0x7f))
			return NULL;
	}
	return at == start ? NULL : at;
}

enum parameter_status
parameter_take(char **text, bool utf8, struct parameter *parameter)
{
	char *at = *text + strspn(*text, " ");

	parameter->value = NULL;
	if (*at == '\0')
		return PARAMETER_NONE;
	at = keyword_take(at, parameter->keyword);
	if (at != NULL && *at == '=') {
		parameter->value = at + 1;
		at = value_end(at + 1, utf8);
	}
	if (at == NULL || (*at != '\0' && *at != ' '))
		return PARAMETER_BAD;
	if (*at == ' ')
		*at++ = '\0';
	*text = at;
	return PARAMETER_READY;
}

bool
notify_parse(const char *value, unsigned *notify)
{
	static const struct {
		const char *word;
		unsigned bit;
	} words[] = { { "NEVER", NOTIFY_NEVER }, { "SUCCESS", NOTIFY_SUCCESS },
		{ "FAILURE", NOTIFY_FAILURE }, { "DELAY", NOTIFY_DELAY } };
	unsigned found = 0;

	for (;;) {
		size_t length = strcspn(value, ","), i = 0;

		while (i < 4 && (strlen(words[i].word) != length ||
		    strncasecmp(value, words[i].word, length) != 0))
			i++;
		if (i == 4)
			return false;
		found |= words[i].bit;
		if (value[length] == '\0')
			break;
		value += length + 1;
	}
	if ((found & NOTIFY_NEVER) != 0 && found != NOTIFY_NEVER)
		return false;
	*notify = found;
	return true;
}

/* An address of type utf-8 is written otherwise (RFC 6533, section 3): its octets have been checked. */
bool
orcpt_valid(const char *value, bool utf8)
{
	size_t type = 0;

	while (isalnum((unsigned char)value[type]) || (type > 0 && value[type] == '-'))
		type++;
	if (type == 0 || value[type] != ';' || value[type + 1] == '\0' || strlen(value) > ORCPT_OCTETS_MAX)
		return false;
	return (utf8 && type == 5 && strncasecmp(value, "utf-8", 5) == 0) ||
	    xtext_decode(value + type + 1, NULL, 0);
}

bool
envid_valid(const char *value)
{
	return strlen(value) <= ENVID_OCTETS_MAX && xtext_decode(value, NULL, 0);
}
