/* Talks with servers that behave, and with some that do not: each state, each command, each limit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/fake_server.h"

#define WHO { RESTANTE_USER, "anna" }, { RESTANTE_PASSWORD, "secret" }
#define SHOWN WHO, { RESTANTE_CLEAR_PASSWORD, "yes" }

/* A server that knows no CAPA; and one that has what RFC 2449 has, USER alone to log in with. */
#define OLD "<+OK hello\n>CAPA\n<-ERR what?\n>USER anna\n<+OK\n>PASS secret\n<+OK in\n=READY\n"
#define NEW "<+OK hello\n>CAPA\n<+OK\n<USER\n<PIPELINING\n<IMPLEMENTATION restante\n<.\n>USER anna\n>PASS secret\n>CAPA\n" \
	"<+OK\n<+OK in\n<+OK\n<USER\n<PIPELINING\n<.\n=READY\n"

static const struct talk talks[] = {
	{ "a server without CAPA", OLD "!stat\n>STAT\n<+OK 2 320\n=DONE 1 OK 2 320 2 320\n"
	  "!quit\n>QUIT\n<+OK bye\n=DONE 2 OK 0 0 bye\n=END OK \n", { SHOWN } },
	{ "one command at a time without PIPELINING",
	  OLD "!stat\n!noop\n>STAT\n<+OK 0 0\n=DONE 1 OK 0 0 0 0\n>NOOP\n<+OK\n=DONE 2 OK 0 0 \n", { SHOWN } },
	{ "one round trip for the login and what is asked behind it",
	  "!uidl\n!list\n<+OK hello\n>CAPA\n<+OK\n<USER\n<PIPELINING\n<IMPLEMENTATION restante\n<.\n>USER anna\n>PASS secret\n>CAPA\n>UIDL\n>LIST\n"
	  "<+OK\n<+OK in\n<+OK\n<PIPELINING\n<.\n=READY\n<+OK\n<1 a\n<2 b\n<.\n"
	  "=REPLY 1 0 0 \n=ITEM 1 1 0 a\n=ITEM 1 2 0 b\n=DONE 1 OK 0 0 \n<+OK 2 messages\n<1 120\n<2 200\n<.\n"
	  "=REPLY 2 0 0 2 messages\n=ITEM 2 1 120 \n=ITEM 2 2 200 \n=DONE 2 OK 0 0 \n", { SHOWN } },
	{ "QUIT, and what changes its meaning, wait for the login",
	  "!stat\n!line XTND\n!stat\n!quit\n<+OK hello\n>CAPA\n<+OK\n<USER\n<PIPELINING\n<IMPLEMENTATION restante\n<.\n>USER anna\n>PASS secret\n>CAPA\n"
	  ">STAT\n<+OK\n<+OK in\n>XTND\n>STAT\n>QUIT\n<-ERR\n=READY\n<+OK 1 2\n<-ERR no\n<+OK 1 2\n<+OK bye\n"
	  "=DONE 1 OK 1 2 1 2\n=DONE 2 REFUSED 0 0 no\n=DONE 3 OK 1 2 1 2\n=DONE 4 OK 0 0 bye\n=END OK \n", { SHOWN } },
	{ "QUIT alone waits, too", "!quit\n<+OK hello\n>CAPA\n<+OK\n<USER\n<PIPELINING\n<IMPLEMENTATION restante\n<.\n>USER anna\n>PASS secret\n>CAPA\n"
	  "<+OK\n<+OK in\n>QUIT\n<-ERR\n=READY\n<+OK bye\n=DONE 1 OK 0 0 bye\n=END OK \n", { SHOWN } },
	{ "a message, its dots, its end", OLD "!retr 1\n>RETR 1\n<+OK 23 octets\n<Subject: one\n<\n<..dot\n<...\n<\n<.\n"
	  "=REPLY 1 1 23 23 octets\n=DATA 1 Subject: one\\r\\n\\r\\n.dot\\r\\n..\\r\\n\\r\\n\n=DONE 1 OK 1 0 \n", { SHOWN } },
	{ "an empty message", OLD "!retr 1\n>RETR 1\n<+OK\n<.\n=REPLY 1 1 0 \n=DONE 1 OK 1 0 \n", { SHOWN } },
	{ "the header alone", OLD "!top 2 0\n>TOP 2 0\n<+OK\n<a: b\n<\n<.\n=REPLY 1 2 0 \n=DATA 1 a: b\\r\\n\\r\\n\n"
	  "=DONE 1 OK 2 0 \n", { SHOWN } },
	{ "each command", NEW "!list 2\n!uidl 2\n!dele 1\n!rset\n!noop\n!last\n!lang\n!lang de\n!capa\n!lines XTND ARCHIVE\n"
	  ">LIST 2\n>UIDL 2\n>DELE 1\n>RSET\n>NOOP\n>LAST\n>LANG\n>LANG de\n>CAPA\n>XTND ARCHIVE\n"
	  "<+OK 2 200\n<+OK 2 whqtswO00WBw418f9t5JxYwZ\n<+OK gone\n<+OK\n<+OK\n<+OK 2\n<+OK\n<de Deutsch\n<.\n<+OK de Ja\n"
	  "<+OK\n<TOP\n<UIDL\n<.\n<+OK\n<..x\n<.\n"
	  "=DONE 1 OK 2 200 2 200\n=DONE 2 OK 2 0 whqtswO00WBw418f9t5JxYwZ\n=DONE 3 OK 0 0 gone\n=DONE 4 OK 0 0 \n"
	  "=DONE 5 OK 0 0 \n=DONE 6 OK 2 0 2\n=REPLY 7 0 0 \n=ITEM 7 0 0 de Deutsch\n=DONE 7 OK 0 0 \n"
	  "=DONE 8 OK 0 0 de Ja\n=REPLY 9 0 0 \n=ITEM 9 0 0 TOP\n=ITEM 9 0 0 UIDL\n=DONE 9 OK 0 0 \n=REPLY 10 0 0 \n"
	  "=ITEM 10 0 0 .x\n=DONE 10 OK 0 0 \n", { SHOWN } },
	{ "each code", NEW "!dele 1\n!dele 2\n!dele 3\n!dele 4\n!dele 5\n!dele 6\n!dele 7\n!dele 8\n"
	  ">DELE 1\n>DELE 2\n>DELE 3\n>DELE 4\n>DELE 5\n>DELE 6\n>DELE 7\n>DELE 8\n"
	  "<-ERR [AUTH] a\n<-ERR [IN-USE] b\n<-ERR [LOGIN-DELAY] c\n<-ERR [SYS/TEMP] d\n<-ERR [SYS/PERM/disk] e\n"
	  "<-ERR [UTF8] f\n<-ERR [X/Y] g\n<-ERR h\n"
	  "=DONE 1 DENIED 0 0 [AUTH] a\n=DONE 2 IN_USE 0 0 [IN-USE] b\n=DONE 3 LOGIN_DELAY 0 0 [LOGIN-DELAY] c\n"
	  "=DONE 4 TEMPORARY 0 0 [SYS/TEMP] d\n=DONE 5 PERMANENT 0 0 [SYS/PERM] e\n=DONE 6 NEEDS_UTF8 0 0 [UTF8] f\n"
	  "=DONE 7 REFUSED 0 0 [?] [X/Y] g\n=DONE 8 REFUSED 0 0 h\n", { SHOWN } },
	{ "sizes of 64 bits", OLD "!stat\n>STAT\n<+OK 1 18446744073709551615\n"
	  "=DONE 1 OK 1 18446744073709551615 1 18446744073709551615\n", { SHOWN } },
	{ "a window", NEW "!noop\n!noop\n!noop\n>NOOP\n>NOOP\n<+OK\n=DONE 1 OK 0 0 \n>NOOP\n<+OK\n<+OK\n"
	  "=DONE 2 OK 0 0 \n=DONE 3 OK 0 0 \n", { SHOWN, { RESTANTE_WINDOW, "2" } } },
	{ "what a server can do, before the login and behind it", "<+OK hello <1.2@pop.example>\n>CAPA\n<+OK\n<TOP\n<USER\n"
	  "<SASL CRAM-MD5 X-UNKNOWN\n<RESP-CODES\n<LOGIN-DELAY 300 USER\n<EXPIRE NEVER USER\n<UIDL\n<IMPLEMENTATION a server\n"
	  "<STLS\n<AUTH-RESP-CODE\n<UTF8 USER\n<LANG\n<X-OTHER\n<.\n>AUTH CRAM-MD5\n"
	  "@ffbf -1 300 [CRAM-MD5 X-UNKNOWN] [a server] \n<+ PDEuMkBwb3AuZXhhbXBsZT4=\n"
	  ">YW5uYSBlNmRkN2MzNjdkM2MzZTAxZDUzMjc3YzVjOWM4OWRmYg==\n<+OK\n>CAPA\n<+OK\n<PIPELINING\n<EXPIRE 3\n<LOGIN-DELAY 9\n<.\n"
	  "=READY\n@86ed 3 9 [CRAM-MD5 X-UNKNOWN] [a server] CRAM-MD5\n", { SHOWN } },
	{ "a server of which nothing is known", OLD "@0 0 0 [] [] USER\n", { SHOWN } },
	{ "controls in texts", OLD "!noop\n>NOOP\n<|+OK a\\tb\\x1b[31m\\x7f\\r\\n\n=DONE 1 OK 0 0 a?b?[31m?\n", { SHOWN } },
	{ "QUIT that is refused in part", OLD "!quit\n>QUIT\n<-ERR [SYS/TEMP] some messages stay\n"
	  "=DONE 1 TEMPORARY 0 0 [SYS/TEMP] some messages stay\n=END OK \n", { SHOWN } },
	{ "QUIT without an answer", OLD "!quit\n>QUIT\n<$\n=END CLOSED the server, or the network, closed the connection"
	  " before it answered\n", { SHOWN } },
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
