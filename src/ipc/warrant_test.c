/* A warrant is good as it was made, and in no other way. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "ipc/warrant.h"

static struct ipc_warrant_key key;
static struct error error;

static struct ipc_warrant
warrant_for(const char *user, const char *place)
{
	struct ipc_warrant warrant;

	memset(&warrant, 0, sizeof(warrant));
	warrant.maildrop = key.maildrop;
	warrant.octets_max = 1000;
	snprintf(warrant.user, sizeof(warrant.user), "%s", user);
	snprintf(warrant.place, sizeof(warrant.place), "%s", place);
	warrant_seal(&warrant, &key);
	return warrant;
}

static void
test_as_it_was_made(void **state)
{
	struct ipc_warrant warrant = warrant_for("anna", "maildir:/home/anna/Maildir"), copy = warrant;
	struct ipc_warrant_key other = key;

	(void)state;
	assert_true(warrant_is_good(&copy, &key));
	other.maildrop++;
	assert_false(warrant_is_good(&copy, &other));
	assert_int_equal(warrant_key_make(&other, &error), 0);
	other.maildrop = key.maildrop;
	assert_false(warrant_is_good(&copy, &other));
}

/* Every octet that means something. */
static void
test_changed(void **state)
{
	static const struct {
		size_t offset, size;
	} fields[] = {
#define FIELD(name) { offsetof(struct ipc_warrant, name), sizeof(((struct ipc_warrant *)0)->name) }
		FIELD(user), FIELD(place), FIELD(octets_max), FIELD(messages_max), FIELD(maildrop), FIELD(seal),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		for (size_t at = 0; at < fields[i].size; at++) {
			struct ipc_warrant warrant = warrant_for("anna", "maildir:/home/anna/Maildir");
			struct ipc_warrant_key there = key;

			((uint8_t *)&warrant)[fields[i].offset + at] ^= 1;
			there.maildrop = warrant.maildrop;
			if (warrant_is_good(&warrant, &there))
				fail_msg("octet %zu of field %zu is not sealed", at, i);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_was_made),
		cmocka_unit_test(test_changed),
	};

	if (warrant_key_make(&key, &error) != 0)
		return 1;
	key.maildrop = 7;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
