/* Strict base64: what a client may send, and what it may not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sasl/base64.h"

static void
test_rows(void **state)
{
	static const struct {
		const char *text, *decoded;	/* NULL: refused */
	} rows[] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "+/+/", "\xfb\xff\xbf" },
		{ "Zg=", NULL },	/* padding is not optional */
		{ "Zg", NULL },
		{ "Zg===", NULL },
		{ "Z===", NULL },
		{ "====", NULL },
		{ "=", NULL },
		{ "Zm=v", NULL },	/* nor anywhere but at the end */
		{ "Zg==Zg==", NULL },
		{ "Zm 9v", NULL },
		{ " Zm9v", NULL },
		{ "Zm9v ", NULL },
		{ "Zm9v\t\r\n\v", NULL },
		{ "Zm9-", NULL },	/* another alphabet */
		{ "Zm9_", NULL },
		{ "Zm9\xe4", NULL },
		{ "Zh==", NULL },	/* bits left over */
		{ "MTIzNDU2Nzg5", NULL },	/* 9 octets where 8 have room */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t data[8];
		ssize_t size = base64_strict(data, sizeof(data), rows[i].text, strlen(rows[i].text));

		if (rows[i].decoded == NULL) {
			if (size != -1)
				fail_msg("%s was taken", rows[i].text);
			continue;
		}
		assert_int_equal(size, strlen(rows[i].decoded));
		assert_memory_equal(data, rows[i].decoded, (size_t)size);
	}
	/* A NUL is a foreign character as well. */
	assert_int_equal(base64_strict((uint8_t[8]){ 0 }, 8, "Zm\0v", 4), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
