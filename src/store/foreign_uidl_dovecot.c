/*
 * Dovecot's dovecot-uidlist, which tells the IMAP UID of each message:
 *
 *	1 VALIDITY NEXT			up to Dovecot 1.0
 *	UID NAME
 *
 *	3 V1290000000 N18 G...		since 1.1
 *	UID [P... O... G... S... W...] :NAME
 *
 * P is a UIDL of this message's own, from a migration or pop3_save_uidl, and goes before the format;
 * an empty one means the file's name. G is its GUID. UIDs ascend; where a name comes again, the
 * later line is right. NAME may have flags.
 */

#include <stdio.h>
#include <string.h>

#include "store/foreign_uidl_format.h"
#include "store/foreign_uidls.h"

struct list {
	unsigned version;
	uint64_t validity, next;
	uint64_t last_uid;
};

struct record {
	uint64_t uid;
	const char *name;
	size_t name_size;
	const char *uidl, *guid;	/* NULL: not given */
	size_t uidl_size, guid_size;
};

static bool
number_line(const char *text, const char *end, uint64_t *first, uint64_t *second)
{
	return foreign_number(&text, end, UINT32_MAX, first) && text < end && *text++ == ' ' &&
	    foreign_number(&text, end, UINT32_MAX, second) && text == end;
}

/* " V1290000000 N18 G...": what else there is belongs to Dovecot. */
static bool
keys_parse(struct list *list, const char *text, const char *end)
{
	while (text < end) {
		const char *stop = memchr(text, ' ', (size_t)(end - text)), *value = text + 1;

		if (stop == NULL)
			stop = end;
		if (*text == 'V' && (!foreign_number(&value, stop, UINT32_MAX, &list->validity) || value != stop))
			return false;
		if (*text == 'N' && (!foreign_number(&value, stop, UINT32_MAX, &list->next) || value != stop))
			return false;
		text = stop < end ? stop + 1 : end;
	}
	return true;
}

static int
header_parse(struct list *list, const struct foreign_line *line, struct error *error)
{
	const char *text = line->text, *end = line->text + line->size;
	bool sound;

	*list = (struct list){ 0 };
	if (line->size < 3 || !line->ended || text[1] != ' ' || (text[0] != '1' && text[0] != '3')) {
		bool other = line->size > 2 && text[0] >= '0' && text[0] <= '9' && text[1] == ' ';

		return foreign_line_error(line, other ? "a version of dovecot-uidlist that is not known"
		                                      : "not how a dovecot-uidlist begins", error);
	}
	list->version = (unsigned)(text[0] - '0');
	sound = list->version == 1 ? number_line(text + 2, end, &list->validity, &list->next)
	                           : keys_parse(list, text + 2, end);
	if (!sound || list->validity == 0 || list->next == 0)
		return foreign_line_error(line, "it lacks the UIDVALIDITY or the next UID", error);
	return 0;
}

static void
skip_blanks(const char **text, const char *end)
{
	while (*text < end && **text == ' ')
		(*text)++;
}

/* The fields between the UID and the colon. */
static bool
fields_parse(struct record *record, const char **text, const char *end)
{
	while (*text < end && **text != ':') {
		const char *field = *text, *stop = memchr(field, ' ', (size_t)(end - field));

		if (stop == NULL)
			return false;
		if (*field == 'P') {
			record->uidl = field + 1;
			record->uidl_size = (size_t)(stop - field - 1);
		} else if (*field == 'G') {
			record->guid = field + 1;
			record->guid_size = (size_t)(stop - field - 1);
		}
		*text = stop;
		skip_blanks(text, end);
	}
	if (*text < end)
		(*text)++;
	return true;
}

static int
record_parse(struct list *list, const struct foreign_line *line, struct record *record,
    struct error *error)
{
	const char *text = line->text, *end = line->text + line->size, *colon;

	*record = (struct record){ 0 };
	if (!line->ended)
		return foreign_line_error(line, "it is cut", error);
	if (!foreign_number(&text, end, UINT32_MAX - 1, &record->uid) || record->uid == 0 ||
	    text == end || *text != ' ')
		return foreign_line_error(line, "it does not begin with a UID", error);
	if (record->uid <= list->last_uid)
		return foreign_line_error(line, "its UID is not larger than that of the line before", error);
	if (list->version == 1 && record->uid >= list->next)
		return foreign_line_error(line, "its UID is larger than the first line allows", error);
	list->last_uid = record->uid;
	skip_blanks(&text, end);
	if (list->version == 3 && !fields_parse(record, &text, end))
		return foreign_line_error(line, "it has no file name", error);
	colon = memchr(text, ':', (size_t)(end - text));
	record->name = text;
	record->name_size = (size_t)((colon != NULL ? colon : end) - text);
	if (record->name_size == 0)
		return foreign_line_error(line, "it has no file name", error);
	if (memchr(text, '/', (size_t)(end - text)) != NULL)
		return foreign_line_error(line, "its file name has a slash", error);
	return 0;
}

/* Its size, or -1: it is far too long. */
static int
uidl_make(const struct list *list, const struct uidl_format *format, const struct record *record,
    char uidl[UIDL_TEXT_SIZE])
{
	char name[256], guid[256];
	struct uidl_values values = { .uid = (uint32_t)record->uid, .validity = (uint32_t)list->validity,
		.filename = name, .guid = guid };

	if (record->name_size >= sizeof(name) || record->guid_size >= sizeof(guid) ||
	    record->uidl_size >= UIDL_TEXT_SIZE)
		return -1;
	snprintf(name, sizeof(name), "%.*s", (int)record->name_size, record->name);
	if (record->guid != NULL)
		snprintf(guid, sizeof(guid), "%.*s", (int)record->guid_size, record->guid);
	else
		snprintf(guid, sizeof(guid), "%s", name);
	if (record->uidl == NULL)
		return uidl_format_apply(format, &values, uidl);
	if (record->uidl_size == 0)
		return snprintf(uidl, UIDL_TEXT_SIZE, "%s", name);
	return snprintf(uidl, UIDL_TEXT_SIZE, "%.*s", (int)record->uidl_size, record->uidl);
}

int
foreign_parse_dovecot(struct uidl_table *table, const char *text, size_t size, const char *format,
    struct error *error)
{
	struct foreign_line line = { 0 };
	struct uidl_format steps;
	struct list list;

	if (uidl_format_parse(&steps, format, error) != 0)
		return -1;
	if (!foreign_line_next(&line, text, size))
		return error_set(error, ERROR_PERMANENT, "it is empty");
	if (header_parse(&list, &line, error) != 0)
		return -1;
	while (foreign_line_next(&line, text, size)) {
		char uidl[UIDL_TEXT_SIZE];
		struct record record;
		int uidl_size;

		if (record_parse(&list, &line, &record, error) != 0)
			return -1;
		uidl_size = uidl_make(&list, &steps, &record, uidl);
		if (uidl_size < 0)
			return foreign_line_error(&line, "its file name or its UIDL is far too long", error);
		if (uidl_table_add(table, record.name, record.name_size, uidl, (size_t)uidl_size) != 0)
			return error_set(error, ERROR_TEMPORARY, "no memory for the list");
	}
	return 0;
}
