/*
 * Talks with a session: one for each command, reply and trap. Each is held many times over, with the client's octets cut
 * in many ways and the answers given at once, later, and in the wrong order; what is said is always the same.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lmtp/session.h"
#include "smtp/trace.h"

#define G    "220 mx.example LMTP restante ready\r\n"
#define L(x) "250-mx.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"       \
	     "250-SMTPUTF8\r\n250-SIZE 40\r\n" x "250 CHUNKING\r\n"
#define GL   G L("")
#define HI   "LHLO c.example\r\n"
#define MAIL "MAIL FROM:<s@c.example>\r\n"
#define ANNA "RCPT TO:<anna@x>\r\n"
#define OK   "250 2.0.0 ok\r\n"
#define M    "250 2.1.0 ok\r\n"
#define A    "250 2.1.5 <anna@x> ok\r\n"
#define B    "250 2.1.5 <bert@x> ok\r\n"
#define GO   "354 go on, end with <CRLF>.<CRLF>\r\n"
#define NONE "503 5.5.1 there are no recipients\r\n"
#define BARE "500 5.5.2 a line ends with CRLF, and holds no CR or LF\r\n"
/* A message to anna. */
#define TO_ANNA(text) HI MAIL ANNA "DATA\r\n" text
#define SAID          GL M A GO

struct talk {
	const char *name, *client, *server, *events;
	size_t size;			/* of client; 0: its length */
	enum session_state state;	/* at the end; GREETED: any that is not OVER */
	bool trusted, tls_offered, tls;
};

#define TALK(n, c, s, e, ...)                                                                     \
	{ .name = (n), .client = (c), .server = (s), .events = (e) __VA_OPT__(,) __VA_ARGS__ }

static const struct talk talks[] = {
	TALK("the greeting", "", G, ""),
	TALK("LHLO", HI, GL, ""),
	TALK("LHLO with an address literal", "LHLO [192.0.2.1]\r\nlhlo [IPv6:2001:db8::1]\r\n", GL L(""), ""),
	TALK("LHLO without a name", "LHLO\r\n", G "501 5.5.4 LHLO wants an argument\r\n", ""),
	TALK("LHLO with what is none", "LHLO a_b c\r\nLHLO -\r\nLHLO [1.2.3]\r\nLHLO \xc3\xa4\r\n",
	  G "501 5.5.4 a domain or an address literal is wanted\r\n"
	  "501 5.5.4 a domain or an address literal is wanted\r\n"
	  "501 5.5.4 a domain or an address literal is wanted\r\n"
	  "501 5.5.4 a domain or an address literal is wanted\r\n", ""),
	TALK("EHLO and HELO are SMTP's", "EHLO c\r\nHELO c\r\n",
	  G "500 5.5.1 this is LMTP: say LHLO\r\n500 5.5.1 this is LMTP: say LHLO\r\n", ""),
	TALK("nothing goes before LHLO", MAIL ANNA "DATA\r\nSTARTTLS\r\n",
	  G "503 5.5.1 say LHLO first\r\n503 5.5.1 say LHLO first\r\n503 5.5.1 say LHLO first\r\n"
	  "503 5.5.1 say LHLO first\r\n", ""),
	TALK("but these do", "NOOP\r\nRSET\r\nHELP\r\nVRFY anna\r\nNOOP with words\r\n",
	  G OK OK "214 2.0.0 this is LMTP, RFC 2033\r\n252 2.5.2 say RCPT to find out\r\n" OK, ""),
	TALK("QUIT, and nothing behind it", HI "QUIT\r\nNOOP\r\n", GL "221 2.0.0 goodbye\r\n", "",
	  .state = SESSION_OVER),
	TALK("arguments where there are none", HI "RSET x\r\nQUIT now\r\n" MAIL "DATA x\r\n",
	  GL "501 5.5.4 RSET takes no argument\r\n501 5.5.4 QUIT takes no argument\r\n" M
	  "501 5.5.4 DATA takes no argument\r\n", "end;"),
	TALK("unknown and empty commands", HI "EXPN x\r\n\r\nNOOPX\r\n",
	  GL "500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n", ""),
	TALK("keywords in any case, spaces at the end", "lhlo c.example \r\nnOOp\r\nRSET \r\n", GL OK OK, ""),
	TALK("too many bad commands", "A\r\nB\r\nC\r\nD\r\nE\r\nNOOP\r\nF\r\nNOOP\r\n",
	  G "500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n"
	  "500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n" OK
	  "421 4.7.0 too many bad commands\r\n", "", .state = SESSION_OVER),

	TALK("a message that is delivered makes up for bad commands", HI "A\r\nB\r\nC\r\nD\r\nE\r\n" MAIL ANNA
	  "DATA\r\n.\r\nF\r\n",
	  GL "500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n"
	  "500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n" M A GO A
	  "500 5.5.1 unknown command\r\n", "anna@x[]end;"),

	TALK("a bare LF does not end a line, and what is behind it is no command", "NOOP\nQUIT\r\nNOOP\r\n",
	  G BARE OK, ""),
	TALK("nor does a bare CR", "NOOP\rQUIT\r\nNOOP\r\n", G BARE OK, ""),
	TALK("nor LF CR, nor CR CR LF", "NOOP\n\rQUIT\r\nNOOP\r\r\nNOOP\r\n", G BARE BARE OK, ""),
	TALK("NUL in a line", "NOOP\0\r\nNOOP\r\n", G "500 5.5.2 the line holds NUL\r\n" OK, "", .size = 13),

	TALK("a message", TO_ANNA("Hi\r\n\r\nyou\r\n.\r\n"), SAID A, "anna@x[Hi\r\n\r\nyou\r\n]end;"),
	TALK("an empty message", TO_ANNA(".\r\n"), SAID A, "anna@x[]end;"),
	TALK("one line end", TO_ANNA("\r\n.\r\n"), SAID A, "anna@x[\r\n]end;"),
	TALK("a second message in the session",
	  TO_ANNA("1\r\n.\r\n") MAIL ANNA "DATA\r\n2\r\n.\r\nQUIT\r\n",
	  SAID A M A GO A "221 2.0.0 goodbye\r\n", "anna@x[1\r\n]end;anna@x[2\r\n]end;", .state = SESSION_OVER),
	TALK("dots", TO_ANNA("..\r\n...\r\n.a\r\na.\r\n..a..\r\n.\r\n"), SAID A,
	  "anna@x[.\r\n..\r\na\r\na.\r\n.a..\r\n]end;"),
	TALK("NUL and eight bits pass", TO_ANNA("a\0\xff\r\n.\r\n"), SAID A, "anna@x[a!\xff\r\n]end;",
	  .size = sizeof(TO_ANNA("a\0\xff\r\n.\r\n")) - 1),
	TALK("LF . LF is no end", TO_ANNA("a\n.\nQUIT\r\n.\r\n"), SAID A, "anna@x[a\n.\nQUIT\r\n]end;"),
	TALK("CR . CR is no end", TO_ANNA("a\r.\rQUIT\r\n.\r\n"), SAID A, "anna@x[a\r.\rQUIT\r\n]end;"),
	TALK("LF . CRLF is no end", TO_ANNA("a\n.\r\nQUIT\r\n.\r\n"), SAID A, "anna@x[a\n.\r\nQUIT\r\n]end;"),
	TALK("CR . CRLF is no end", TO_ANNA("a\r.\r\nQUIT\r\n.\r\n"), SAID A, "anna@x[a\r.\r\nQUIT\r\n]end;"),
	TALK("CRLF . LF is no end, and the dot was put in", TO_ANNA("a\r\n.\nQUIT\r\n.\r\n"), SAID A,
	  "anna@x[a\r\n\nQUIT\r\n]end;"),
	TALK("CRLF . CR is no end", TO_ANNA("a\r\n.\rQUIT\r\n.\r\n"), SAID A, "anna@x[a\r\n\rQUIT\r\n]end;"),
	TALK("CRLF . CR CR LF is no end", TO_ANNA("a\r\n.\r\r\n.\r\n"), SAID A, "anna@x[a\r\n\r\r\n]end;"),
	TALK("CRLF . CR . CRLF is no end", TO_ANNA("a\r\n.\r.\r\n.\r\n"), SAID A, "anna@x[a\r\n\r.\r\n]end;"),
	TALK("LF CR . CRLF is no end", TO_ANNA("a\n\r.\r\n\r\n.\r\n"), SAID A, "anna@x[a\n\r.\r\n\r\n]end;"),
	TALK("CRLF . NUL CRLF is no end", TO_ANNA("\r\n.\0\r\n.\r\n"), SAID A, "anna@x[\r\n!\r\n]end;",
	  .size = sizeof(TO_ANNA("\r\n.\0\r\n.\r\n")) - 1),
	TALK("at the start: LF alone", TO_ANNA(".\n.\r\n\r\n.\r\n"), SAID A, "anna@x[\n.\r\n\r\n]end;"),
	TALK("a message that is not ended is not delivered", TO_ANNA("a\r\n.\r"), SAID, "end;"),
	TALK("nor is one whose client goes away in a BDAT", HI MAIL ANNA "BDAT 9 LAST\r\nabc", GL M A, "end;"),

	TALK("one reply for each accepted recipient, in their order",
	  HI MAIL ANNA "RCPT TO:<unknown@x>\r\nRCPT TO:<bert@x>\r\nDATA\r\n.\r\n",
	  GL M A "550 5.1.1 <unknown@x> no such mailbox\r\n" B GO A B, "anna@x[]bert@x[]end;"),
	TALK("what RCPT may say", HI MAIL "RCPT TO:<unknown@x>\r\nRCPT TO:<disabled@x>\r\nRCPT TO:<full@x>\r\n"
	  "RCPT TO:<overfull@x>\r\nRCPT TO:<temporary@x>\r\nDATA\r\n",
	  GL M "550 5.1.1 <unknown@x> no such mailbox\r\n550 5.2.1 <disabled@x> the mailbox takes no mail\r\n"
	  "452 4.2.2 <full@x> the mailbox is full, try again later\r\n"
	  "552 5.2.2 <overfull@x> the mailbox is full\r\n451 4.3.0 <temporary@x> not now, try again later\r\n"
	  NONE, "end;"),
	TALK("each outcome is its own", HI MAIL ANNA "RCPT TO:<later-full@x>\r\nRCPT TO:<later-temporary@x>\r\n"
	  "RCPT TO:<bert@x>\r\nRCPT TO:<later-unknown@x>\r\nDATA\r\n.\r\nNOOP\r\n",
	  GL M A "250 2.1.5 <later-full@x> ok\r\n250 2.1.5 <later-temporary@x> ok\r\n" B
	  "250 2.1.5 <later-unknown@x> ok\r\n" GO A
	  "452 4.2.2 <later-full@x> the mailbox is full, try again later\r\n"
	  "451 4.3.0 <later-temporary@x> not now, try again later\r\n" B
	  "550 5.1.1 <later-unknown@x> no such mailbox\r\n" OK,
	  "anna@x[]later-full@x[]later-temporary@x[]bert@x[]later-unknown@x[]end;"),
	TALK("an address named twice gets one copy and two replies", HI MAIL ANNA "RCPT TO:<bert@x>\r\n"
	  "RCPT TO:<anna@X>\r\nRCPT TO:<Anna@x>\r\nDATA\r\n.\r\n",
	  GL M A B "250 2.1.5 <anna@X> ok\r\n250 2.1.5 <Anna@x> ok\r\n" GO A B
	  "250 2.1.5 <anna@X> ok\r\n250 2.1.5 <Anna@x> ok\r\n", "anna@x[]bert@x[]Anna@x[]end;"),
	TALK("and so does one between whose names others stand", HI MAIL "RCPT TO:<anna@X>\r\nRCPT TO:<anna@m>\r\n"
	  ANNA "RCPT TO:<anna@M>\r\nRCPT TO:<anna@xx>\r\nDATA\r\n.\r\n",
	  GL M "250 2.1.5 <anna@X> ok\r\n250 2.1.5 <anna@m> ok\r\n" A "250 2.1.5 <anna@M> ok\r\n250 2.1.5 <anna@xx> ok\r\n"
	  GO "250 2.1.5 <anna@X> ok\r\n250 2.1.5 <anna@m> ok\r\n" A "250 2.1.5 <anna@M> ok\r\n250 2.1.5 <anna@xx> ok\r\n",
	  "anna@X[]anna@m[]anna@xx[]end;"),
	TALK("more recipients than there may be", HI MAIL ANNA "RCPT TO:<unknown@x>\r\nRCPT TO:<bert@x>\r\n" ANNA ANNA ANNA
	  "RCPT TO:<no@x>\r\nDATA\r\n.\r\n",
	  GL M A "550 5.1.1 <unknown@x> no such mailbox\r\n" B A A A "452 4.5.3 too many recipients\r\n" GO
	  A B A A A, "anna@x[]bert@x[]end;"),
	TALK("DATA without recipients", HI MAIL "DATA\r\nNOOP\r\n", GL M NONE OK, "end;"),
	TALK("nor out of order", HI "RCPT TO:<a@x>\r\nDATA\r\n" MAIL MAIL,
	  GL "503 5.5.1 say MAIL first\r\n503 5.5.1 say MAIL first\r\n" M "503 5.5.1 MAIL was said already\r\n",
	  "end;"),
	TALK("RSET and LHLO end a transaction", HI MAIL ANNA "RSET\r\nDATA\r\n" MAIL ANNA HI "DATA\r\n" MAIL ANNA "QUIT\r\n",
	  GL M A OK "503 5.5.1 say MAIL first\r\n" M A L("") "503 5.5.1 say MAIL first\r\n" M A
	  "221 2.0.0 goodbye\r\n", "end;end;end;", .state = SESSION_OVER),

	TALK("BDAT", HI MAIL ANNA "BDAT 4\r\nab\r\nBDAT 3 LAST\r\n.\r\n", GL M A "250 2.0.0 4 octets\r\n" A,
	  "anna@x[ab\r\n.\r\n]end;"),
	TALK("BDAT takes dots and everything as it comes", HI MAIL ANNA "BDAT 11 last\r\n..\r\n.\r\n\r\n\r\n" "NOOP\r\n",
	  GL M A A OK, "anna@x[..\r\n.\r\n\r\n\r\n]end;"),
	TALK("BDAT 0 LAST", HI MAIL ANNA "BDAT 2\r\nabBDAT 0 LAST\r\nNOOP\r\n", GL M A "250 2.0.0 2 octets\r\n" A OK,
	  "anna@x[ab]end;"),
	TALK("BDAT 0 LAST alone, BDAT 0", HI MAIL ANNA "BDAT 0\r\nBDAT 0  LAST\r\n", GL M A "250 2.0.0 0 octets\r\n" A,
	  "anna@x[]end;"),
	TALK("commands between BDATs", HI MAIL ANNA "BDAT 1\r\na" MAIL ANNA "DATA\r\nSTARTTLS\r\nXCLIENT NAME=a\r\nNOOP\r\n"
	  "BDAT 1 LAST\r\nb",
	  GL M A "250 2.0.0 1 octets\r\n503 5.5.1 MAIL was said already\r\n503 5.5.1 BDAT has begun the message\r\n"
	  "503 5.5.1 BDAT has begun the message\r\n503 5.5.1 not during a transaction\r\n"
	  "503 5.5.1 not during a transaction\r\n" OK A, "anna@x[ab]end;"),
	TALK("RSET forgets chunks", HI MAIL ANNA "BDAT 1\r\naRSET\r\n" MAIL ANNA "BDAT 1 LAST\r\nb",
	  GL M A "250 2.0.0 1 octets\r\n" OK M A A, "end;anna@x[b]end;"),
	TALK("the octets of a BDAT that is not allowed are no commands", "BDAT 6\r\nQUIT\r\n" HI "BDAT 6\r\nQUIT\r\n"
	  "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n" MAIL "BDAT 6\r\nQUIT\r\nNOOP\r\n",
	  G "503 5.5.1 say LHLO first\r\n" L("") NONE NONE OK M NONE OK, "end;"),
	TALK("nor are they part of the message that follows", HI MAIL "BDAT 3\r\nabc" ANNA "DATA\r\n.\r\n",
	  GL M NONE A GO A, "anna@x[]end;"),
	TALK("BDAT LAST without recipients has no reply (RFC 2033, section 4.3)",
	  HI MAIL "RCPT TO:<unknown@x>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\nBDAT 1 LAST\r\nxNOOP\r\n",
	  GL M "550 5.1.1 <unknown@x> no such mailbox\r\n" OK NONE OK, "end;"),
	TALK("nor where MAIL was refused", HI "MAIL FROM:<s@c.example> SIZE=41\r\n" ANNA "BDAT 2 LAST\r\n\r\nNOOP\r\n",
	  GL "552 5.3.4 the message is too big\r\n503 5.5.1 say MAIL first\r\n" OK, ""),
	TALK("BDAT whose size is not known ends the session", HI MAIL ANNA "BDAT\r\nRSET\r\n",
	  GL M A "501 5.5.4 BDAT wants a size, and LAST or nothing; goodbye\r\n", "end;", .state = SESSION_OVER),
	TALK("so does a size that is none", HI "BDAT -1\r\nNOOP\r\n",
	  GL "501 5.5.4 BDAT wants a size, and LAST or nothing; goodbye\r\n", "", .state = SESSION_OVER),
	TALK("and another word", HI "BDAT 1 LASTS\r\nNOOP\r\n",
	  GL "501 5.5.4 BDAT wants a size, and LAST or nothing; goodbye\r\n", "", .state = SESSION_OVER),
	TALK("and one that is too large", HI "BDAT 18446744073709551616\r\nNOOP\r\n",
	  GL "501 5.5.4 BDAT wants a size, and LAST or nothing; goodbye\r\n", "", .state = SESSION_OVER),

	TALK("SIZE", HI "MAIL FROM:<> SIZE=41\r\nMAIL FROM:<> SIZE=40\r\n",
	  GL "552 5.3.4 the message is too big\r\n" M, "end;"),
	TALK("as many octets as there may be, dots that were put in not counted",
	  TO_ANNA("..234567890\r\n234567890\r\n234567890\r\n2345\r\n.\r\n"), SAID A,
	  "anna@x[.234567890\r\n234567890\r\n234567890\r\n2345\r\n]end;"),
	TALK("one more", HI MAIL ANNA "RCPT TO:<bert@x>\r\nDATA\r\n1234567890\r\n234567890\r\n234567890\r\n23456\r\n.\r\nNOOP\r\n",
	  GL M A B GO "552 5.3.4 <anna@x> the message is too big\r\n552 5.3.4 <bert@x> the message is too big\r\n" OK,
	  "end;"),
	TALK("too many in chunks", HI MAIL ANNA "BDAT 30\r\n123456789012345678901234567890BDAT 11\r\n12345678901"
	  "BDAT 1\r\n1BDAT 1 LAST\r\n1NOOP\r\n",
	  GL M A "250 2.0.0 30 octets\r\n552 5.3.4 the message is too big\r\n552 5.3.4 the message is too big\r\n"
	  "552 5.3.4 <anna@x> the message is too big\r\n" OK, "end;"),
	TALK("no space", HI MAIL ANNA "RCPT TO:<bert@x>\r\nDATA\r\n@space\r\nx\r\n.\r\nNOOP\r\n",
	  GL M A B GO "452 4.3.1 <anna@x> no space for the message, try again later\r\n"
	  "452 4.3.1 <bert@x> no space for the message, try again later\r\n" OK, "end;"),
	TALK("too big goes before no space, which may pass", TO_ANNA("@space\r\n1234567890123456789012345678901234567890\r\n.\r\n"),
	  SAID "552 5.3.4 <anna@x> the message is too big\r\n", "end;"),
	TALK("the spool fails", HI MAIL ANNA "BDAT 5\r\n@fail" "BDAT 1\r\nxBDAT 0 LAST\r\nNOOP\r\n",
	  GL M A "451 4.3.0 not now, try again later\r\n451 4.3.0 not now, try again later\r\n"
	  "451 4.3.0 <anna@x> not now, try again later\r\n" OK, "end;"),

	TALK("a loop is one for the recipient that is named", HI MAIL ANNA "RCPT TO:<bert@x>\r\nDATA\r\n"
	  "Received: by a\r\nDelivered-To: anna@X\r\n\r\n.\r\n",
	  GL M A B GO "554 5.4.6 <anna@x> the message goes round in circles\r\n" B,
	  "bert@x[Received: by a\r\nDelivered-To: anna@X\r\n\r\n]end;"),
	TALK("whichever that is", HI MAIL ANNA "RCPT TO:<bert@x>\r\nDATA\r\nReceived: by a\r\nDelivered-To: bert@x\r\n.\r\n",
	  GL M A B GO A "554 5.4.6 <bert@x> the message goes round in circles\r\n",
	  "anna@x[Received: by a\r\nDelivered-To: bert@x\r\n]end;"),
	TALK("in chunks too, and in a header that does not end", HI MAIL ANNA
	  "BDAT 22\r\nReceived:\r\ndelivered-tBDAT 8 LAST\r\no:anna@x",
	  GL M A "250 2.0.0 22 octets\r\n554 5.4.6 <anna@x> the message goes round in circles\r\n", "end;"),
	TALK("the body is not looked at", TO_ANNA("Received:\r\n\r\nDelivered-To: anna@x\r\n.\r\n"), SAID A,
	  "anna@x[Received:\r\n\r\nDelivered-To: anna@x\r\n]end;"),
	TALK("what the client says of this delivery is no loop", TO_ANNA("Delivered-To: anna@x\r\nReceived:\r\n.\r\n"),
	  SAID A, "anna@x[Delivered-To: anna@x\r\nReceived:\r\n]end;"),

	TALK("paths", HI "MAIL FROM:<@a,@b.c:s@c.example>\r\nRCPT TO:<\"a b\"@x>\r\nRCPT TO:<\"anna\"@x>\r\n"
	  "RCPT TO:<postMASTER>\r\nRCPT TO: <bert@x>\r\n",
	  GL M "250 2.1.5 <\"a b\"@x> ok\r\n" A "250 2.1.5 <postMASTER> ok\r\n" B, "end;"),
	TALK("bad paths", HI "MAIL\r\nMAIL TO:<a@x>\r\nMAIL FROM:a@x\r\nMAIL FROM:<a>\r\nMAIL FROM:<a@x\r\n",
	  GL "501 5.5.4 MAIL FROM:<path> is wanted\r\n501 5.5.4 MAIL FROM:<path> is wanted\r\n"
	  "501 5.1.7 a path in \"<\" and \">\" is wanted\r\n501 5.1.7 \"@\" and a domain are wanted\r\n"
	  "501 5.1.7 \">\" is missing\r\n", ""),
	TALK("bad recipients", HI MAIL "RCPT\r\nRCPT FROM:<a@x>\r\nRCPT TO:<>\r\nRCPT TO:<a@x>x\r\nRCPT TO:<a@->\r\n",
	  GL M "501 5.5.4 RCPT TO:<path> is wanted\r\n501 5.5.4 RCPT TO:<path> is wanted\r\n"
	  "501 5.1.3 a local part is wanted\r\n501 5.5.4 a space is wanted behind the path\r\n"
	  "501 5.1.3 that is not a domain\r\n", "end;"),
	TALK("a bad RCPT behind a good one keeps its place", HI MAIL ANNA "RCPT TO:<>\r\nRCPT TO:<bert@x>\r\nRCPT\nX\r\nNOOP\r\n",
	  GL M A "501 5.1.3 a local part is wanted\r\n" B BARE OK, "end;"),
	TALK("characters beyond ASCII want SMTPUTF8", HI "MAIL FROM:<\xc3\xa4@x>\r\n" MAIL "RCPT TO:<\xc3\xa4@x>\r\nRSET\r\n"
	  "MAIL FROM:<\xc3\xa4@x> SMTPUTF8\r\nRCPT TO:<\xc3\xa4@x>\r\nRCPT TO:<\xff@x>\r\n",
	  GL "553 5.6.7 the address needs SMTPUTF8\r\n" M "553 5.6.7 the address needs SMTPUTF8\r\n" OK
	  M "250 2.1.5 <\xc3\xa4@x> ok\r\n501 5.1.3 a local part is wanted\r\n", "end;end;"),
	TALK("parameters", HI "MAIL FROM:<> size=1 BODY=8bitmime RET=HDRS ENVID=a+2Bb SMTPUTF8\r\n"
	  "RCPT TO:<anna@x> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@x\r\nRCPT TO:<bert@x>  NOTIFY=NEVER\r\n",
	  GL M A B, "end;"),
	TALK("unknown parameters", HI "MAIL FROM:<> FOO\r\nMAIL FROM:<> AUTH=<>\r\n" MAIL "RCPT TO:<anna@x> SIZE=1\r\n",
	  GL "555 5.5.4 a parameter is not known here\r\n555 5.5.4 a parameter is not known here\r\n" M
	  "555 5.5.4 a parameter is not known here\r\n", "end;"),
	TALK("bad values", HI "MAIL FROM:<> SIZE=x\r\nMAIL FROM:<> BODY=BINARYMIME\r\nMAIL FROM:<> SMTPUTF8=1\r\n"
	  "MAIL FROM:<> RET=NO\r\nMAIL FROM:<> ENVID=+2\r\n",
	  GL "501 5.5.4 a parameter has a bad value\r\n501 5.5.4 a parameter has a bad value\r\n"
	  "501 5.5.4 a parameter has a bad value\r\n501 5.5.4 a parameter has a bad value\r\n"
	  "501 5.5.4 a parameter has a bad value\r\n", ""),
	TALK("bad values of RCPT", HI MAIL "RCPT TO:<anna@x> NOTIFY=NEVER,DELAY\r\nRCPT TO:<anna@x> ORCPT=x\r\n"
	  "RCPT TO:<anna@x> NOTIFY\r\n",
	  GL M "501 5.5.4 a parameter has a bad value\r\n501 5.5.4 a parameter has a bad value\r\n"
	  "501 5.5.4 a parameter has a bad value\r\n", "end;"),
	TALK("twice, and none at all", HI "MAIL FROM:<> SIZE=1 SIZE=1\r\nMAIL FROM:<> SIZE=\r\nMAIL FROM:<> =\r\n",
	  GL "501 5.5.4 a parameter is said twice\r\n501 5.5.4 that is not a parameter\r\n"
	  "501 5.5.4 that is not a parameter\r\n", ""),

	TALK("extensions", HI MAIL "RCPT TO:<anna+lists@x>\r\nRCPT TO:<bert+a/x@x>\r\nDATA\r\n.\r\n",
	  GL M "250 2.1.5 <anna+lists@x> ok\r\n250 2.1.5 <bert+a/x@x> ok\r\n" GO
	  "250 2.1.5 <anna+lists@x> ok\r\n250 2.1.5 <bert+a/x@x> ok\r\n",
	  "anna+lists@x(anna@x,lists)[]bert+a/x@x(bert@x,)[]end;"),

	TALK("STARTTLS, and what is behind it is forgotten", HI "STARTTLS\r\n" MAIL "QUIT\r\n",
	  G L("250-STARTTLS\r\n") "220 2.0.0 ready for TLS\r\n", "", .tls_offered = true,
	  .state = SESSION_STARTTLS),
	TALK("STARTTLS where there is none", HI "STARTTLS\r\n", GL "502 5.5.1 there is no TLS here\r\n", ""),
	TALK("STARTTLS within TLS", HI "STARTTLS\r\n", GL "503 5.5.1 TLS is there already\r\n", "",
	  .tls_offered = true, .tls = true),
	TALK("STARTTLS in a transaction", HI MAIL "STARTTLS\r\n", G L("250-STARTTLS\r\n") M
	  "503 5.5.1 not during a transaction\r\n", "end;", .tls_offered = true),

	TALK("XCLIENT from a stranger", HI "XCLIENT NAME=a\r\n", GL "550 5.7.0 XCLIENT is not for you\r\n", ""),
	TALK("XCLIENT begins anew", HI "XCLIENT NAME=mx.a ADDR=192.0.2.1\r\n" MAIL HI,
	  G L("250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n") G "503 5.5.1 say LHLO first\r\n"
	  L("250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n"), "", .trusted = true),
	TALK("XCLIENT in a transaction, and bad ones", "XCLIENT FOO=a\r\nXCLIENT NAME\r\nXCLIENT ADDR=1.2.3\r\n"
	  "XCLIENT HELO=a+0Ab\r\nXCLIENT PORT=65536\r\n",
	  G "501 5.5.4 an attribute is unknown or has a bad value\r\n"
	  "501 5.5.4 an attribute is unknown or has a bad value\r\n"
	  "501 5.5.4 an attribute is unknown or has a bad value\r\n"
	  "501 5.5.4 an attribute is unknown or has a bad value\r\n"
	  "501 5.5.4 an attribute is unknown or has a bad value\r\n", "", .trusted = true),
};

enum answering { AT_ONCE, LATER, BACKWARDS, ANSWERING_COUNT };

/* The program around a session, as one test has it. */
struct world {
	struct session session;
	struct session_settings settings;
	enum answering answering;
	struct writer writer;
	char written[16384], events[4096], spool[4096];
	size_t spool_used;
	/* What was asked and is not answered yet. */
	struct {
		unsigned number;
		enum verdict verdict;
		bool delivery;
	} asked[64];
	size_t asked_count;
};

static enum verdict
verdict_of(const char *local)
{
	static const struct {
		const char *local;
		enum verdict verdict;
	} rows[] = { { "unknown", VERDICT_UNKNOWN }, { "disabled", VERDICT_DISABLED },
		{ "full", VERDICT_FULL_FOR_NOW }, { "overfull", VERDICT_FULL },
		{ "temporary", VERDICT_TEMPORARY } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(local, rows[i].local) == 0)
			return rows[i].verdict;
	return VERDICT_OK;
}

static void
answer(struct world *w, unsigned number, enum verdict verdict, bool delivery)
{
	if (delivery)
		session_delivered(&w->session, number, verdict);
	else
		session_recipient(&w->session, number, verdict);
}

static void
ask(struct world *w, unsigned number, enum verdict verdict, bool delivery)
{
	if (w->answering == AT_ONCE) {
		answer(w, number, verdict, delivery);
		return;
	}
	assert_true(w->asked_count < 64);
	w->asked[w->asked_count].number = number;
	w->asked[w->asked_count].verdict = verdict;
	w->asked[w->asked_count++].delivery = delivery;
}

static void
on_recipient(void *context, const struct recipient *recipient)
{
	ask(context, recipient->number, verdict_of(recipient->path.local), false);
}

static enum verdict
on_data(void *context, const char *octets, size_t size)
{
	struct world *w = context;

	for (size_t i = 0; i < size; i++)
		w->spool[w->spool_used++] = octets[i] == '\0' ? '!' : octets[i];
	w->spool[w->spool_used] = '\0';
	assert_true(w->spool_used < sizeof(w->spool));
	if (strstr(w->spool, "@space") != NULL)
		return VERDICT_NO_SPACE;
	return strstr(w->spool, "@fail") != NULL ? VERDICT_TEMPORARY : VERDICT_OK;
}

static void
on_deliver(void *context, const struct recipient *recipient)
{
	struct world *w = context;
	char address[ADDRESS_SIZE], base[ADDRESS_SIZE];
	const char *local = recipient->path.local;
	size_t used = strlen(w->events);
	bool split;

	path_text(&recipient->path, address);
	path_text(&recipient->base, base);
	split = strcmp(base, address) != 0;
	snprintf(w->events + used, sizeof(w->events) - used, "%s%s%s%s%s%s[%s]", address, split ? "(" : "",
	    split ? base : "", split ? "," : "", split ? recipient->detail : "", split ? ")" : "", w->spool);
	ask(w, recipient->number, verdict_of(strncmp(local, "later-", 6) == 0 ? local + 6 : local), true);
	/* It lives through the call, even when its answer is the last of the transaction. */
	assert_true(recipient->number > 0);
}

static void
on_end(void *context)
{
	struct world *w = context;

	strcat(w->events, "end;");
	w->spool_used = 0;
	w->spool[0] = '\0';
}

static const struct session_calls calls = { on_recipient, on_data, on_deliver, on_end, NULL };

static void
world_begin(struct world *w, enum answering answering)
{
	memset(w, 0, sizeof(*w));
	w->settings = (struct session_settings){ .host = "mx.example", .size_max = 40,
		.recipients_max = 5, .bad_commands_max = 5, .delimiter = '+', .received = true };
	w->answering = answering;
	writer_init(&w->writer, w->written, sizeof(w->written) - 1, NULL, NULL);
	w->session = (struct session){ .settings = &w->settings, .calls = &calls, .context = w,
		.out = &w->writer, .id = 0x5f21 };
}

/* Answers everything that was asked; false: nothing was. */
static bool
world_answer(struct world *w)
{
	size_t count = w->asked_count;

	w->asked_count = 0;
	for (size_t i = 0; i < count; i++) {
		size_t k = w->answering == BACKWARDS ? count - 1 - i : i;

		answer(w, w->asked[k].number, w->asked[k].verdict, w->asked[k].delivery);
	}
	return count > 0;
}

/* The client's octets in pieces; what the session leaves is handed in again. */
static void
world_say(struct world *w, const char *client, size_t size, size_t piece)
{
	size_t done = 0, end = 0;

	do {
		end = size - end < piece ? size : end + piece;
		do {
			/* A copy of its own: what lies behind is not the session's. */
			char *copy = malloc(end - done + 1);

			memcpy(copy, client + done, end - done);
			done += session_input(&w->session, copy, end - done);
			free(copy);
			assert_true(session_waits(&w->session) || end - done <= LINE_OCTETS_MAX);
		} while (world_answer(w));
		assert_false(session_waits(&w->session));
	} while (end < size);
}

static void
world_end(struct world *w)
{
	session_close(&w->session);
	w->written[w->writer.used] = '\0';
}

static void
hold(const struct talk *talk, enum answering answering, size_t piece)
{
	struct world w;
	enum session_state state;

	world_begin(&w, answering);
	w.session.trusted = talk->trusted;
	w.session.tls_offered = talk->tls_offered;
	w.session.tls = talk->tls;
	session_begin(&w.session);
	world_say(&w, talk->client, talk->size > 0 ? talk->size : strlen(talk->client), piece);
	state = w.session.state;
	world_end(&w);
	if (strcmp(w.written, talk->server) != 0 || strcmp(w.events, talk->events) != 0)
		print_error("in the talk \"%s\", pieces of %zu, answering %d\n", talk->name, piece,
		    (int)answering);
	assert_string_equal(w.written, talk->server);
	assert_string_equal(w.events, talk->events);
	if (talk->state != SESSION_GREETED)
		assert_int_equal(state, talk->state);
	else
		assert_int_not_equal(state, SESSION_OVER);
}

static void
test_talks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		for (enum answering answering = AT_ONCE; answering < ANSWERING_COUNT; answering++)
			for (size_t piece = 1; piece <= 4096; piece += piece < 9 ? 1 : piece)
				hold(&talks[i], answering, piece);
}

/* A line of so many octets, its end included, is "NOOP xxx". */
static void
say_long(struct world *w, size_t size, size_t piece)
{
	char *line = malloc(size);

	memset(line, 'x', size);
	memcpy(line, "NOOP ", 5);
	memcpy(line + size - 2, "\r\n", 2);
	world_say(w, line, size, piece);
	free(line);
}

static void
test_long_lines(void **state)
{
	struct world w;

	(void)state;
	for (size_t piece = 1; piece < 5000; piece = piece * 3 + 1) {
		world_begin(&w, AT_ONCE);
		say_long(&w, LINE_OCTETS_MAX, piece);
		say_long(&w, LINE_OCTETS_MAX + 1, piece);
		say_long(&w, 100000, piece);
		world_say(&w, "NOOP\r\n", 6, piece);
		world_end(&w);
		assert_string_equal(w.written, OK "500 5.5.2 the line is too long\r\n"
		    "500 5.5.2 the line is too long\r\n" OK);
	}
}

/* Lines of the message may be as long as they like. */
static void
test_long_message(void **state)
{
	static char text[3000];
	struct world w;

	(void)state;
	world_begin(&w, AT_ONCE);
	w.settings.size_max = 0;
	world_say(&w, HI MAIL ANNA "DATA\r\n", strlen(HI MAIL ANNA "DATA\r\n"), 100);
	memset(text, 'x', sizeof(text));
	world_say(&w, text, sizeof(text), 700);
	world_say(&w, "\r\n.\r\n", 5, 5);
	assert_int_equal(strlen(w.events), strlen("anna@x[\r\n]end;") + sizeof(text));
	world_end(&w);
}

/* A message that has been everywhere is a loop for everybody. */
static void
test_hops(void **state)
{
	static const char begin[] = HI MAIL ANNA "DATA\r\n", end[] = ".\r\n";

	(void)state;
	for (unsigned count = HOPS_MAX; count <= HOPS_MAX + 1; count++) {
		struct world w;

		world_begin(&w, AT_ONCE);
		w.settings.size_max = 0;
		world_say(&w, begin, strlen(begin), 100);
		for (unsigned i = 0; i < count; i++)
			world_say(&w, "Received: x\r\n", 13, 4);
		w.writer.used = 0;
		world_say(&w, end, strlen(end), 1);
		world_end(&w);
		assert_string_equal(w.written, count == HOPS_MAX ? A :
		    "554 5.4.6 <anna@x> the message goes round in circles\r\n");
	}
}

/* No more than RECIPIENTS_ASKED_MAX are asked about together, and each gets its reply. */
static void
test_many_recipients(void **state)
{
	struct world w;
	size_t asked_max = 0, count = 0;

	(void)state;
	world_begin(&w, BACKWARDS);
	w.settings.recipients_max = 200;
	world_say(&w, HI MAIL, strlen(HI MAIL), 100);
	for (unsigned i = 0; i < 210; i++) {
		char line[64];
		size_t size = (size_t)snprintf(line, sizeof(line), "RCPT TO:<u%u@x>\r\n", i);

		while (session_input(&w.session, line, size) == 0) {
			if (w.asked_count > asked_max)
				asked_max = w.asked_count;
			assert_true(session_waits(&w.session));
			assert_true(world_answer(&w));
		}
	}
	while (world_answer(&w))
		;
	w.written[w.writer.used] = '\0';
	assert_int_equal(asked_max, RECIPIENTS_ASKED_MAX);
	for (const char *c = w.written; (c = strstr(c, "250 2.1.5 <u")) != NULL; c++, count++)
		assert_int_equal(atoi(c + 12), count);
	assert_int_equal(count, 200);
	assert_non_null(strstr(w.written, "<u199@x> ok\r\n452 4.5.3 too many recipients\r\n"));
	world_end(&w);
}

/* Replies leave as soon as those before them are known, not before. */
static void
test_order_of_outcomes(void **state)
{
	static const char client[] = HI MAIL ANNA "RCPT TO:<bert@x>\r\nDATA\r\n.\r\n";
	struct world w;
	size_t before;

	(void)state;
	world_begin(&w, AT_ONCE);
	w.settings.recipients_max = 2;
	w.answering = LATER;
	assert_int_equal(session_input(&w.session, client, sizeof(client) - 1),
	    strlen(HI MAIL ANNA "RCPT TO:<bert@x>\r\n"));
	assert_int_equal(w.asked_count, 2);
	before = w.writer.used;
	session_recipient(&w.session, 2, VERDICT_OK);
	assert_int_equal(w.writer.used, before);
	session_recipient(&w.session, 9, VERDICT_UNKNOWN);
	session_recipient(&w.session, 2, VERDICT_UNKNOWN);
	session_delivered(&w.session, 1, VERDICT_UNKNOWN);
	session_recipient(&w.session, 1, VERDICT_OK);
	assert_memory_equal(w.written + before, A B, strlen(A B));
	session_input(&w.session, "DATA\r\n.\r\n", 9);
	before = w.writer.used;
	session_delivered(&w.session, 2, VERDICT_TEMPORARY);
	session_delivered(&w.session, 7, VERDICT_OK);
	assert_int_equal(w.writer.used, before);
	assert_int_equal(session_input(&w.session, "NOOP\r\n", 6), 0);
	session_delivered(&w.session, 1, VERDICT_OK);
	session_delivered(&w.session, 1, VERDICT_UNKNOWN);
	w.written[w.writer.used] = '\0';
	assert_string_equal(w.written + before,
	    A "451 4.3.0 <bert@x> not now, try again later\r\n");
	assert_int_equal(w.session.state, SESSION_READY);
	world_end(&w);
}

/* Whenever the client goes, the transaction ends once. */
static void
test_client_goes(void **state)
{
	static const char client[] = HI MAIL ANNA "RCPT TO:<bert@x>\r\nDATA\r\na\r\n.\r\n";
	struct world w;

	(void)state;
	for (size_t size = 0; size < sizeof(client); size++) {
		world_begin(&w, LATER);
		session_begin(&w.session);
		if (session_input(&w.session, client, size) < size && world_answer(&w))
			session_input(&w.session, "DATA\r\na\r\n.\r\n", 12);
		world_end(&w);
		session_recipient(&w.session, 1, VERDICT_OK);
		session_delivered(&w.session, 1, VERDICT_OK);
		if (size < strlen(HI MAIL))
			assert_string_equal(w.events, "");
		else
			assert_non_null(strstr(w.events, "end;"));
		assert_true(strstr(w.events, "end;end;") == NULL);
	}
}

static void
test_stop(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, AT_ONCE);
	world_say(&w, HI MAIL, strlen(HI MAIL), 100);
	session_stop(&w.session, "421 4.3.2 going down");
	assert_int_equal(w.session.state, SESSION_OVER);
	assert_int_equal(session_input(&w.session, "NOOP\r\n", 6), 6);
	world_end(&w);
	assert_string_equal(w.written, L("") M "421 4.3.2 going down\r\n");
	assert_string_equal(w.events, "end;");
}

/* With TLS nothing is left of what was said in clear text, XCLIENT included. */
static void
test_tls(void **state)
{
	static const char client[] = "XCLIENT NAME=evil HELO=evil\r\n" HI "STARTTLS\r\nNOOP\nX";
	struct world w;

	(void)state;
	world_begin(&w, AT_ONCE);
	w.session.tls_offered = w.session.trusted = true;
	snprintf(w.session.client.name, sizeof(w.session.client.name), "true");
	session_begin(&w.session);
	world_say(&w, client, strlen(client), 1);
	assert_int_equal(w.session.state, SESSION_STARTTLS);
	assert_string_equal(w.session.peer.name, "evil");
	session_tls_begun(&w.session);
	assert_string_equal(w.session.peer.name, "true");
	assert_string_equal(w.session.peer.helo, "");
	assert_string_equal(w.session.helo, "");
	w.writer.used = 0;
	world_say(&w, MAIL HI, strlen(MAIL HI), 3);
	world_end(&w);
	assert_string_equal(w.written, "503 5.5.1 say LHLO first\r\n"
	    L("250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n"));
}

static const struct {
	const char *client, *lines;
} traces[] = {
	{ HI "MAIL FROM:<>\r\n" ANNA, "Return-Path: <>\r\nDelivered-To: anna@x\r\n"
	  "Received: from c.example\r\n\tby mx.example with LMTP id 5f21.1\r\n\tfor <anna@x>; " },
	{ HI MAIL ANNA "RCPT TO:<bert@x>\r\n", "Return-Path: <s@c.example>\r\nDelivered-To: anna@x\r\n"
	  "Received: from c.example\r\n\tby mx.example with LMTP id 5f21.1; " },
	{ "XCLIENT NAME=mx.a ADDR=IPV6:2001:db8::1 HELO=[UNAVAILABLE] PORT=25\r\n" HI
	  "MAIL FROM:<> SMTPUTF8\r\n" ANNA,
	  "Return-Path: <>\r\nDelivered-To: anna@x\r\nReceived: from c.example (mx.a [IPV6:2001:db8::1])\r\n"
	  "\tby mx.example with UTF8LMTP id 5f21.1\r\n\tfor <anna@x>; " },
	{ "XCLIENT ADDR=192.0.2.1 HELO=h.example NAME=[unavailable]\r\n" HI MAIL "RSET\r\n" MAIL ANNA,
	  "Return-Path: <s@c.example>\r\nDelivered-To: anna@x\r\nReceived: from h.example ([192.0.2.1])\r\n"
	  "\tby mx.example with LMTP id 5f21.2\r\n\tfor <anna@x>; " },
};

static void
test_trace(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
		char text[TRACE_OCTETS_MAX + 1];
		struct writer writer;
		struct world w;

		world_begin(&w, AT_ONCE);
		w.session.trusted = true;
		world_say(&w, traces[i].client, strlen(traces[i].client), 100);
		writer_init(&writer, text, sizeof(text) - 1, NULL, NULL);
		assert_true(session_trace(&w.session, w.session.recipients[0], 0, &writer));
		text[writer.used] = '\0';
		assert_memory_equal(text, traces[i].lines, strlen(traces[i].lines));
		assert_string_equal(text + writer.used - 2, "\r\n");
		w.settings.received = false;
		writer.used = 0;
		assert_true(session_trace(&w.session, w.session.recipients[0], 0, &writer));
		assert_int_equal(writer.used, strstr(traces[i].lines, "Received") - traces[i].lines);
		world_end(&w);
	}
}

/* What MAIL and RCPT said is kept for whoever wants it. */
static void
test_envelope(void **state)
{
	static const char client[] = HI "MAIL FROM:<> SIZE=7 BODY=8BITMIME RET=HDRS ENVID=a+2Bb SMTPUTF8\r\n"
	    "RCPT TO:<anna@x> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@x\r\n";
	const struct recipient *recipient;
	struct world w;

	(void)state;
	world_begin(&w, AT_ONCE);
	world_say(&w, client, strlen(client), 5);
	assert_int_equal(w.session.envelope.size, 7);
	assert_int_equal(w.session.envelope.body, BODY_8BITMIME);
	assert_int_equal(w.session.envelope.ret, RET_HDRS);
	assert_string_equal(w.session.envelope.envid, "a+2Bb");
	assert_true(w.session.envelope.utf8);
	recipient = w.session.recipients[0];
	assert_int_equal(recipient->notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
	assert_string_equal(recipient->orcpt, "rfc822;a+2Bb@x");
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_long_message),
		cmocka_unit_test(test_hops),
		cmocka_unit_test(test_many_recipients),
		cmocka_unit_test(test_order_of_outcomes),
		cmocka_unit_test(test_client_goes),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_envelope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
