/* See greeting.h. */

#include "pop3/greeting.h"

#include <string.h>

/* RFC 5322, section 3.6.4, without its quoted and obsolete forms. */
static bool
is_id_text(const char *text, size_t length)
{
	static const char special[] = "()<>[]:;@\\,\"";

	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr(special, text[i]) != NULL)
			return false;
	return length > 0;
}

bool
greeting_timestamp(const char *text, char *timestamp, size_t size)
{
	const char *start = strrchr(text, '<'), *at, *end;

	if (start == NULL || (at = strchr(start, '@')) == NULL || (end = strchr(at, '>')) == NULL)
		return false;
	if (!is_id_text(start + 1, (size_t)(at - start) - 1) || !is_id_text(at + 1, (size_t)(end - at) - 1))
		return false;
	if ((size_t)(end - start) + 2 > size)
		return false;
	memcpy(timestamp, start, (size_t)(end - start) + 1);
	timestamp[end - start + 1] = '\0';
	return true;
}
