/* What servers announce: CAPA replies as they are recorded in the field, and odd ones. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pop3/offer.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *lines;	/* each ended by LF */
	unsigned capabilities;
	const char *mechanisms, *implementation;
	long expire_days, login_delay_seconds;
	bool is_expire_of_user, is_delay_of_user;
} cases[] = {
	{ "", 0, "", "", 0, 0, false, false },
	/* Dovecot */
	{ "CAPA\nTOP\nUIDL\nRESP-CODES\nPIPELINING\nAUTH-RESP-CODE\nSTLS\nUSER\nSASL PLAIN LOGIN\n",
	    OFFER_TOP | OFFER_UIDL | OFFER_RESP_CODES | OFFER_PIPELINING | OFFER_AUTH_RESP_CODE | OFFER_STLS |
	    OFFER_USER | OFFER_SASL, "PLAIN LOGIN", "", 0, 0, false, false },
	/* Cyrus */
	{ "SASL SCRAM-SHA-1 GSSAPI\nSTLS\nEXPIRE NEVER\nLOGIN-DELAY 0\nTOP\nUIDL\nPIPELINING\nRESP-CODES\n"
	    "AUTH-RESP-CODE\nUSER\nIMPLEMENTATION Cyrus POP3 server v3\n",
	    OFFER_SASL | OFFER_STLS | OFFER_EXPIRE | OFFER_LOGIN_DELAY | OFFER_TOP | OFFER_UIDL | OFFER_PIPELINING |
	    OFFER_RESP_CODES | OFFER_AUTH_RESP_CODE | OFFER_USER | OFFER_IMPLEMENTATION, "SCRAM-SHA-1 GSSAPI",
	    "Cyrus POP3 server v3", OFFER_NEVER, 0, false, false },
	/* Gmail */
	{ "USER\nRESP-CODES\nEXPIRE 0\nLOGIN-DELAY 300\nTOP\nUIDL\nX-GOOGLE-RICO\nSASL PLAIN XOAUTH2 OAUTHBEARER\n",
	    OFFER_USER | OFFER_RESP_CODES | OFFER_EXPIRE | OFFER_LOGIN_DELAY | OFFER_TOP | OFFER_UIDL | OFFER_SASL,
	    "PLAIN XOAUTH2 OAUTHBEARER", "", 0, 300, false, false },
	/* Courier, Zimbra */
	{ "UTF8 USER\nLANG\nEXPIRE 31 USER\nLOGIN-DELAY 10 user\n",
	    OFFER_UTF8 | OFFER_UTF8_USER | OFFER_LANG | OFFER_EXPIRE | OFFER_LOGIN_DELAY, "", "", 31, 10, true, true },
	/* Any case, underscores, a line twice, a mechanism twice, trailing spaces. */
	{ "top \nresp_codes\nAUTH_RESP_CODE\nsasl plain Plain\nSASL LOGIN\n", OFFER_TOP | OFFER_RESP_CODES |
	    OFFER_AUTH_RESP_CODE | OFFER_SASL, "PLAIN LOGIN", "", 0, 0, false, false },
	{ "SASL\n", OFFER_SASL, "", "", 0, 0, false, false },
	{ "SASL PLA\xc3\xa4N A,B ABCDEFGHIJKLMNOPQRSTU X-OK\n", OFFER_SASL, "X-OK", "", 0, 0, false, false },
	{ "TOPPING\nSTLSX\n\n \n", 0, "", "", 0, 0, false, false },
	/* Numbers that are none say nothing. */
	{ "EXPIRE soon\nLOGIN-DELAY -5\n", 0, "", "", 0, 0, false, false },
	{ "EXPIRE\nLOGIN-DELAY 99999999999999999999\n", 0, "", "", 0, 0, false, false },
	{ "IMPLEMENTATION a\x1b[b\n", OFFER_IMPLEMENTATION, "", "a?[b", 0, 0, false, false },
};

static void
offer_lines(struct offer *offer, const char *lines)
{
	char copy[4096], *rest = copy, *line;

	assert_true(strlen(lines) < sizeof(copy));
	strcpy(copy, lines);
	while ((line = strsep(&rest, "\n")) != NULL)
		offer_line(offer, line);
}

static void
test_announcements(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct offer offer;

		offer_begin(&offer);
		offer_lines(&offer, cases[i].lines);
		if (offer.capabilities != cases[i].capabilities)
			fail_msg("%s: capabilities %#x instead of %#x", cases[i].lines, offer.capabilities,
			    cases[i].capabilities);
		assert_string_equal(offer.mechanisms, cases[i].mechanisms);
		assert_string_equal(offer.implementation, cases[i].implementation);
		assert_int_equal(offer.expire_days, cases[i].expire_days);
		assert_int_equal(offer.login_delay_seconds, cases[i].login_delay_seconds);
		assert_int_equal(offer.is_expire_of_user, cases[i].is_expire_of_user);
		assert_int_equal(offer.is_delay_of_user, cases[i].is_delay_of_user);
	}
}

static void
test_a_mechanism_is_a_whole_word(void **state)
{
	struct offer offer;

	(void)state;
	offer_begin(&offer);
	offer_lines(&offer, "SASL SCRAM-SHA-1-PLUS PLAIN\n");
	assert_true(offer_has_mechanism(&offer, "scram-sha-1-plus"));
	assert_true(offer_has_mechanism(&offer, "PLAIN"));
	assert_false(offer_has_mechanism(&offer, "SCRAM-SHA-1"));
	assert_false(offer_has_mechanism(&offer, "PLAI"));
	assert_false(offer_has_mechanism(&offer, "PLAINER"));
	assert_false(offer_has_mechanism(&offer, ""));
}

/* More than there is room for is left out, whole words of it. */
static void
test_a_thousand_mechanisms(void **state)
{
	struct offer offer;
	char line[32];

	(void)state;
	offer_begin(&offer);
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "SASL MECHANISM-%03d", i);
		offer_line(&offer, line);
	}
	assert_true(strlen(offer.mechanisms) < OFFER_MECHANISMS_SIZE);
	assert_true(offer_has_mechanism(&offer, "MECHANISM-072"));
	assert_false(offer_has_mechanism(&offer, "MECHANISM-073"));
	assert_int_equal(strlen(offer.mechanisms), 73 * 14 - 1);
}

static void
test_the_last_octet_of_the_room(void **state)
{
	struct offer offer;
	char line[64];

	(void)state;
	offer_begin(&offer);
	for (int i = 0; i < 48; i++) {
		snprintf(line, sizeof(line), "SASL NAME-OF-TWENTY-OCT%02d", i);
		offer_line(&offer, line);
	}
	assert_int_equal(strlen(offer.mechanisms), 48 * 21 - 1);
	strcpy(line, "SASL SIXTEEN-OCTETS-X");
	offer_line(&offer, line);
	assert_int_equal(strlen(offer.mechanisms), 48 * 21 - 1);
	strcpy(line, "SASL FIFTEEN-OCTETS-");
	offer_line(&offer, line);
	assert_int_equal(strlen(offer.mechanisms), OFFER_MECHANISMS_SIZE - 1);
}

static void
test_a_long_implementation_is_cut(void **state)
{
	struct offer offer;
	char line[1000] = "IMPLEMENTATION ";

	(void)state;
	memset(line + 15, 'i', sizeof(line) - 16);
	offer_begin(&offer);
	offer_line(&offer, line);
	assert_int_equal(strlen(offer.implementation), OFFER_IMPLEMENTATION_SIZE - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_announcements),
		cmocka_unit_test(test_a_mechanism_is_a_whole_word),
		cmocka_unit_test(test_a_thousand_mechanisms),
		cmocka_unit_test(test_the_last_octet_of_the_room),
		cmocka_unit_test(test_a_long_implementation_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
