/* See text.h. */

#include "fetch/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "smtp/utf8.h"

static bool
is_control(char octet)
{
	return (unsigned char)octet < 0x20 || octet == 0x7f;
}

void
text_clean(struct writer *out, const char *text)
{
	for (size_t size; *text != '\0'; text += size > 0 ? size : 1) {
		size = utf8_character(text);
		if (size == 0 || is_control(*text))
			writer_put(out, "?", 1);
		else
			writer_put(out, text, size);
	}
}

static void
json_character(struct writer *out, const char *text, size_t size)
{
	if (size == 0)
		writer_text(out, "\\ufffd");
	else if (is_control(*text))
		writer_printf(out, "\\u%04x", (unsigned)*text);
	else if (*text == '"' || *text == '\\')
		writer_printf(out, "\\%c", *text);
	else
		writer_put(out, text, size);
}

void
text_json(struct writer *out, const char *text)
{
	writer_put(out, "\"", 1);
	for (size_t size; *text != '\0'; text += size > 0 ? size : 1) {
		size = utf8_character(text);
		json_character(out, text, size);
	}
	writer_put(out, "\"", 1);
}

void
text_octets(struct writer *out, uint64_t octets)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	uint64_t tenths = octets / 100; /* of a kB */
	size_t unit = 0;

	if (octets < 1000) {
		writer_printf(out, "%" PRIu64 " octet%s", octets, octets == 1 ? "" : "s");
		return;
	}
	while (tenths >= 10000 && unit + 1 < sizeof(units) / sizeof(*units)) {
		tenths /= 1000;
		unit++;
	}
	writer_printf(out, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units[unit]);
}
