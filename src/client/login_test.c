/* Talks about logging in: each mechanism, what is tried after a refusal, and what is not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/fake_server.h"

#define WHO { RESTANTE_USER, "anna" }, { RESTANTE_PASSWORD, "secret" }
#define SHOWN WHO, { RESTANTE_CLEAR_PASSWORD, "yes" }
#define ONLY(names) { RESTANTE_MECHANISMS, names }

#define HELLO "<+OK hello\n>CAPA\n"
#define STAMP "<+OK hello <1.2@pop.example>\n>CAPA\n"
#define OFFERS(names) "<+OK\n<SASL " names "\n<.\n"
#define OFFERS_AND(names, more) "<+OK\n<SASL " names "\n<" more "\n<.\n"
/* What is asked once more behind the login. */
#define IN ">CAPA\n<-ERR\n=READY\n"

#define ANNA_SECRET "AGFubmEAc2VjcmV0"
#define CRAM_CHALLENGE "<+ PDEuMkBwb3AuZXhhbXBsZT4=\n"
#define CRAM_DIGEST ">YW5uYSBlNmRkN2MzNjdkM2MzZTAxZDUzMjc3YzVjOWM4OWRmYg==\n"
#define APOP_DIGEST ">APOP anna 9e80c1a30c626f4ef208fb99b5aabfdb\n"

static const struct talk talks[] = {
	{ "PLAIN, with its response at once", HELLO OFFERS("PLAIN") ">AUTH PLAIN " ANNA_SECRET "\n<+OK in\n" IN, { SHOWN } },
	{ "PLAIN, behind an empty challenge where it does not fit", HELLO OFFERS("PLAIN")
	  ">AUTH PLAIN\n<+ \n>AGFubmEAMDEyMzQ1*\n<+OK in\n" IN, { { RESTANTE_USER, "anna" }, { RESTANTE_CLEAR_PASSWORD, "yes" },
	  { RESTANTE_PASSWORD, "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
	    "45678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123" } } },
	{ "LOGIN", HELLO OFFERS("LOGIN") ">AUTH LOGIN\n<+ VXNlcm5hbWU6\n>YW5uYQ==\n<+ UGFzc3dvcmQ6\n>c2VjcmV0\n<+OK in\n" IN,
	  { SHOWN } },
	{ "CRAM-MD5", HELLO OFFERS("CRAM-MD5") ">AUTH CRAM-MD5\n" CRAM_CHALLENGE CRAM_DIGEST "<+OK in\n" IN, { WHO } },
	{ "the strongest first, in clear text too", HELLO OFFERS("PLAIN LOGIN CRAM-MD5") ">AUTH CRAM-MD5\n" CRAM_CHALLENGE
	  CRAM_DIGEST "<+OK in\n" IN, { SHOWN } },
	{ "another maildrop than the user's own", HELLO OFFERS("PLAIN") ">AUTH PLAIN Ym9iAGFubmEAc2VjcmV0\n<+OK in\n" IN,
	  { SHOWN, { RESTANTE_AUTHORIZATION, "bob" } } },
	{ "OAUTHBEARER", HELLO OFFERS("OAUTHBEARER PLAIN")
	  ">AUTH OAUTHBEARER bixhPWFubmEsAWhvc3Q9cG9wLmV4YW1wbGUBcG9ydD0xMTABYXV0aD1CZWFyZXIgdG9rAQE=\n<+OK in\n" IN,
	  { { RESTANTE_USER, "anna" }, { RESTANTE_TOKEN, "tok" }, { RESTANTE_CLEAR_PASSWORD, "yes" } } },
	{ "a token that is refused is not tried again otherwise", HELLO OFFERS("OAUTHBEARER XOAUTH2")
	  ">AUTH OAUTHBEARER bixhPWFubmEsAWhvc3Q9cG9wLmV4YW1wbGUBcG9ydD0xMTABYXV0aD1CZWFyZXIgdG9rAQE=\n"
	  "<+ eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\n>AQ==\n<-ERR no\n"
	  "=END DENIED the server refuses the login with OAUTHBEARER: no: {\"status\":\"invalid_token\"}\n",
	  { { RESTANTE_USER, "anna" }, { RESTANTE_TOKEN, "tok" }, { RESTANTE_CLEAR_PASSWORD, "yes" } } },
	{ "nothing leaves behind a token: its refusal is a challenge", "!stat\n" HELLO OFFERS_AND("OAUTHBEARER", "PIPELINING")
	  ">AUTH OAUTHBEARER bixhPWFubmEsAWhvc3Q9cG9wLmV4YW1wbGUBcG9ydD0xMTABYXV0aD1CZWFyZXIgdG9rAQE=\n<+OK in\n>CAPA\n"
	  ">STAT\n<-ERR\n=READY\n<+OK 0 0\n=DONE 1 OK 0 0 0 0\n",
	  { { RESTANTE_USER, "anna" }, { RESTANTE_TOKEN, "tok" }, { RESTANTE_CLEAR_PASSWORD, "yes" } } },
	{ "APOP where it is named", STAMP OFFERS("PLAIN") APOP_DIGEST "<+OK in\n" IN, { WHO, ONLY("APOP") } },
	{ "no APOP in clear text unless it is named", STAMP "<-ERR\n=END NO_MECHANISM the connection is not protected, and no"
	  " way to log in that both sides have hides the password (the server announces: none)\n", { WHO } },
	{ "no APOP with a timestamp that is none", "<+OK hello <1.2>\n>CAPA\n<-ERR\n=END NO_MECHANISM the connection is not"
	  " protected, and no way to log in that both sides have hides the password (the server announces: none)\n",
	  { WHO, ONLY("APOP") } },
	{ "no password in clear text", HELLO OFFERS_AND("PLAIN LOGIN", "USER") "=END NO_MECHANISM the connection is not protected,"
	  " and no way to log in that both sides have hides the password (the server announces: PLAIN LOGIN)\n", { WHO } },
	{ "no token in clear text", HELLO OFFERS("XOAUTH2") "=END NO_MECHANISM the connection is not protected, and no way to log in"
	  " that both sides have hides the password (the server announces: XOAUTH2)\n",
	  { { RESTANTE_USER, "anna" }, { RESTANTE_TOKEN, "tok" } } },
	{ "nobody", HELLO OFFERS("PLAIN") "=END NO_MECHANISM no user is named\n", { { RESTANTE_PORT, "110" } } },
	{ "nothing to log in with", HELLO OFFERS_AND("PLAIN", "USER") "=END NO_MECHANISM no way to log in that both sides have, with"
	  " what is at hand (the server announces: PLAIN, USER)\n", { { RESTANTE_USER, "anna" }, { RESTANTE_CLEAR_PASSWORD, "yes" } } },
	{ "in the order that is named", STAMP OFFERS_AND("PLAIN CRAM-MD5", "USER") ">USER anna\n<-ERR no such command\n"
	  APOP_DIGEST "<+OK in\n" IN, { SHOWN, ONLY("USER APOP PLAIN") } },
	{ "a mechanism that is named is tried where no list is to be had", HELLO "<-ERR\n>AUTH PLAIN\n<+ \n>" ANNA_SECRET "\n<+OK in\n"
	  "=READY\n", { SHOWN, ONLY("PLAIN") } },
	{ "named, and not announced", HELLO OFFERS("LOGIN") "=END NO_MECHANISM no way to log in that both sides have, with what is at"
	  " hand (the server announces: LOGIN)\n", { SHOWN, ONLY("PLAIN") } },
	{ "a wrong password ends it: with a code", HELLO OFFERS_AND("CRAM-MD5 PLAIN", "USER") ">AUTH CRAM-MD5\n" CRAM_CHALLENGE CRAM_DIGEST
	  "<-ERR [AUTH] no\n=END DENIED the server refuses the login with CRAM-MD5: no\n", { SHOWN } },
	{ "a wrong password ends it: shown", HELLO OFFERS_AND("PLAIN LOGIN", "USER") ">AUTH PLAIN " ANNA_SECRET "\n<-ERR no\n"
	  "=END DENIED the server refuses the login with PLAIN: no\n", { SHOWN } },
	{ "a wrong password ends it: PASS", "<+OK hello\n>CAPA\n<-ERR\n>USER anna\n<+OK\n>PASS secret\n<-ERR no\n"
	  "=END DENIED the server refuses the login with USER: no\n", { SHOWN } },
	{ "never a third time", STAMP OFFERS("CRAM-MD5 PLAIN") ">AUTH CRAM-MD5\n" CRAM_CHALLENGE CRAM_DIGEST "<-ERR no\n"
	  APOP_DIGEST "<-ERR no\n=END DENIED the server refuses the login with APOP: no\n", { SHOWN, ONLY("CRAM-MD5 APOP PLAIN") } },
	{ "somebody else is there", HELLO OFFERS("CRAM-MD5 PLAIN") ">AUTH CRAM-MD5\n" CRAM_CHALLENGE CRAM_DIGEST
	  "<-ERR [IN-USE] busy\n=END IN_USE the server refuses the login with CRAM-MD5: busy\n", { SHOWN } },
	{ "too early", HELLO OFFERS("CRAM-MD5 PLAIN") ">AUTH CRAM-MD5\n" CRAM_CHALLENGE CRAM_DIGEST
	  "<-ERR [LOGIN-DELAY] wait\n=END LOGIN_DELAY the server refuses the login with CRAM-MD5: wait\n", { SHOWN } },
	{ "a server that tells passwords apart did not mean it", HELLO OFFERS_AND("PLAIN LOGIN", "AUTH-RESP-CODE")
	  ">AUTH PLAIN " ANNA_SECRET "\n<-ERR broken\n>AUTH LOGIN\n<-ERR broken too\n"
	  "=END REFUSED the server refuses the login with PLAIN: broken\n", { SHOWN } },
	{ "refused, and closed", HELLO OFFERS("CRAM-MD5 PLAIN") ">AUTH CRAM-MD5\n" CRAM_CHALLENGE CRAM_DIGEST "<-ERR no\n"
	  ">AUTH PLAIN " ANNA_SECRET "\n<$\n=END DENIED the server refuses the login with CRAM-MD5: no\n", { SHOWN } },
	{ "what left behind a login that was refused leaves again behind the next",
	  "!stat\n!uidl\n" HELLO OFFERS_AND("CRAM-MD5 PLAIN", "PIPELINING\n<IMPLEMENTATION restante") ">AUTH CRAM-MD5\n" CRAM_CHALLENGE CRAM_DIGEST
	  ">CAPA\n>STAT\n>UIDL\n<-ERR no\n<+OK\n<TOP\n<.\n<-ERR log in first\n<-ERR log in first\n>AUTH PLAIN " ANNA_SECRET "\n"
	  ">CAPA\n>STAT\n>UIDL\n<+OK in\n<-ERR\n=READY\n<+OK 1 2\n<+OK\n<1 a\n<.\n=DONE 1 OK 1 2 1 2\n=REPLY 2 0 0 \n"
	  "=ITEM 2 1 0 a\n=DONE 2 OK 0 0 \n", { SHOWN } },
	{ "USER is refused, PASS is under way", "!stat\n" HELLO "<+OK\n<USER\n<PIPELINING\n<IMPLEMENTATION restante\n<.\n>USER anna\n>PASS secret\n>CAPA\n>STAT\n"
	  "<-ERR who?\n<-ERR USER first\n<-ERR\n<-ERR\n=END DENIED the server refuses the login with USER: who?\n", { SHOWN } },
	{ "UTF8 and LANG before the login, together", HELLO "<+OK\n<USER\n<UTF8\n<LANG\n<PIPELINING\n<IMPLEMENTATION restante\n<.\n>UTF8\n>LANG de\n>USER anna\n"
	  ">PASS secret\n>CAPA\n<+OK\n<+OK de\n<+OK\n<+OK\n<-ERR\n=READY\n",
	  { SHOWN, { RESTANTE_UTF8, "yes" }, { RESTANTE_LANGUAGE, "de" } } },
	{ "UTF8 and LANG, one at a time, and refused", HELLO "<+OK\n<USER\n<UTF8\n<LANG\n<.\n>UTF8\n<-ERR\n>LANG de\n<-ERR\n>USER anna\n"
	  "<+OK\n>PASS secret\n<+OK\n" IN, { SHOWN, { RESTANTE_UTF8, "yes" }, { RESTANTE_LANGUAGE, "de" } } },
	{ "neither where it is not announced", HELLO "<+OK\n<USER\n<.\n>USER anna\n<+OK\n>PASS secret\n<+OK\n" IN,
	  { SHOWN, { RESTANTE_UTF8, "yes" }, { RESTANTE_LANGUAGE, "de" } } },
	{ "no PIPELINING where it is not wanted", "!stat\n" HELLO "<+OK\n<USER\n<PIPELINING\n<.\n>USER anna\n<+OK\n>PASS secret\n"
	  "<+OK\n>CAPA\n<+OK\n<PIPELINING\n<.\n=READY\n>STAT\n", { SHOWN, { RESTANTE_PIPELINING, "no" } } },
	/* Whoever does not know the password cannot sign (RFC 5802); nothing weaker is tried then. */
	{ "an impostor says +OK at once", HELLO OFFERS("SCRAM-SHA-256 PLAIN") ">AUTH SCRAM-SHA-256 *\n<+OK in\n"
	  "=END BROKEN the server does not speak POP3 as it should: it accepts the login before SCRAM-SHA-256 has come to its end:"
	  " this is not the server that knows the password\n", { SHOWN } },
	{ "an impostor says +OK to a first challenge", HELLO OFFERS("CRAM-MD5") ">AUTH CRAM-MD5\n<+OK\n"
	  "=END BROKEN the server does not speak POP3 as it should: CRAM-MD5: the server's message is wrong (GSASL_MECHANISM_PARSE_ERROR)\n", { { RESTANTE_USER, "anna" }, { RESTANTE_PASSWORD, "secret" } } },
	{ "a refusal within the mechanism", HELLO OFFERS("SCRAM-SHA-256 PLAIN") ">AUTH SCRAM-SHA-256 *\n<+ ZT11bmtub3duLXVzZXI=\n>*\n<-ERR no\n"
	  "=END DENIED the login with SCRAM-SHA-256 fails: the server refuses within SCRAM: unknown-user\n", { SHOWN } },
	{ "a challenge before the response to the last one has left", HELLO OFFERS("LOGIN") ">AUTH LOGIN\n<+ VXNlcm5hbWU6\n<+ UGFzc3dvcmQ6\n"
	  "=END BROKEN the server does not speak POP3 as it should: it answers what it has not been asked yet\n>YW5uYQ==\n", { SHOWN } },
	{ "a challenge that is no base64", HELLO OFFERS("CRAM-MD5") ">AUTH CRAM-MD5\n<+ ???\n"
	  "=END BROKEN the server does not speak POP3 as it should: its challenge is no base64\n", { WHO } },
	{ "challenges without end", HELLO OFFERS("PLAIN") ">AUTH PLAIN " ANNA_SECRET "\n<+ \n>" ANNA_SECRET "\n<+ \n"
	  "=END BROKEN the server does not speak POP3 as it should: it wants more after the last step of PLAIN\n", { SHOWN } },
	{ "a challenge to USER", HELLO "<-ERR\n>USER anna\n<+ \n=END BROKEN the server does not speak POP3 as it should: a challenge"
	  " where none belongs\n", { SHOWN } },
};

static void
test_talks(void **state)
{
	(void)state;
	assert_int_equal(talks_hold(talks, sizeof(talks) / sizeof(talks[0])), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
