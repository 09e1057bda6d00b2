/* Networks: which texts are some, and who is in them. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/network.h"

static void
address_of(const char *text, uint8_t address[NETWORK_ADDRESS_SIZE])
{
	memset(address, 0, NETWORK_ADDRESS_SIZE);
	if (inet_pton(AF_INET6, text, address) == 1)
		return;
	address[10] = address[11] = 0xff;
	assert_int_equal(inet_pton(AF_INET, text, address + 12), 1);
}

static const struct {
	const char *words, *address;
	bool contained;
} cases[] = {
	{ "127.0.0.0/8 ::1/128", "127.0.0.1", true },
	{ "127.0.0.0/8 ::1/128", "127.255.255.255", true },
	{ "127.0.0.0/8 ::1/128", "128.0.0.0", false },
	{ "127.0.0.0/8 ::1/128", "126.255.255.255", false },
	{ "127.0.0.0/8 ::1/128", "::1", true },
	{ "127.0.0.0/8 ::1/128", "::2", false },
	{ "192.0.2.0/25", "192.0.2.127", true },
	{ "192.0.2.0/25", "192.0.2.128", false },
	{ "192.0.2.128/25", "192.0.2.128", true },
	{ "192.0.2.7", "192.0.2.7", true },
	{ "192.0.2.7", "192.0.2.6", false },
	{ "192.0.2.7/32", "::ffff:192.0.2.7", true },
	{ "2001:db8::/33", "2001:db8:7fff::1", true },
	{ "2001:db8::/33", "2001:db8:8000::1", false },
	{ "2001:db8::5", "2001:db8::5", true },
	{ "2001:db8::5", "2001:db8::4", false },
	{ "0.0.0.0/0", "203.0.113.9", true },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "::/0", "2001:db8::1", true },
	{ "::/0", "203.0.113.9", false },
	{ "::ffff:192.0.2.0/120", "192.0.2.9", true },
	{ "  192.0.2.1   192.0.2.2  ", "192.0.2.2", true },
	{ "unix nonsense/8 192.0.2.1", "192.0.2.1", true },
	{ "unix", "192.0.2.1", false },
	{ "", "192.0.2.1", false },
};

static void
test_contain(void **state)
{
	uint8_t address[NETWORK_ADDRESS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		address_of(cases[i].address, address);
		if (networks_contain(cases[i].words, address) != cases[i].contained)
			fail_msg("%s in \"%s\"", cases[i].address, cases[i].words);
	}
}

static void
test_bad(void **state)
{
	static const char *const bad[] = { "", "/", "/8", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/+8",
		"192.0.2.1/24", "192.0.2/24", "::/129", "2001:db8::1/64", "host.example", "192.0.2.0/8/8", " 192.0.2.1",
		"192.0.2.0/18446744073709551616", "192.0.2.0/4294967320",
		"0000000000000000000000000000000000000000000000000000000000000000000000000000000" };
	struct network network = { .bits = 77 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (network_parse(bad[i], &network))
			fail_msg("\"%s\" is a network", bad[i]);
		assert_int_equal(network.bits, 77);
	}
}

static void
test_words(void **state)
{
	const char *text = "  one two-is-long  ";
	char word[6];

	(void)state;
	assert_true(word_next(&text, word, sizeof(word)));
	assert_string_equal(word, "one");
	assert_true(word_next(&text, word, sizeof(word)));
	assert_string_equal(word, "two-i");
	assert_false(word_next(&text, word, sizeof(word)));
	assert_false(word_next(&text, word, sizeof(word)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contain),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
