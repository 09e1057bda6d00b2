/*
 * What comes along in somebody's Maildir or from another server: the first octet chooses between the
 * lists of other servers, restante-uidls, a UIDL format, and a POP3 server's replies.
 */

#include "ctl/pop_listing.h"
#include "fuzz.h"
#include "store/foreign_uidl_format.h"
#include "store/foreign_uidls.h"
#include "store/maildir_uidls.h"

static void
check_table(struct uidl_table *table)
{
	const struct uidl_row *doubled, *other, *row;

	uidl_table_sort(table);
	for (size_t i = 0; i < table->count; i++) {
		row = &table->rows[i];
		PROMISE(strlen(uidl_row_base(table, row)) == row->base_size && row->base_size > 0);
		PROMISE(strchr(uidl_row_base(table, row), '/') == NULL);
		PROMISE(i == 0 || uidl_row_compare(table, row - 1, row) < 0);
		PROMISE(uidl_table_find(table, uidl_row_base(table, row), row->base_size,
		            row->unique_size, false) == row);
		PROMISE(uidl_table_has(table, uidl_row_uidl(table, row), row->uidl_size, NULL) == 1);
	}
	PROMISE(uidl_table_doubled(table, &doubled, &other) == 0);
	PROMISE(doubled == NULL || doubled != other);
}

static void
try_list(const struct foreign_kind *kind, const char *text, size_t size)
{
	struct uidl_table table = { 0 };
	struct error error = { .kind = ERROR_NONE };

	if (kind->parse(&table, text, size, "%08Xu%08Xv-%f", &error) == 0)
		check_table(&table);
	else
		PROMISE(error.kind != ERROR_NONE && error.text[0] != '\0');
	uidl_table_free(&table);
}

static void
try_own(const char *text, size_t size)
{
	struct uidl_table table;
	struct error error;

	if (maildir_uidls_parse(&table, text, size, &error) == 0)
		check_table(&table);
	else
		PROMISE(table.rows == NULL);
	uidl_table_free(&table);
}

static void
try_format(const char *text)
{
	static const struct uidl_values values = { .uid = 4294967295, .validity = 1,
		.filename = "1700000000.M1P1.mx,S=5", .guid = "\xe4" };
	struct uidl_format format;
	char uidl[UIDL_TEXT_SIZE];
	struct error error;
	int size;

	if (uidl_format_parse(&format, text, &error) != 0)
		return;
	size = uidl_format_apply(&format, &values, uidl);
	PROMISE(size == -1 || (size < UIDL_TEXT_SIZE && strlen(uidl) == (size_t)size));
}

struct source {
	const uint8_t *data;
	size_t size;
};

static ssize_t
fill(void *context, char *buffer, size_t size, struct error *error)
{
	struct source *source = context;

	(void)error;
	size = size < source->size ? size : source->size;
	size = size < 7 ? size : 7;
	if (size > 0)
		memcpy(buffer, source->data, size);
	source->data += size;
	source->size -= size;
	return (ssize_t)size;
}

static void
try_replies(const uint8_t *data, size_t size)
{
	struct source source = { data, size };
	struct pop_reader reader = { .fill = fill, .context = &source };
	struct pop_listing listing = { 0 };
	struct error error;

	if (pop_read_status(&reader, "UIDL", &error) == 0 &&
	    pop_read_uidls(&reader, &listing, &error) == 0 &&
	    pop_read_status(&reader, "LIST", &error) == 0 &&
	    pop_read_sizes(&reader, &listing, &error) == 0)
		for (size_t i = 0; i < listing.count; i++) {
			PROMISE(i == 0 || listing.messages[i].number > listing.messages[i - 1].number);
			PROMISE(strlen(pop_uidl(&listing, i)) < POP_UIDL_SIZE);
		}
	pop_listing_free(&listing);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = fuzz_octet(&data, &size);
	char *text = fuzz_text(data, size);

	switch (choice) {
	case 'd':
		try_list(foreign_kind_find("dovecot"), text, size);
		break;
	case 'c':
		try_list(foreign_kind_find("courier"), text, size);
		break;
	case 'l':
		try_list(foreign_kind_find("list"), text, size);
		break;
	case 'o':
		try_own(text, size);
		break;
	case 'f':
		try_format(text);
		break;
	default:
		try_replies(data, size);
		break;
	}
	free(text);
	return 0;
}
