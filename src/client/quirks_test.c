/*
 * One talk for each quirk (quirks.h). A client that does not bear with it must come to something else, so
 * that the row is what makes it work.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/fake_server.h"

#define SHOWN { RESTANTE_USER, "anna" }, { RESTANTE_PASSWORD, "secret" }, { RESTANTE_CLEAR_PASSWORD, "yes" }
#define HELLO "<+OK hello\n>CAPA\n"
#define OLD HELLO "<-ERR\n>USER anna\n<+OK\n>PASS secret\n<+OK\n=READY\n"
#define IN ">CAPA\n<-ERR\n=READY\n"
#define ANNA_SECRET "AGFubmEAc2VjcmV0"

static const struct talk talks[QUIRK_COUNT] = {
	[QUIRK_BARE_OK] = { "bare +OK", "<+OK\n>CAPA\n<-ERR\n>USER anna\n<+ok\n>PASS secret\n<+OK\n=READY\n", { SHOWN } },
	[QUIRK_BARE_PLUS] = { "bare +", HELLO "<+OK\n<SASL LOGIN\n<.\n>AUTH LOGIN\n<+\n>YW5uYQ==\n<+\n>c2VjcmV0\n<+OK\n" IN, { SHOWN } },
	[QUIRK_UNDERSCORES] = { "underscores", HELLO "<+OK\n<SASL PLAIN LOGIN\n<AUTH_RESP_CODE\n<.\n>AUTH PLAIN " ANNA_SECRET "\n<-ERR x\n"
	  ">AUTH LOGIN\n", { SHOWN } },
	[QUIRK_WIDE_UIDL] = { "wide UIDL", OLD "!uidl\n>UIDL\n<+OK\n<1    a\n<2 \t b c \n<.\n=REPLY 1 0 0 \n=ITEM 1 1 0 a\n"
	  "=ITEM 1 2 0 b c\n=DONE 1 OK 0 0 \n", { SHOWN } },
	[QUIRK_NEGATIVE_SIZE] = { "negative size", OLD "!stat\n>STAT\n<+OK 3 -2147483648\n=DONE 1 OK 3 0 3 -2147483648\n", { SHOWN } },
	[QUIRK_LF] = { "LF alone", "<|+OK\\n\n>CAPA\n<|-ERR\\n\n>USER anna\n<|+OK\\n\n>PASS secret\n<|+OK\\n\n=READY\n!retr 1\n>RETR 1\n"
	  "<|+OK\\na: b\\n\\n..\\nc\\r\\n.\\n\n=REPLY 1 1 0 \n=DATA 1 a: b\\r\\n\\r\\n.\\r\\nc\\r\\n\n=DONE 1 OK 1 0 \n", { SHOWN } },
	[QUIRK_OK_FOR_CHALLENGE] = { "+OK for a challenge", HELLO "<+OK\n<SASL LOGIN\n<.\n>AUTH LOGIN\n<+OK\n>YW5uYQ==\n<+ UGFzc3dvcmQ6\n"
	  ">c2VjcmV0\n<+OK\n" IN, { SHOWN } },
	[QUIRK_XOAUTH2_IN_TWO_STEPS] = { "XOAUTH2 in two steps", HELLO "<+OK\n<SASL XOAUTH2\n<.\n>AUTH XOAUTH2\n<+ \n"
	  ">dXNlcj1hbm5hAWF1dGg9QmVhcmVyIHRvawEB\n<+OK\n" IN,
	  { { RESTANTE_USER, "anna" }, { RESTANTE_TOKEN, "tok" }, { RESTANTE_CLEAR_PASSWORD, "yes" } } },
	[QUIRK_INITIAL_RESPONSE_IGNORED] = { "initial response ignored", HELLO "<+OK\n<SASL PLAIN\n<.\n>AUTH PLAIN " ANNA_SECRET "\n<+ \n>"
	  ANNA_SECRET "\n<+OK\n" IN, { SHOWN } },
	/* The server reads CAPA as a response: -ERR. STAT and what follows have replies of their own. */
	[QUIRK_RESPONSE_TAKEN_FROM_COMMAND] = { "a command taken for a response", "!stat\n!list\n" HELLO
	  "<+OK\n<SASL PLAIN\n<PIPELINING\n<IMPLEMENTATION restante\n<.\n"
	  ">AUTH PLAIN " ANNA_SECRET "\n>CAPA\n>STAT\n>LIST\n<+ \n<-ERR no base64\n<-ERR\n<-ERR\n>AUTH PLAIN\n<+ \n>" ANNA_SECRET "\n<+OK\n"
	  ">CAPA\n>STAT\n>LIST\n<-ERR\n=READY\n<+OK 0 0\n<+OK\n<.\n=DONE 1 OK 0 0 0 0\n=REPLY 2 0 0 \n=DONE 2 OK 0 0 \n", { SHOWN } },
	[QUIRK_OFFER_SHRINKS] = { "offer shrinks", HELLO "<+OK\n<USER\n<PIPELINING\n<IMPLEMENTATION restante\n<.\n"
	  ">USER anna\n>PASS secret\n>CAPA\n<+OK\n<+OK\n<+OK\n<TOP\n<PIPELINING\n<.\n=READY\n@247 0 0 [] [restante] USER\n", { SHOWN } },
	[QUIRK_PIPELINING_LATE] = { "PIPELINING late", HELLO "<+OK\n<USER\n<.\n>USER anna\n<+OK\n>PASS secret\n<+OK\n>CAPA\n<+OK\n<PIPELINING\n"
	  "<.\n=READY\n!stat\n!noop\n>STAT\n>NOOP\n", { SHOWN } },
	[QUIRK_NOTHING_ANNOUNCED] = { "nothing announced", HELLO "<+OK\n<TOP\n<.\n>USER anna\n<+OK\n>PASS secret\n<+OK\n" IN, { SHOWN } },
	[QUIRK_EMPTY_PROMISE] = { "empty promise", HELLO "<+OK\n<SASL PLAIN LOGIN\n<.\n>AUTH PLAIN " ANNA_SECRET "\n"
	  "<-ERR Unsupported authentication mechanism\n>AUTH LOGIN\n", { SHOWN } },
	[QUIRK_NO_SECRET_STORED] = { "no secret stored", HELLO "<+OK\n<SASL CRAM-MD5 PLAIN\n<.\n>AUTH CRAM-MD5\n<+ PDEuMkBwb3AuZXhhbXBsZT4=\n"
	  ">YW5uYSBlNmRkN2MzNjdkM2MzZTAxZDUzMjc3YzVjOWM4OWRmYg==\n<-ERR no\n>AUTH PLAIN " ANNA_SECRET "\n<+OK\n" IN, { SHOWN } },
	[QUIRK_OTHER_SECRETS] = { "other secrets", "<+OK hello <1.2@pop.example>\n>CAPA\n<+OK\n<USER\n<AUTH-RESP-CODE\n<.\n"
	  ">APOP anna 9e80c1a30c626f4ef208fb99b5aabfdb\n<-ERR [AUTH] bad login\n>USER anna\n<+OK\n>PASS secret\n<+OK\n" IN,
	  { SHOWN, { RESTANTE_MECHANISMS, "APOP USER" } } },
	/* Without TLS there is no -PLUS; tests/test_fetch_servers.py has it. What is said then is about the mechanism. */
	[QUIRK_OTHER_BINDING] = { "other binding", HELLO "<+OK\n<SASL PLAIN LOGIN\n<.\n>AUTH PLAIN " ANNA_SECRET "\n<-ERR bad protocol\n"
	  ">AUTH LOGIN\n<+\n>YW5uYQ==\n<+\n>c2VjcmV0\n<+OK\n" IN, { SHOWN } },
	[QUIRK_INPUT_LOST_AT_LOGIN] = { "input lost at login", "!stat\n" HELLO "<+OK\n<SASL PLAIN\n<PIPELINING\n<.\n>AUTH PLAIN " ANNA_SECRET "\n"
	  "<+OK\n>CAPA\n>STAT\n<+OK\n<PIPELINING\n<.\n=READY\n<+OK 1 2\n=DONE 1 OK 1 2 1 2\n", { SHOWN } },
	[QUIRK_FAREWELL] = { "farewell", OLD "<-ERR autologout\n=END CLOSED the server ends the connection: autologout\n", { SHOWN } },
	/* The blocking face makes another connection; the engine alone ends. */
	[QUIRK_CLOSES_AT_CAPA] = { "closes at CAPA", HELLO "<$\n=END CLOSED the server, or the network, closed the connection before it"
	  " answered\n", { SHOWN } },
};

static void
test_every_quirk_has_a_talk_of_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < QUIRK_COUNT; i++) {
		assert_non_null(talks[i].name);
		assert_string_equal(talks[i].name, quirks[i].name);
	}
	assert_int_equal(talks_hold(talks, QUIRK_COUNT), 0);
}

/* session_test.c has the one that is not in the engine. */
static void
test_what_is_borne_with_makes_the_difference(void **state)
{
	unsigned met;

	(void)state;
	for (unsigned i = 0; i < QUIRK_COUNT; i++) {
		if (quirks[i].is_of_lines || i == QUIRK_CLOSES_AT_CAPA || i == QUIRK_OTHER_BINDING)
			continue;
		assert_string_equal(talk_hold(&talks[i], ~0U, 1, &met), "");
		if ((met & 1U << i) == 0)
			fail_msg("%s: not met", talks[i].name);
		if (talk_hold(&talks[i], ~(1U << i), 1, &met)[0] == '\0')
			fail_msg("%s: makes no difference", talks[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_quirk_has_a_talk_of_its_name),
		cmocka_unit_test(test_what_is_borne_with_makes_the_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
