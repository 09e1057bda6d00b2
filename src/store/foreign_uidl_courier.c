/*
 * Courier's courierpop3dsizelist. Which UIDL a message has is told by its own line, not by the
 * generation of the file: Courier lets a message keep the UIDL that it once had.
 *
 *	generation 0    no first line    NAME SIZE                    the file's name
 *	generation 1    /1 NEXT ...      NAME SIZE UID                UID7
 *	generation 2    /2 NEXT VALIDITY NAME SIZE UID:VALIDITY       UID7-1290000000, or one of the above
 *	generation 3    /3 NEXT VALIDITY NAME SIZE UID:VALIDITY:UTF8  the same
 *
 * Where the name is the UIDL, what is not printable and ' " + are written as +XX; where VALIDITY is
 * 0 it is left out, and where UID is 0 the name is meant.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/foreign_uidls.h"

#define NEWEST_GENERATION 3

struct fields {
	const char *name, *name_end;
	uint64_t uid, validity;	/* 0: not given */
};

/* The file's name up to the colon, as generation 0 wrote it. */
static int
name_write(const struct fields *fields, char uidl[UIDL_TEXT_SIZE])
{
	int used = 0;

	for (const char *p = fields->name; p < fields->name_end && *p != ':'; p++) {
		if (used + 4 > UIDL_TEXT_SIZE)
			return -1;
		if (*p < 0x21 || *p > 0x7e || strchr("'\"+", *p) != NULL)
			used += snprintf(uidl + used, (size_t)(UIDL_TEXT_SIZE - used), "+%02X",
			    (unsigned)(unsigned char)*p);
		else
			uidl[used++] = *p;
	}
	uidl[used] = '\0';
	return used;
}

static int
uidl_write(const struct fields *fields, char uidl[UIDL_TEXT_SIZE])
{
	if (fields->uid == 0)
		return name_write(fields, uidl);
	if (fields->validity == 0)
		return snprintf(uidl, UIDL_TEXT_SIZE, "UID%" PRIu64, fields->uid);
	return snprintf(uidl, UIDL_TEXT_SIZE, "UID%" PRIu64 "-%" PRIu64, fields->uid, fields->validity);
}

/* What stands behind the last blank before end, or NULL. */
static const char *
last_word(const char *text, const char *end)
{
	const char *blank = memrchr(text, ' ', (size_t)(end - text));

	return blank != NULL ? blank + 1 : NULL;
}

/* "7", "7:1290000000" or "7:1290000000:0", as the generation has it. */
static bool
ids_parse(struct fields *fields, const char *text, const char *end, unsigned generation)
{
	uint64_t *const parts[] = { &fields->uid, &fields->validity, &(uint64_t){ 0 } };

	for (unsigned i = 0; i < generation; i++) {
		if (i > 0 && (text == end || *text++ != ':'))
			/* Generation 3 reads what generation 2 has written. */
			return i == 2 && text == end;
		if (!foreign_number(&text, end, UINT64_MAX, parts[i]))
			return false;
	}
	return text == end;
}

static bool
line_parse(const struct foreign_line *line, unsigned generation, struct fields *fields)
{
	const char *end = line->text + line->size, *word = last_word(line->text, end);
	uint64_t size;

	*fields = (struct fields){ .name = line->text };
	if (generation > 0 && word != NULL) {
		if (!ids_parse(fields, word, end, generation))
			return false;
		end = word - 1;
		word = last_word(line->text, end);
	}
	if (word == NULL)
		return false;
	fields->name_end = word - 1;
	return foreign_number(&word, end, UINT64_MAX, &size) && word == end &&
	    fields->name_end > fields->name;
}

/* "/3 17 1290000000": 0 is set for a file without it. */
static int
generation_read(const struct foreign_line *line, unsigned *generation, struct error *error)
{
	const char *text = line->text + 1, *end = line->text + line->size;
	uint64_t number, next;

	*generation = 0;
	if (line->size == 0 || line->text[0] != '/')
		return 0;
	if (!foreign_number(&text, end, UINT32_MAX, &number) || number == 0 || text == end ||
	    *text++ != ' ' || !foreign_number(&text, end, UINT64_MAX, &next))
		return foreign_line_error(line, "not how a list of Courier begins", error);
	if (number > NEWEST_GENERATION)
		return foreign_line_error(line, "a newer Courier's list than is known here", error);
	*generation = (unsigned)number;
	return 1;
}

int
foreign_parse_courier(struct uidl_table *table, const char *text, size_t size, const char *format,
    struct error *error)
{
	struct foreign_line line = { 0 };
	unsigned generation = 0;
	bool more = foreign_line_next(&line, text, size);
	int head = more ? generation_read(&line, &generation, error) : 0;

	(void)format;
	if (head < 0)
		return -1;
	if (head > 0)
		more = foreign_line_next(&line, text, size);
	for (; more; more = foreign_line_next(&line, text, size)) {
		char uidl[UIDL_TEXT_SIZE];
		struct fields fields;
		int uidl_size;

		if (!line.ended)
			return foreign_line_error(&line, "it is cut", error);
		uidl_size = line_parse(&line, generation, &fields) ? uidl_write(&fields, uidl) : -1;
		if (uidl_size < 0)
			return foreign_line_error(&line, "not a line of this generation of Courier's list",
			    error);
		if (uidl_table_add(table, fields.name, (size_t)(fields.name_end - fields.name), uidl,
		        (size_t)uidl_size) != 0)
			return error_set(error, ERROR_TEMPORARY, "no memory for the list");
	}
	return 0;
}
