/*
 * Looking names up: the very base, or else the only row with the unique part. A table of few names
 * that are like each other is compared with a search through all of it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store/maildir_name.h"
#include "store/uidl_table.h"

static const char *const names[] = { "10.a", "10.a,S=1", "10.a,S=10", "10.a,S=2,W=3", "10.a,S=x", "10.ab",
	"10.ab,S=1", "10.", "10", "9.z", "10.a,", "10.a,S=1,x", "11.c,W=4" };
#define NAMES (sizeof(names) / sizeof(names[0]))

static const struct uidl_row *
find_slowly(const struct uidl_table *table, const char *base, const struct maildir_name *parsed, bool alone)
{
	const struct uidl_row *similar = NULL;
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct uidl_row *row = &table->rows[i];

		if (strcmp(uidl_row_base(table, row), base) == 0)
			return row;
		if (row->unique_size == parsed->unique_size &&
		    memcmp(uidl_row_base(table, row), base, row->unique_size) == 0) {
			similar = row;
			count++;
		}
	}
	return alone && count == 1 ? similar : NULL;
}

/* Every set of names is a table once. */
static void
test_find(void **state)
{
	(void)state;
	for (unsigned set = 0; set < 1u << NAMES; set++) {
		struct uidl_table table = { 0 };

		for (size_t i = 0; i < NAMES; i++)
			if (set >> i & 1)
				assert_int_equal(uidl_table_add(&table, names[i], strlen(names[i]), "u", 1), 0);
		uidl_table_sort(&table);
		for (size_t i = 0; i < 2 * NAMES; i++) {
			const char *name = names[i / 2];
			struct maildir_name parsed;

			maildir_name_parse(&parsed, name);
			assert_ptr_equal(uidl_table_find(&table, name, parsed.base_size, parsed.unique_size, i % 2),
			    find_slowly(&table, name, &parsed, i % 2));
		}
		uidl_table_free(&table);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
