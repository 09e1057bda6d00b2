/* Filling a struct error, and the one-word names of its kinds. */

#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
	va_list arguments;

	error->kind = kind;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	return -1;
}

int
error_errno(struct error *error, enum error_kind kind, const char *format, ...)
{
	const char *reason = strerrordesc_np(errno);
	va_list arguments;
	int length;

	error->kind = kind;
	va_start(arguments, format);
	length = vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	if (length >= 0 && (size_t)length < sizeof(error->text))
		snprintf(error->text + length, sizeof(error->text) - (size_t)length, ": %s",
		    reason != NULL ? reason : "unknown error");
	return -1;
}

const char *
error_kind_name(enum error_kind kind)
{
	static const char *const names[ERROR_KIND_COUNT] = {
		[ERROR_NONE] = "none",
		[ERROR_TEMPORARY] = "temporary",
		[ERROR_PERMANENT] = "permanent",
		[ERROR_BUSY] = "busy",
		[ERROR_DENIED] = "denied",
		[ERROR_GONE] = "gone",
		[ERROR_PROTOCOL] = "protocol",
		[ERROR_FULL] = "full",
	};

	return kind < ERROR_KIND_COUNT ? names[kind] : "unknown";
}
