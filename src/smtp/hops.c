/* See hops.h. */

#include "smtp/hops.h"

#include <string.h>
#include <strings.h>

void
hops_begin(struct hops *hops)
{
	memset(hops, 0, sizeof(*hops));
}

bool
hops_too_many(const struct hops *hops)
{
	return hops->received_count > HOPS_MAX || hops->delivered_count > HOPS_MAX;
}

/* The value of the field if the line is one of that name; NULL otherwise. */
static char *
field_value(char *line, const char *name)
{
	size_t length = strlen(name);

	if (strncasecmp(line, name, length) != 0)
		return NULL;
	line += length + strspn(line + length, " \t");
	return *line == ':' ? line + 1 : NULL;
}

/* "anna@example.org", with white space or "<" and ">" around it. */
static void
delivered_note(char *value, hops_delivered *delivered, void *context)
{
	struct path path;
	size_t length;

	value += strspn(value, " \t<");
	length = strlen(value);
	while (length > 0 && strchr(" \t>", value[length - 1]) != NULL)
		length--;
	value[length] = '\0';
	if (path_parse(&path, value) == NULL)
		delivered(context, &path);
}

/* A field is whole, all of its folded lines. */
static void
field_end(struct hops *hops, hops_delivered *delivered, void *context)
{
	char *value;

	hops->line[hops->used] = '\0';
	hops->used = 0;
	if (field_value(hops->line, "Received") != NULL && hops->received_count <= HOPS_MAX)
		hops->received_count++;
	value = field_value(hops->line, "Delivered-To");
	if (value != NULL && hops->delivered_count <= HOPS_MAX) {
		hops->delivered_count++;
		if (hops->received_count > 0)
			delivered_note(value, delivered, context);
	}
}

/* Keeps what fits: a field that does not is none that is looked for, or holds no address. */
static void
line_keep(struct hops *hops, const char *text, size_t size)
{
	size_t room = sizeof(hops->line) - 1 - hops->used;

	if (size > room)
		size = room;
	memcpy(hops->line + hops->used, text, size);
	hops->used += size;
}

/* Octets of a line, its end not among them. The first tells whether it goes on with the field before. */
static void
line_add(struct hops *hops, const char *text, size_t size, hops_delivered *delivered, void *context)
{
	if (size == 0)
		return;
	if (!hops->line_begun && *text != ' ' && *text != '\t')
		field_end(hops, delivered, context);
	hops->line_begun = true;
	line_keep(hops, text, size);
}

void
hops_add(struct hops *hops, const char *piece, size_t size, hops_delivered *delivered, void *context)
{
	while (size > 0 && !hops->over) {
		const char *end = memchr(piece, '\n', size);
		size_t length = end != NULL ? (size_t)(end - piece) : size;

		/* A CR counts as one of the line only when something else than LF follows. */
		if (length > 0) {
			if (hops->last_cr)
				line_add(hops, "\r", 1, delivered, context);
			hops->last_cr = piece[length - 1] == '\r';
			line_add(hops, piece, length - hops->last_cr, delivered, context);
		}
		if (end == NULL)
			return;
		if (!hops->line_begun) {
			field_end(hops, delivered, context);
			hops->over = true;
		}
		hops->line_begun = hops->last_cr = false;
		piece += length + 1;
		size -= length + 1;
	}
}

void
hops_end(struct hops *hops, hops_delivered *delivered, void *context)
{
	if (!hops->over)
		field_end(hops, delivered, context);
	hops->over = true;
}
