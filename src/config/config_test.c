/*
 * Good files and the values they give, bad files and what is said about them. The manual page is
 * the first argument: it has a paragraph for every key.
 */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "config/config.h"
#include "config/value.h"

static char path[] = "/tmp/config_test_XXXXXX";
static const char *manual_path;

static int
read_text(const char *text, struct config *config, char *problems, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	memset(problems, 0, size);
	return config_read(config, path, problems, size);
}

#define NO_DOMAIN_NAME                                                                             \
	"is no domain name; write words of letters, digits and - with dots between them, as in "   \
	"mail.example.org"
#define LETTERS_16 "abcdefghijklmnop"
#define LETTERS_64 LETTERS_16 LETTERS_16 LETTERS_16 LETTERS_16

#define STANDS_FOR_NOTHING                                                                         \
	"stands for nothing; there is %u (user), %n (local part), %d (domain), %h (home) and "     \
	"%% (a percent sign)"
#define NOT_SERVED "which no user is served from; write it without //, . and .."

#define NO_NETWORK                                                                                 \
	"is no network; write it as in 192.0.2.0/24 or 2001:db8::/32, without bits behind the prefix"
#define CERTIFICATE "certificate main { chain = /c.pem\nkey = /k.pem }\n"

/* problems: each line without the file's name. */
static const struct {
	const char *text, *problems;
} bad_files[] = {
	{ "idle_timout = 700\n",
	    ":1: unknown key `idle_timout`; did you mean `idle_timeout_seconds`?" },
	{ "hostnam = a\nzzzzzz = 2\nmail_plaec = \"x\"\n",
	    ":1: unknown key `hostnam`; did you mean `hostname`?\n"
	    ":2: unknown key `zzzzzz`; restanted.conf(5) lists those there are\n"
	    ":3: unknown key `mail_plaec`; did you mean `mail_place`?" },
	{ "port = 110\n", ":1: key `port` does not stand alone; it belongs in a section listener" },
	{ "listener a {\n port = 1110\n apop = yes\n}\n",
	    ":3: key `apop` does not belong in a section listener; put it outside" },
	{ "listener a {\n prot = 1110\n}\n", ":2: unknown key `prot`; did you mean `port`?" },
	{ "lisener a {\n port = 1110\n}\nidle_timeout_seconds = 1\n",
	    ":1: unknown key `lisener`; did you mean `listener`?" },
	{ "\nidle_timeout_seconds = 10m\n",
	    ":2: idle_timeout_seconds = `10m` is not a number; write digits only, as in "
	    "idle_timeout_seconds = 600" },
	{ "idle_timeout_seconds = 599\nlogin_timeout_seconds = 9\n",
	    ":1: idle_timeout_seconds = 599 is out of range; it must be from 600 to 86400\n"
	    ":2: login_timeout_seconds = 9 is out of range; it must be from 10 to 3600" },
	{ "first_uid = 18446744073709551616\n", ":1: first_uid = `18446744073709551616` is not a "
						"number; write digits only, as in first_uid "
						"= 1000" },
	{ "first_uid = 0\n", ":1: first_uid = 0 is out of range; it must be from 1 to 4294967294" },
	{ "first_uid = 70000\n", ":1: first_uid is above last_uid: nobody could have mail" },
	{ "apop = maybe\n", ":1: apop = `maybe` is neither yes nor no" },
	{ "plaintext_logins = local\n",
	    ":1: plaintext_logins = `local` is not known; it can be never, loopback or always" },
	{ "sasl_mechanisms = \"PLAIN CRAM-MD5\"\n",
	    ":1: sasl_mechanisms: `CRAM-MD5` is not known; there is PLAIN or LOGIN" },
	{ "users_file = users\n",
	    ":1: users_file = `users` is not an absolute path; begin it with /" },
	{ "index_directory = indexes\n",
	    ":1: index_directory = `indexes` is not an absolute path; begin it with /" },
	{ "greeting = \"hello <x@y>\"\n", ":1: greeting must not hold < or > or begin with [; "
					  "clients would read a timestamp or a "
					  "response code" },
	{ "greeting = \"gr\xc3\xbc\xc3\x9f\"\n",
	    ":1: greeting holds a character that is not printable ASCII" },
	{ "hostname = \"mail_host\"\n",
	    ":1: hostname = `mail_host` " NO_DOMAIN_NAME },
	{ "hostname = mail..example\n", ":1: hostname = `mail..example` " NO_DOMAIN_NAME },
	{ "hostname = mail.example.\n", ":1: hostname = `mail.example.` " NO_DOMAIN_NAME },
	{ "hostname = .example\n", ":1: hostname = `.example` " NO_DOMAIN_NAME },
	{ "hostname = mail-.example\n", ":1: hostname = `mail-.example` " NO_DOMAIN_NAME },
	{ "hostname = mail.-example\n", ":1: hostname = `mail.-example` " NO_DOMAIN_NAME },
	{ "hostname = \"mail example\"\n", ":1: hostname = `mail example` " NO_DOMAIN_NAME },
	{ "hostname = " LETTERS_64 ".org\n", ":1: hostname = `" LETTERS_64 ".org` " NO_DOMAIN_NAME },
	{ "mail_place = /srv/mail\n",
	    ":1: mail_place = `/srv/mail` names no kind of store; write maildir: before the path" },
	{ "mail_place = maildir:mail/%u\n",
	    ":1: mail_place: `mail/%u` is not an absolute path; begin it with / or %h" },
	{ "mail_place = \"maildir:/srv/%d/%x\"\n", ":1: mail_place: `%x` " STANDS_FOR_NOTHING },
	{ "mail_place = \"maildir:/srv/%\"\n", ":1: mail_place: `%` " STANDS_FOR_NOTHING },
	{ "mail_place = \"maildirs:/srv/%u\"\n",
	    ":1: mail_place: there is no kind of store `maildirs`; write maildir: or mbox: before "
	    "the path" },
	{ "mail_place = \"mail:/srv/%u\"\n",
	    ":1: mail_place: there is no kind of store `mail`; write maildir: or mbox: before the "
	    "path" },
	{ "mail_place = \"maildir:/srv/../%u\"\n",
	    ":1: mail_place: `/srv/../%u` would be /srv/../anna@example.org, " NOT_SERVED },
	{ "mail_place = \"maildir:%h/./Maildir\"\n",
	    ":1: mail_place: `%h/./Maildir` would be /home/anna/./Maildir, " NOT_SERVED },
	{ "mail_place = \"maildir:/srv//%n\"\n",
	    ":1: mail_place: `/srv//%n` would be /srv//anna, " NOT_SERVED },
	{ "mail_place = \"maildir:/srv/%h\"\n",
	    ":1: mail_place: `/srv/%h` would be /srv//home/anna, " NOT_SERVED },
	{ "mail_place = maildir:/\n", ":1: mail_place: `/` would be /, " NOT_SERVED },
	{ "mail_place = mbox:\n",
	    ":1: mail_place: `` is not an absolute path; begin it with / or %h" },
	{ "apop = yes\n\napop = no\n", ":3: apop was set before, in line 1; keep one of them" },
	{ "# one\n// two\n/* three\n four */ apop = 1\ngreeting = \"a//#b\" # c\nlast = "
	  "2 // d\n",
	    ":4: apop = `1` is neither yes nor no\n:6: last = `2` is neither yes nor no" },
	{ "apop\n", ":2: unexpected end" },
	{ "apop yes\n", ":1: no = behind `apop`; write key = value" },
	{ "listener a {\n port = 1110\n", ":3: the file ends inside a section; close it with }" },
	{ "listener {\n port = 110\n}\n",
	    ":1: section `listener` has no title; write a name before the {" },
	{ "listener a {\n port = 1110\n}\nlistener a {\n port = 1111\n}\n",
	    ":4: there is a section with the title `a` already; give this one another" },
	{ "}\n", ":1: unexpected closing brace" },
	{ "listener a {\n port = 0\n}\n",
	    ":2: port = 0 is out of range; it must be from 1 to 65535" },
	{ "listener a {\n address = mail.example.org\n}\n",
	    ":3: listener `a`: address `mail.example.org` is not numeric; write it as in 192.0.2.1 "
	    "or "
	    "2001:db8::1, or \"*\" for all" },
	{ "listener a { protocol = lmtp\naddress = unix:/run/lmtp }\n",
	    ":2: listener `a`: address `unix:/run/lmtp` is not numeric; write it as in 192.0.2.1 or 2001:db8::1, "
	    "or \"*\" for all, or a path as in /run/restante/lmtp" },
	{ "listener a {\n tls = implicit\n}\n", ":3: listener `a`: tls = implicit needs a "
						"certificate; add a section certificate with chain "
						"and key" },
	{ "listener a { address = /run/lmtp }\n", ":1: listener `a`: only lmtp is spoken on a Unix socket; add protocol = lmtp" },
	{ "listener a { protocol = lmtp\naddress = /run/lmtp\nport = 24\ntls = stls\nmode = 0888 }\n" CERTIFICATE,
	    ":5: listener `a`: a Unix socket has no port; leave it out\n"
	    ":5: listener `a`: there is no TLS on a Unix socket; leave it out\n"
	    ":5: listener `a`: mode `0888` is none; write it in octal, as in 0660" },
	{ "listener a { protocol = lmtp\naddress = /run/lmtp\nmode = 1777 }\n",
	    ":3: listener `a`: mode `1777` is none; write it in octal, as in 0660" },
	{ "listener a { protocol = lmtp\ngroup = mail }\n",
	    ":2: listener `a`: mode and group are for a Unix socket; leave them out, or write its path as the address" },
	{ "listener a { protocol = lmtp\naddress = /l }\nlistener b { protocol = lmtp\naddress = /l }\n",
	    ":4: listener `b`: listener `a` has that path; give it another or leave it out" },
	{ "listener a { protocol = lmtp\naddress = 127.0.0.1\nport = 110 }\nlistener b { address = 127.0.0.1 }\n",
	    ":4: listener `b`: port 110 of that address is taken by listener `a`; give it another port or leave it "
	    "out" },
	{ "listener a { protocol = lmtp\naddress = \"/run//x\" }\nlistener b { protocol = lmtp\naddress = /run/x/ }\n",
	    ":2: listener `a`: write /run//x without //, . and .., and without a / behind it\n"
	    ":4: listener `b`: write /run/x/ without //, . and .., and without a / behind it" },
	{ "listener a { protocol = lmtp\naddress = /run/restante/control }\n",
	    ":2: listener `a`: /run/restante/control is the socket for restantectl; give this one another name" },
	{ "listener a { protocol = lmtp\naddress = /run/lmtp\nmode = rw-rw---- }\n",
	    ":3: mode is too long; it can have 7 characters" },
	{ "lmtp_networks = \"192.0.2.0/24 192.0.2.1/24 unix\"\nlmtp_xclient_hosts = \"unix host\"\n",
	    ":1: lmtp_networks: `192.0.2.1/24` " NO_NETWORK "\n:1: lmtp_networks: `unix` " NO_NETWORK "\n"
	    ":2: lmtp_xclient_hosts: `host` " NO_NETWORK },
	{ "lmtp_delimiter = \"@\"\n", ":1: lmtp_delimiter = `@` would cut names apart; it is mostly + or -" },
	{ "lmtp_delimiter = x\n", ":1: lmtp_delimiter = `x` would cut names apart; it is mostly + or -" },
	{ "over_quota = never\n", ":1: over_quota = `never` is not known; it can be temporary or permanent" },
	{ "listener a { tls = ssl }\n",
	    ":1: tls = `ssl` is not known; it can be none, stls or implicit" },
	{ "listener a { port = 1110 }\nlistener b { address = 127.0.0.1\nport = 1110 }\n",
	    ":3: listener `b`: port 1110 of that address is taken by listener `a`; give it another "
	    "port "
	    "or leave it out" },
	{ "listener a { address = ::1 }\nlistener b { address = 0:0::1 }\n",
	    ":2: listener `b`: port 110 of that address is taken by listener `a`; give it another "
	    "port or "
	    "leave it out" },
	{ "certificate main {\n chain = /x\n}\n",
	    ":3: certificate `main` has no key; name the PEM file with its private key" },
	{ "certificate main {\n chain = x\n key = /y\n}\n",
	    ":2: chain = `x` is not an absolute path; begin it with /\n"
	    ":4: certificate `main` has no chain; name the PEM file with the certificate" },
	{ "maildrop_threads = 600\n",
	    ":1: maildrop_threads is above maildrop_threads_max; raise that one too" },
};

/* The expected lines, with the file's name before each. */
static void
with_path(const char *lines, char *text, size_t size)
{
	size_t used = 0;

	for (const char *p = lines; *p != '\0' && used < size;) {
		int length = (int)strcspn(p, "\n");

		used += (size_t)snprintf(
		    text + used, size - used, "%s%s%.*s", used > 0 ? "\n" : "", path, length, p);
		p += length + (p[length] == '\n');
	}
}

static void
test_bad_files(void **state)
{
	static struct config config, before;
	char problems[4096], expected[4096];

	(void)state;
	memset(&before, 0x5a, sizeof(before));
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		config = before;
		with_path(bad_files[i].problems, expected, sizeof(expected));
		assert_int_equal(
		    read_text(bad_files[i].text, &config, problems, sizeof(problems)), -1);
		/* The sentence for a file that ends too early is libconfuse's. */
		if (strstr(expected, "unexpected end") != NULL)
			assert_non_null(strstr(problems, "premature end of file"));
		else
			assert_string_equal(problems, expected);
		assert_memory_equal(&config, &before, sizeof(config));
	}
}

static void
test_missing_file(void **state)
{
	static struct config config;
	char problems[256];

	(void)state;
	assert_int_equal(
	    config_read(&config, "/nonexistent/restanted.conf", problems, sizeof(problems)), -1);
	assert_string_equal(problems, "/nonexistent/restanted.conf: No such file or directory");
}

/* What is empty unless it is set may be set to that. */
static void
test_empty_path(void **state)
{
	static struct config config;
	char problems[256];

	(void)state;
	memset(&config, 0x5a, sizeof(config));
	assert_int_equal(read_text("index_directory = \"\"\n", &config, problems, sizeof(problems)), 0);
	assert_string_equal(config.index_directory, "");
	assert_int_equal(
	    read_text("index_directory = /var/x\n", &config, problems, sizeof(problems)), 0);
	assert_string_equal(config.index_directory, "/var/x");
}

static const struct listener_case {
	const char *text;
	uint32_t count;
	struct {
		const char *address;
		uint32_t port, tls, protocol;
	} expected[3];
} listener_cases[] = {
	{ "", 2, { { "127.0.0.1", 110, CONFIG_TLS_NONE, CONFIG_POP3 }, { "::1", 110, CONFIG_TLS_NONE, CONFIG_POP3 } } },
	{ CERTIFICATE, 2, { { "*", 110, CONFIG_TLS_STLS, CONFIG_POP3 }, { "*", 995, CONFIG_TLS_IMPLICIT, CONFIG_POP3 } } },
	{ "listener a { }\n", 1, { { "*", 110, CONFIG_TLS_NONE, CONFIG_POP3 } } },
	{ "listener a { }\n" CERTIFICATE, 1, { { "*", 110, CONFIG_TLS_STLS, CONFIG_POP3 } } },
	{ "listener a { port = 995 }\n" CERTIFICATE, 1, { { "*", 995, CONFIG_TLS_IMPLICIT, CONFIG_POP3 } } },
	{ "listener a { tls = implicit }\n" CERTIFICATE, 1, { { "*", 995, CONFIG_TLS_IMPLICIT, CONFIG_POP3 } } },
	{ "listener a { port = 995\ntls = stls }\n" CERTIFICATE, 1,
	    { { "*", 995, CONFIG_TLS_STLS, CONFIG_POP3 } } },
	{ "listener a { tls = none\naddress = 127.0.0.1 }\nlistener b { address = \"::1\" }\n", 2,
	    { { "127.0.0.1", 110, CONFIG_TLS_NONE, CONFIG_POP3 }, { "::1", 110, CONFIG_TLS_NONE, CONFIG_POP3 } } },
	/* One for LMTP takes none of POP3's away. */
	{ "listener a { protocol = lmtp }\n", 3, { { "127.0.0.1", 24, CONFIG_TLS_NONE, CONFIG_LMTP },
	    { "127.0.0.1", 110, CONFIG_TLS_NONE, CONFIG_POP3 }, { "::1", 110, CONFIG_TLS_NONE, CONFIG_POP3 } } },
	{ "listener a { protocol = lmtp\naddress = \"::1\"\nport = 2424 }\n" CERTIFICATE, 3,
	    { { "::1", 2424, CONFIG_TLS_STLS, CONFIG_LMTP }, { "*", 110, CONFIG_TLS_STLS, CONFIG_POP3 },
	    { "*", 995, CONFIG_TLS_IMPLICIT, CONFIG_POP3 } } },
	{ "listener a { protocol = lmtp\naddress = /run/x/lmtp }\nlistener b { }\n" CERTIFICATE, 2,
	    { { "/run/x/lmtp", 0, CONFIG_TLS_NONE, CONFIG_LMTP }, { "*", 110, CONFIG_TLS_STLS, CONFIG_POP3 } } },
};

static void
test_listeners(void **state)
{
	static struct config config;
	char problems[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(listener_cases) / sizeof(listener_cases[0]); i++) {
		const struct listener_case *c = &listener_cases[i];

		assert_int_equal(read_text(c->text, &config, problems, sizeof(problems)), 0);
		assert_string_equal(problems, "");
		assert_int_equal(config.listener_count, c->count);
		for (uint32_t n = 0; n < c->count; n++) {
			assert_string_equal(config.listeners[n].address, c->expected[n].address);
			assert_int_equal(config.listeners[n].port, c->expected[n].port);
			assert_int_equal(config.listeners[n].tls, c->expected[n].tls);
			assert_int_equal(config.listeners[n].protocol, c->expected[n].protocol);
			assert_string_equal(config.listeners[n].mode, n < config.listeners_from_file ? "0660" : "");
		}
	}
}

static void
test_values_and_origins(void **state)
{
	static struct config config;
	char problems[4096], text[256];
	const struct config_key *key;

	(void)state;
	assert_int_equal(read_text("# a comment\nusers_file = \"/srv/\\\"users\\\"\"\napop = true\n"
				   "plaintext_logins = loopback\n\nidle_timeout_seconds = 1200\n",
			     &config, problems, sizeof(problems)),
	    0);
	assert_string_equal(config.users_file, "/srv/\"users\"");
	assert_int_equal(config.apop, 1);
	assert_int_equal(config.plaintext_logins, CONFIG_PLAINTEXT_LOOPBACK);
	assert_int_equal(config.idle_timeout_seconds, 1200);
	assert_string_equal(config.mail_place, "maildir:%h/Maildir");
	key = key_find(config_keys, "idle_timeout_seconds");
	assert_int_equal(config.lines[key - config_keys], 6);
	config_value(&config, key, text, sizeof(text));
	assert_string_equal(text, "1200");
	key = key_find(config_keys, "users_file");
	assert_int_equal(config.lines[key - config_keys], 2);
	config_value(&config, key, text, sizeof(text));
	assert_string_equal(text, "\"/srv/\\\"users\\\"\"");
	key = key_find(config_keys, "apop");
	config_value(&config, key, text, sizeof(text));
	assert_string_equal(text, "yes");
	key = key_find(config_keys, "log_level");
	assert_int_equal(config.lines[key - config_keys], 0);
	config_value(&config, key, text, sizeof(text));
	assert_string_equal(text, "info");
	key = key_find(config_listener_keys, "port");
	config_value(&config.listeners[0], key, text, sizeof(text));
	assert_string_equal(text, "110");
}

/* What config_value() writes, config_read() reads: the defaults of every row survive the round. */
static void
test_round_trip(void **state)
{
	static struct config first, second;
	static char file[16384];
	char problems[4096], value[PLACE_SIZE * 2];
	size_t used = 0, rows = 0;

	(void)state;
	config_defaults(&first);
	for (const struct config_key *key = config_keys; key->name != NULL; key++, rows++) {
		config_value(&first, key, value, sizeof(value));
		used += (size_t)snprintf(
		    file + used, sizeof(file) - used, "%s = %s\n", key->name, value);
		assert_true(strlen(key->help) > 10);
	}
	assert_true(rows <= CONFIG_KEYS_MAX);
	assert_int_equal(read_text(file, &second, problems, sizeof(problems)), 0);
	for (size_t i = 0; i < rows; i++)
		assert_int_equal(second.lines[i], i + 1);
	memset(second.lines, 0, sizeof(second.lines));
	assert_memory_equal(&first, &second, sizeof(first));
}

/* The words of a choice are the numbers of its enum. */
static void
test_choices(void **state)
{
	(void)state;
	assert_string_equal(
	    key_find(config_listener_keys, "tls")->choices[CONFIG_TLS_IMPLICIT], "implicit");
	assert_string_equal(key_find(config_keys, "log")->choices[CONFIG_LOG_SYSLOG], "syslog");
	assert_string_equal(key_find(config_keys, "log_level")->choices[LOG_LEVEL_DEBUG], "debug");
	assert_string_equal(
	    key_find(config_keys, "plaintext_logins")->choices[CONFIG_PLAINTEXT_ALWAYS], "always");
	assert_string_equal(
	    key_find(config_listener_keys, "protocol")->choices[CONFIG_POP3], "pop3");
}

static void
test_doubts(void **state)
{
	static const struct {
		const char *text, *doubts;
	} cases[] = {
		{ "", "" },
		{ "mail_place = \"mbox:/var/mail/%n\"\n", "" },
		{ "mail_place = \"maildir:/srv/%d/%u\"\n", "" },
		{ "\nmail_place = \"maildir:/srv/mail\"\n",
		    ":2: warning: mail_place = `maildir:/srv/mail` is one maildrop for all users; "
		    "with %u, %n or %h in it each has one of his own" },
		{ "mail_place = \"maildir:/srv/%d\"\n",
		    ":1: warning: mail_place = `maildir:/srv/%d` is one maildrop for all users of "
		    "a domain; with %u, %n or %h in it each has one of his own" },
		{ "mail_place = \"maildir:/srv/%%u\"\n",
		    ":1: warning: mail_place = `maildir:/srv/%%u` is one maildrop for all users; "
		    "with %u, %n or %h in it each has one of his own" },
		{ "listener a { protocol = lmtp\naddress = /run/lmtp }\n", "" },
		{ "listener a { protocol = lmtp }\nlistener b { protocol = lmtp\naddress = \"::1\" }\n", "" },
		{ "listener a { protocol = lmtp\naddress = \"*\" }\nlmtp_networks = 192.0.2.0/24\n", "" },
		{ "listener a { protocol = lmtp\naddress = 192.0.2.1 }\n",
		    ": warning: listener `a` can be reached from elsewhere, but lmtp_networks lets in only this host; "
		    "name the hosts of your MTAs there, or listen on 127.0.0.1 or a Unix socket" },
		{ "listener a { protocol = lmtp }\nlmtp_networks = ::/0\n",
		    ":2: warning: with ::/0 in lmtp_networks anybody may hand in mail; name the hosts of your MTAs" },
		{ "lmtp_networks = ::/0\n", "" },
	};
	static struct config config;
	char problems[4096], doubts[1024], expected[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    read_text(cases[i].text, &config, problems, sizeof(problems)), 0);
		config_doubts(&config, path, doubts, sizeof(doubts));
		expected[0] = '\0';
		with_path(cases[i].doubts, expected, sizeof(expected));
		assert_string_equal(doubts, expected);
	}
}

static void
test_memfd(void **state)
{
	static struct config config, copy;
	struct error error;
	int memfd;

	(void)state;
	config_defaults(&config);
	memfd = config_to_memfd(&config, &error);
	assert_true(memfd >= 0);
	assert_int_equal(config_from_memfd(&copy, memfd, &error), 0);
	assert_memory_equal(&config, &copy, sizeof(config));
	assert_int_equal(pwrite(memfd, "x", 1, 0), -1);
	close(memfd);
	config.magic++;
	memfd = config_to_memfd(&config, &error);
	memset(&copy, 0, sizeof(copy));
	assert_int_equal(config_from_memfd(&copy, memfd, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	assert_int_equal(copy.magic, 0);
	close(memfd);
}

/* The paragraph of a key, and what a number may be in it: that is what is said when it is not. */
static void
manual_has(const char *page, const struct config_key keys[])
{
	char line[128];

	for (const struct config_key *key = keys; key->name != NULL; key++) {
		const char *paragraph, *end, *found;

		snprintf(line, sizeof(line), "\n.It Ic %s\n", key->name);
		paragraph = strstr(page, line);
		if (paragraph == NULL)
			fail_msg("no paragraph for %s in restanted.conf(5)", key->name);
		if (key->type != CONFIG_NUMBER)
			continue;
		end = strstr(paragraph + 1, "\n.It Ic ");
		snprintf(line, sizeof(line), "\nFrom %" PRIu64 " to %" PRIu64, key->minimum,
		    key->maximum);
		found = strstr(paragraph, line);
		if (found == NULL || (end != NULL && found > end) ||
		    strchr(".;", found[strlen(line)]) == NULL)
			fail_msg("no \"%s\" in the paragraph of %s", line + 1, key->name);
		/* The port's default depends on tls. */
		snprintf(line, sizeof(line), "; default: %s.", key->fallback);
		if (keys == config_keys &&
		    strncmp(strchr(found, ';'), line, strlen(line)) != 0)
			fail_msg("another default in the paragraph of %s", key->name);
	}
}

static void
test_manual(void **state)
{
	static char page[65536];
	FILE *file = manual_path != NULL ? fopen(manual_path, "r") : NULL;
	size_t size;

	(void)state;
	if (file == NULL)
		skip();
	size = fread(page, 1, sizeof(page) - 1, file);
	fclose(file);
	page[size] = '\0';
	manual_has(page, config_keys);
	manual_has(page, config_listener_keys);
	manual_has(page, config_certificate_keys);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_empty_path),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_values_and_origins),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_memfd),
		cmocka_unit_test(test_manual),
	};
	int descriptor = mkstemp(path), status;

	if (descriptor < 0)
		return 1;
	close(descriptor);
	manual_path = argc > 1 ? argv[1] : NULL;
	status = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return status;
}
