/*
 * The plain list, for whoever comes from a server that has no list of its own, or none that is known
 * here: a line for each message, the file's name (its flags and its directory do not matter), blanks,
 * the UIDL. Empty lines are skipped.
 */

#include <string.h>

#include "store/foreign_uidls.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int
line_parse(struct uidl_table *table, const struct foreign_line *line, struct error *error)
{
	const char *end = line->text + line->size, *uidl, *name_end, *slash;

	if (line->size > 0 && end[-1] == '\r')
		end--;
	if (end == line->text)
		return 0;
	for (uidl = end; uidl > line->text && !is_blank(uidl[-1]);)
		uidl--;
	for (name_end = uidl; name_end > line->text && is_blank(name_end[-1]);)
		name_end--;
	if (name_end == line->text || uidl == end)
		return foreign_line_error(line, "not a file's name, a blank and a UIDL", error);
	if (end - uidl >= UIDL_TEXT_SIZE)
		return foreign_line_error(line, "far too long a UIDL", error);
	slash = memrchr(line->text, '/', (size_t)(name_end - line->text));
	slash = slash != NULL ? slash + 1 : line->text;
	if (uidl_table_add(table, slash, (size_t)(name_end - slash), uidl, (size_t)(end - uidl)) != 0)
		return error_set(error, ERROR_TEMPORARY, "no memory for the list");
	return 0;
}

int
foreign_parse_list(struct uidl_table *table, const char *text, size_t size, const char *format,
    struct error *error)
{
	struct foreign_line line = { 0 };

	(void)format;
	while (foreign_line_next(&line, text, size))
		if (line_parse(table, &line, error) != 0)
			return -1;
	return 0;
}
