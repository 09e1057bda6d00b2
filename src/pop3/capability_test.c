/* What is announced, and when. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "pop3/capability.h"

#define ALWAYS_HEAD "+OK capability list follows\r\nTOP\r\nUIDL\r\n"
#define ALWAYS_TAIL "RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n"

static void
test_lists(void **state)
{
	static const struct {
		struct capabilities capabilities;
		const char *list;
	} cases[] = {
		{ { .sasl = "", .implementation = "" }, ALWAYS_HEAD ALWAYS_TAIL ".\r\n" },
		{ { .stls = true, .sasl = "", .implementation = "" },
		  ALWAYS_HEAD "STLS\r\n" ALWAYS_TAIL ".\r\n" },
		{ { .user = true, .sasl = "PLAIN LOGIN", .implementation = "restante" },
		  ALWAYS_HEAD "SASL PLAIN LOGIN\r\nUSER\r\n" ALWAYS_TAIL "IMPLEMENTATION restante\r\n.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buffer[500];
		struct writer w;

		writer_init(&w, buffer, sizeof(buffer), NULL, NULL);
		capabilities_write(&w, &cases[i].capabilities);
		assert_false(w.failed);
		assert_int_equal(w.used, strlen(cases[i].list));
		assert_memory_equal(buffer, cases[i].list, w.used);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lists) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
