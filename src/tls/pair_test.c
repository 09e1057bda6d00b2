/* A certificate and key that do not do are refused, with a text that says why. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tls/fake_client.h"
#include "tls/tls.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fake_certificate ec_mail, ec_other;

static int
make_certificates(void **state)
{
	struct error error;

	(void)state;
	fake_certificate_make(&ec_mail, &(struct fake_certificate_wish){ .names = "DNS:a.example" });
	fake_certificate_make(&ec_other, &(struct fake_certificate_wish){ .names = NULL });
	return tls_startup(&error);
}

static void
test_bad_pairs(void **state)
{
	static struct fake_certificate expired, early, mixed, no_key, no_chain, cut, encrypted;
	static const struct {
		const struct fake_certificate *certificate;
		const char *text;
	} rows[] = {
		{ &expired, "cert.pem: the certificate has expired" },
		{ &early, "cert.pem: the certificate is not valid yet" },
		{ &mixed, "cert.pem: the private key does not belong to this certificate" },
		{ &no_key, "cert.pem: no usable private key (unsupported)" },
		{ &no_chain, "cert.pem: no certificate in it (no start line)" },
		{ &cut, "cert.pem: a damaged certificate in the chain (bad end line)" },
		{ &encrypted, "cert.pem: its private key is encrypted; it must be stored without a passphrase" },
	};

	(void)state;
	fake_certificate_make(&expired,
	    &(struct fake_certificate_wish){ .from_seconds = -7200, .to_seconds = -3600 });
	fake_certificate_make(&early,
	    &(struct fake_certificate_wish){ .from_seconds = 3600, .to_seconds = 7200 });
	mixed = ec_mail;
	memcpy(mixed.key, ec_other.key, sizeof(mixed.key));
	no_key = ec_mail;
	memcpy(no_key.key, "nothing", 8);
	no_chain = ec_mail;
	memcpy(no_chain.chain, "nothing", 8);
	cut = ec_mail;
	strcat(cut.chain, ec_other.chain);
	cut.chain[strlen(cut.chain) - 3] = '\0';
	encrypted = ec_mail;
	/* PKCS #8 with a passphrase: what is in it does not matter, it is asked for first. */
	fake_key_encrypt(&encrypted, "secret");

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tls_pair pairs[] = { fake_pair(&ec_mail, "good.pem"),
			fake_pair(rows[i].certificate, "cert.pem") };
		struct tls_context *context = NULL;
		struct error error;

		assert_int_equal(tls_context_new(&context, pairs, 2, &error), -1);
		assert_string_equal(error.text, rows[i].text);
		assert_null(context);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bad_pairs) };

	return cmocka_run_group_tests(tests, make_certificates, NULL);
}
