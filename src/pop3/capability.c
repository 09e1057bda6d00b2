/* See capability.h. One row per capability; a new one costs a row. */

#include "pop3/capability.h"

#include <stddef.h>

enum condition { ALWAYS, WITH_STLS, WITH_USER, WITH_SASL, WITH_IMPLEMENTATION };

/*
 * Each tag that takes no argument stands alone on its line (some clients compare whole lines), and
 * what clients look for first comes first: fetchmail reads through a small buffer.
 */
static const struct {
	const char *tag;
	enum condition condition;
} rows[] = {
	{ "TOP", ALWAYS },			/* RFC 2449, section 6.1 */
	{ "UIDL", ALWAYS },			/* 6.8 */
	{ "SASL", WITH_SASL },			/* 6.3; RFC 5034, section 3 */
	{ "USER", WITH_USER },			/* 6.2 */
	{ "STLS", WITH_STLS },			/* RFC 2595, section 4 */
	{ "RESP-CODES", ALWAYS },		/* 6.4 */
	{ "AUTH-RESP-CODE", ALWAYS },		/* RFC 3206, section 6 */
	{ "PIPELINING", ALWAYS },		/* 6.6 */
	{ "EXPIRE NEVER", ALWAYS },		/* 6.7: nothing goes unless the user deletes it */
	{ "IMPLEMENTATION", WITH_IMPLEMENTATION },	/* 6.9 */
};

void
capabilities_write(struct writer *w, const struct capabilities *capabilities)
{
	const bool holds[] = {
		[ALWAYS] = true,
		[WITH_STLS] = capabilities->stls,
		[WITH_USER] = capabilities->user,
		[WITH_SASL] = capabilities->sasl[0] != '\0',
		[WITH_IMPLEMENTATION] = capabilities->implementation[0] != '\0',
	};
	const char *const arguments[] = {
		[WITH_SASL] = capabilities->sasl,
		[WITH_IMPLEMENTATION] = capabilities->implementation,
	};

	writer_text(w, "+OK capability list follows\r\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum condition condition = rows[i].condition;

		if (!holds[condition])
			continue;
		writer_text(w, rows[i].tag);
		if (condition == WITH_SASL || condition == WITH_IMPLEMENTATION)
			writer_printf(w, " %s", arguments[condition]);
		writer_text(w, "\r\n");
	}
	writer_text(w, ".\r\n");
}
