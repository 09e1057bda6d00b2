/* The real restante-login --check, told of good and bad certificates. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "login/fake_ring.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --check: the exit status, and a line for each bad pair. */
static void
test_check(void **state)
{
	static struct fake_certificate mixed, expired;
	const struct {
		const struct fake_certificate *pairs[3];
		size_t count;
		int status;
		const char *logged[2];
	} rows[] = {
		{ { &fake_certificates.ec, &fake_certificates.rsa }, 2, 0, { "" } },
		{ { &fake_certificates.ec, &mixed, &expired }, 3, 1,
		  { "pair-2.pem: the private key does not belong", "pair-3.pem: the certificate has expired" } },
	};

	(void)state;
	mixed = fake_certificates.ec;
	memcpy(mixed.key, fake_certificates.rsa.key, sizeof(mixed.key));
	fake_certificate_make(&expired,
	    &(struct fake_certificate_wish){ .from_seconds = -7200, .to_seconds = -3600 });
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fake_ring ring;
		struct config config;

		ring_config(&config);
		config.certificate_count = (uint32_t)rows[i].count;
		ring_check(&ring, &config, rows[i].pairs, rows[i].count);
		assert_int_equal(ring.exit_status, rows[i].status);
		for (size_t j = 0; j < 2 && rows[i].logged[j] != NULL; j++)
			assert_true(ring_logged(&ring, rows[i].logged[j]));
		close(ring.log);
	}
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_check) };

	if (argc < 2)
		return EXIT_FAILURE;
	fake_login_program = argv[1];
	return cmocka_run_group_tests(tests, fake_certificates_make, NULL);
}
