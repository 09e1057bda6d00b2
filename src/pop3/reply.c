/* See reply.h. */

#include "pop3/reply.h"

#include <stdarg.h>
#include <stdio.h>

/* RFC 2449, section 4: a first reply line has at most 512 octets with CRLF. */
#define REPLY_TEXT_SIZE 500

static bool
reply_line(struct writer *w, const char *status, const char *format, va_list arguments)
{
	char text[REPLY_TEXT_SIZE];

	vsnprintf(text, sizeof(text), format, arguments);
	return writer_text(w, status) && writer_text(w, text) && writer_put(w, "\r\n", 2);
}

bool
reply_ok(struct writer *w, const char *format, ...)
{
	va_list arguments;
	bool done;

	va_start(arguments, format);
	done = reply_line(w, "+OK ", format, arguments);
	va_end(arguments);
	return done;
}

bool
reply_error(struct writer *w, const char *format, ...)
{
	va_list arguments;
	bool done;

	va_start(arguments, format);
	done = reply_line(w, "-ERR ", format, arguments);
	va_end(arguments);
	return done;
}

const char *
reply_code(enum error_kind kind)
{
	static const char *const codes[ERROR_KIND_COUNT] = {
		[ERROR_TEMPORARY] = "[SYS/TEMP] ",	/* RFC 3206, section 4 */
		[ERROR_PERMANENT] = "[SYS/PERM] ",	/* RFC 3206, section 4 */
		[ERROR_BUSY] = "[IN-USE] ",		/* RFC 2449, section 8.1.2 */
		[ERROR_DENIED] = "[AUTH] ",		/* RFC 3206, section 5 */
		[ERROR_FULL] = "[SYS/TEMP] ",		/* RFC 3206, section 4: it names a full disk */
	};

	return kind < ERROR_KIND_COUNT && codes[kind] != NULL ? codes[kind] : "";
}

bool
reply_failure(struct writer *w, enum error_kind kind, const char *text)
{
	return reply_error(w, "%s%s", reply_code(kind), text);
}
