/* The table of other servers' lists, and what their parsers share. */

#include "store/foreign_uidls.h"

#include <string.h>

const struct foreign_kind foreign_kinds[] = {
	{ "dovecot", "dovecot-uidlist", foreign_parse_dovecot },
	{ "courier", "courierpop3dsizelist", foreign_parse_courier },
	{ "list", NULL, foreign_parse_list },
	{ .word = NULL },
};

const struct foreign_kind *
foreign_kind_find(const char *word)
{
	for (const struct foreign_kind *kind = foreign_kinds; kind->word != NULL; kind++)
		if (strcmp(kind->word, word) == 0)
			return kind;
	return NULL;
}

bool
foreign_line_next(struct foreign_line *line, const char *text, size_t size)
{
	const char *begin = line->text != NULL ? line->text + line->size + line->ended : text;
	size_t rest = size - (size_t)(begin - text);
	const char *newline;

	if (rest == 0)
		return false;
	newline = memchr(begin, '\n', rest);
	line->text = begin;
	line->size = newline != NULL ? (size_t)(newline - begin) : rest;
	line->ended = newline != NULL;
	line->number++;
	return true;
}

int
foreign_line_error(const struct foreign_line *line, const char *problem, struct error *error)
{
	return error_set(error, ERROR_PERMANENT, "line %zu: %s", line->number, problem);
}

bool
foreign_number(const char **text, const char *end, uint64_t limit, uint64_t *number)
{
	const char *p = *text;
	uint64_t value = 0;

	while (p < end && *p >= '0' && *p <= '9') {
		unsigned digit = (unsigned)(*p++ - '0');

		if (digit > limit || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (p == *text)
		return false;
	*text = p;
	*number = value;
	return true;
}
