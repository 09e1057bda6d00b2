/* See writer.h. */

#include "base/writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
writer_init(struct writer *w, char *buffer, size_t size,
    int (*sink)(void *context, const char *data, size_t size), void *context)
{
	*w = (struct writer){ .buffer = buffer, .size = size, .sink = sink, .context = context };
}

bool
writer_flush(struct writer *w)
{
	if (w->failed)
		return false;
	if (w->used == 0)
		return true;
	if (w->sink == NULL || w->sink(w->context, w->buffer, w->used) != 0) {
		w->failed = true;
		return false;
	}
	w->used = 0;
	return true;
}

bool
writer_pass(struct writer *w)
{
	bool done;

	w->more = true;
	done = writer_flush(w);
	w->more = false;
	return done;
}

bool
writer_put(struct writer *w, const char *data, size_t size)
{
	while (size > w->size - w->used) {
		size_t part = w->size - w->used;

		memcpy(w->buffer + w->used, data, part);
		w->used += part;
		data += part;
		size -= part;
		if (!writer_pass(w))
			return false;
	}
	if (w->failed)
		return false;
	memcpy(w->buffer + w->used, data, size);
	w->used += size;
	return true;
}

bool
writer_text(struct writer *w, const char *text)
{
	return writer_put(w, text, strlen(text));
}

bool
writer_printf(struct writer *w, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(text)) {
		w->failed = true;
		return false;
	}
	return writer_put(w, text, (size_t)length);
}
