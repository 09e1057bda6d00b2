/* See trace.h. */

#include "smtp/trace.h"

#include <inttypes.h>

const char *
trace_protocol(bool tls, bool utf8)
{
	static const char *const names[2][2] = { { "LMTP", "UTF8LMTP" }, { "LMTPS", "UTF8LMTPS" } };

	return names[tls][utf8];
}

static bool
put_path(struct writer *w, const char *before, const struct path *path, const char *after)
{
	char text[ADDRESS_SIZE];

	path_text(path, text);
	return writer_printf(w, "%s%s%s", before, text, after);
}

bool
trace_return_path(struct writer *w, const struct path *reverse_path)
{
	return put_path(w, "Return-Path: <", reverse_path, ">\r\n");
}

bool
trace_delivered_to(struct writer *w, const struct path *recipient)
{
	return put_path(w, "Delivered-To: ", recipient, "\r\n");
}

/* Can it stand in a comment or as a word without an end of its own in it? */
static bool
is_word(const char *text)
{
	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text == 0x7f || *text == '(' || *text == ')' || *text == '\\')
			return false;
	return true;
}

/* "(mx.example.org [192.0.2.1])": what we know of the client, not what it said. */
static bool
put_client(struct writer *w, const struct received *received)
{
	bool name = is_word(received->name);

	if (!is_word(received->address))
		return true;
	return writer_printf(w, " (%s%s[%s])", name ? received->name : "", name ? " " : "",
	    received->address);
}

bool
trace_received(struct writer *w, const struct received *received)
{
	char date[64];
	struct tm tm;

	/* The time zone is an offset, and the names are English: nobody calls setlocale(). */
	if (localtime_r(&received->time, &tm) == NULL ||
	    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S %z", &tm) == 0)
		return false;
	writer_printf(w, "Received: from %s", is_word(received->helo) ? received->helo : "unknown");
	put_client(w, received);
	writer_printf(w, "\r\n\tby %s with %s id %" PRIx64 ".%u", received->by, received->with,
	    received->session, received->count);
	if (received->for_path != NULL)
		put_path(w, "\r\n\tfor <", received->for_path, ">");
	return writer_printf(w, "; %s\r\n", date);
}
