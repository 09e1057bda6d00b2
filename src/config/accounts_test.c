/*
 * Files of accounts: what they give, and what is said about those that are wrong. The manual page is the
 * first argument: it has a paragraph for every key.
 */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/accounts.h"
#include "config/value.h"

static char path[] = "/tmp/accounts_test_XXXXXX";
static const char *manual_path;

static int
read_text(const char *text, struct accounts *accounts, char *problems, size_t size, struct error *error)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	memset(problems, 0, size);
	return accounts_read(accounts, path, problems, size, error);
}

#define GOOD   "server = pop.example.org\nuser = anna\n"
#define NO_TOKEN "and no .token at the end"
#define HEX_64 "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

static const struct {
	const char *text, *problems;
} bad_files[] = {
	{ "account a {\n" GOOD "sever = b\n}\n", ":4: unknown key `sever`; did you mean `server`?" },
	{ "acount a {\n" GOOD "}\n", ":1: unknown key `acount`; did you mean `account`?" },
	{ "account a {\n" GOOD "zzzzzzzz = b\n}\n",
	    ":4: unknown key `zzzzzzzz`; restante-config(5) lists those there are" },
	{ "user = anna\n", ":1: key `user` does not stand alone; it belongs in a section account" },
	{ "account a {\n" GOOD "parallel = 2\n}\n",
	    ":4: key `parallel` does not belong in a section account; put it outside" },
	{ "parallel = 0\n", ":1: parallel = 0 is out of range; it must be from 1 to 100" },
	{ "parallel = 2\nparallel = 3\n", ":2: parallel was set before, in line 1; keep one of them" },
	{ "account a {\n" GOOD "user = b\n}\n", ":4: user was set before, in line 3; keep one of them" },
	{ "account a {\n}\n", ":2: account `a` has no server; name the host that has the mail\n"
			      ":2: account `a` has no user; say who logs in" },
	{ "account a {\nserver = \"http://x\"\nuser = u\n}\n",
	    ":2: server = `http://x` is no host; write it as in pop.example.org or pop.example.org:995" },
	{ "account a {\nserver = x:0\nuser = u\n}\n",
	    ":2: server = `x:0` is no host; write it as in pop.example.org or pop.example.org:995" },
	{ "account a {\nserver = x:65536\nuser = u\n}\n",
	    ":2: server = `x:65536` is no host; write it as in pop.example.org or pop.example.org:995" },
	{ "account a {\nserver = \"[::1\"\nuser = u\n}\n",
	    ":2: server = `[::1` is no host; write it as in pop.example.org or pop.example.org:995" },
	{ "account a {\nserver = \":995\"\nuser = u\n}\n",
	    ":2: server = `:995` is no host; write it as in pop.example.org or pop.example.org:995" },
	{ "account a {\n" GOOD "key = /k.pem\n}\n",
	    ":4: account `a` has a key without a certificate; name the PEM file with it" },
	{ "account a {\n" GOOD "security = ssl\n}\n",
	    ":4: security = `ssl` is not known; it can be tls, stls or clear" },
	{ "account a {\n" GOOD "mechanisms = \"PLAIN NTLM\"\n}\n",
	    ":4: mechanisms: `NTLM` is not known; there is SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, EXTERNAL, "
	    "GSSAPI, "
	    "OAUTHBEARER, XOAUTH2, SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, APOP, PLAIN, LOGIN or USER" },
	{ "account a {\n" GOOD "pin = abcd\n}\n", ":4: pin is no SHA-256 of a key; write 64 hexadecimal "
						  "digits, as `restante capabilities' shows them" },
	{ "account a {\n" GOOD "password_command = x\npassword_fd = 3\n}\n",
	    ":5: password_command and password_fd both say how account `a` logs in; keep one of them" },
	{ "account a {\n" GOOD "password_file = /x\noauth = microsoft\n}\n",
	    ":5: password_file and oauth both say how account `a` logs in; keep one of them" },
	{ "account a {\n" GOOD "password_fd = three\n}\n",
	    ":4: password_fd = `three` is no descriptor; write its number, as in password_fd = 3" },
	{ "account a {\n" GOOD "password_keyring = x\n}\n",
	    ":4: password_keyring = `x` names no keyring; write kernel: or desktop: before the name of the "
	    "key" },
	{ "account a {\n" GOOD "password_keyring = \"kernel:\"\n}\n",
	    ":4: password_keyring = `kernel:` names no keyring; write kernel: or desktop: before the name of "
	    "the key" },
	{ "account a {\n" GOOD "password_credential = ../x\n}\n",
	    ":4: password_credential = `../x` is no credential; write the name that LoadCredential= of the "
	    "service "
	    "gives it" },
	{ "account a {\n" GOOD "password_file = x\n}\n",
	    ":4: password_file = `x` is not an absolute path; begin it with /" },
	{ "account a {\n" GOOD "password_file = ~bert/x\n}\n",
	    ":4: password_file: there is no home directory for `~bert/x`; write ~/ before a path of your own, "
	    "or an "
	    "absolute path" },
	{ "account a {\n" GOOD "deliver_to = Maildir\n}\n",
	    ":4: deliver_to = `Maildir` names no kind of place; begin it with maildir:, mbox:, lmtp:, smtp: or "
	    "command:" },
	{ "account a {\n" GOOD "deliver_to = maildir:Mail\n}\n",
	    ":4: deliver_to: `Mail` is not an absolute path; begin it with / or ~/" },
	{ "account a {\n" GOOD "deliver_to = maildir:/srv/../x\n}\n",
	    ":4: deliver_to: `/srv/../x` is not a path to deliver to; write it without //, . and .." },
	{ "account a {\n" GOOD "deliver_to = smtp:localhost\nrecipient = x\n}\n",
	    ":4: deliver_to: `localhost` is no HOST:PORT; write it as in 127.0.0.1:25" },
	{ "account a {\n" GOOD "deliver_to = smtp:::1:25\nrecipient = x\n}\n",
	    ":4: deliver_to: `::1:25` has an address of IPv6 without brackets; write it as in [::1]:25" },
	{ "account a {\n" GOOD "deliver_to = lmtp:/run/x\nrecipient = x\n}\n",
	    ":4: deliver_to: `/run/x` is no LMTP server; write unix: and the path of its socket, or "
	    "HOST:PORT" },
	{ "account a {\n" GOOD "deliver_to = \"command: \"\n}\n",
	    ":4: deliver_to: ` ` has no command; write one behind the colon" },
	{ "account a {\n" GOOD "keep = \"0 days\"\n}\n",
	    ":4: keep = `0 days` is not known; it can be all, none, \"30 days\" or \"newest 100\"" },
	{ "account a {\n" GOOD "keep = 30\n}\n",
	    ":4: keep = `30` is not known; it can be all, none, \"30 days\" or \"newest 100\"" },
	{ "account a {\n" GOOD "keep = \"newest\"\n}\n",
	    ":4: keep = `newest` is not known; it can be all, none, \"30 days\" or \"newest 100\"" },
	{ "account a {\n" GOOD "size_max = 20MB\n}\n",
	    ":4: size_max = `20MB` is no size; write octets, or a number and K, M or G, as in 20M" },
	{ "account a {\n" GOOD "size_max = K\n}\n",
	    ":4: size_max = `K` is no size; write octets, or a number and K, M or G, as in 20M" },
	{ "account a {\n" GOOD "timeout_seconds = 4\n}\n",
	    ":4: timeout_seconds = 4 is out of range; it must be from 5 to 3600" },
	{ "account \"a/b\" {\n" GOOD "}\n",
	    ":4: `a/b` is no name for an account; write letters, digits, and - _ . @ + between them, " NO_TOKEN },
	{ "account \"..\" {\n" GOOD "}\n",
	    ":4: `..` is no name for an account; write letters, digits, and - _ . @ + between them, " NO_TOKEN },
	{ "account \"a.token\" {\n" GOOD "}\n",
	    ":4: `a.token` is no name for an account; write letters, digits, and - _ . @ + between them, " NO_TOKEN },
	{ "account a {\n" GOOD "}\naccount a {\n" GOOD "}\n",
	    ":5: there is a section with the title `a` already; give this one another" },
	{ "account a {\n" GOOD, ":4: the file ends inside a section; close it with }" },
	{ "account a {\nuser = \"a\\tb\"\nserver = x\n}\n",
	    ":2: user holds a character that is not printable\n:2: account `a` has no user; say who logs in" },
};

/* The expected lines, with the file's name before each. */
static void
with_path(const char *lines, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
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
	char problems[4096], expected[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		struct accounts accounts = { .all = (struct account *)&accounts, .count = 7 };
		struct error error;

		with_path(bad_files[i].problems, expected, sizeof(expected));
		assert_int_equal(
		    read_text(bad_files[i].text, &accounts, problems, sizeof(problems), &error), -1);
		assert_string_equal(problems, expected);
		assert_int_equal(error.kind, ERROR_PERMANENT);
		assert_memory_equal(error.text, problems,
		    strcspn(problems, "\n") < sizeof(error.text) ? strcspn(problems, "\n")
								 : sizeof(error.text) - 1);
		assert_int_equal(accounts.count, 7);
	}
}

static void
test_missing_file(void **state)
{
	struct accounts accounts;
	struct error error;

	(void)state;
	assert_int_equal(accounts_read(&accounts, "/nonexistent/config", NULL, 0, &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	assert_string_equal(error.text, "/nonexistent/config: No such file or directory");
	assert_int_equal(accounts_read(&accounts, "/dev", NULL, 0, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
}

/* What a section without its two necessary keys is. */
static void
test_defaults(void **state)
{
	struct accounts accounts;
	struct account plain;
	struct error error;
	char problems[1024];

	(void)state;
	setenv("HOME", "/home/anna/", 1);
	assert_int_equal(read_text("", &accounts, problems, sizeof(problems), &error), 0);
	assert_int_equal(accounts.count, 0);
	assert_int_equal(accounts.parallel, 4);
	accounts_free(&accounts);
	assert_int_equal(
	    read_text("account a {\n" GOOD "}\n", &accounts, problems, sizeof(problems), &error), 0);
	assert_int_equal(accounts.count, 1);
	account_defaults(&plain, "a");
	assert_string_equal(plain.place, "maildir:/home/anna/Maildir");
	assert_int_equal(plain.keep, KEEP_ALL);
	assert_int_equal(plain.security, ACCOUNT_TLS);
	assert_int_equal(plain.secret, ACCOUNT_SECRET_NONE);
	assert_int_equal(plain.pipelining, 1);
	assert_int_equal(plain.timeout_seconds, 60);
	assert_int_equal(plain.size_max, 0);
	assert_int_equal(plain.clear_password, 0);
	snprintf(plain.host, sizeof(plain.host), "pop.example.org");
	snprintf(plain.user, sizeof(plain.user), "anna");
	assert_memory_equal(&accounts.all[0], &plain, sizeof(plain));
	accounts_free(&accounts);
	assert_null(accounts.all);
}

static const struct {
	const char *server, *host;
	unsigned port;
} servers[] = {
	{ "pop.example.org", "pop.example.org", 0 },
	{ "pop.example.org:1995", "pop.example.org", 1995 },
	{ "192.0.2.1:65535", "192.0.2.1", 65535 },
	{ "2001:db8::1", "2001:db8::1", 0 },
	{ "[2001:db8::1]", "2001:db8::1", 0 },
	{ "[2001:db8::1]:110", "2001:db8::1", 110 },
};

static void
test_servers(void **state)
{
	struct accounts accounts;
	struct error error;
	char problems[1024], text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		snprintf(text, sizeof(text), "account a { server = \"%s\"\nuser = u\npin = \"%s\" }\n", servers[i].server,
		    i % 2 == 0 ? HEX_64 : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno+/=");
		assert_int_equal(read_text(text, &accounts, problems, sizeof(problems), &error), 0);
		assert_string_equal(accounts.all[0].host, servers[i].host);
		assert_int_equal(accounts.all[0].port, servers[i].port);
		accounts_free(&accounts);
	}
}

static const struct {
	const char *keep;
	enum account_keep kind;
	unsigned number;
} keeps[] = {
	{ "all", KEEP_ALL, 0 },
	{ "none", KEEP_NONE, 0 },
	{ "1 day", KEEP_DAYS, 1 },
	{ "30 days", KEEP_DAYS, 30 },
	{ "newest 100", KEEP_NEWEST, 100 },
};

static const struct {
	const char *text;
	uint64_t size;
} sizes[] = { { "0", 0 }, { "1000", 1000 }, { "2K", 2048 }, { "20M", 20971520 },
	{ "3G", UINT64_C(3221225472) } };

static void
test_keep_and_size(void **state)
{
	struct accounts accounts;
	struct error error;
	char problems[1024], text[256];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "account a { " GOOD "keep = \"%s\"\nsize_max = %s }\n",
		    keeps[i].keep, sizes[i].text);
		assert_int_equal(read_text(text, &accounts, problems, sizeof(problems), &error), 0);
		assert_int_equal(accounts.all[0].keep, keeps[i].kind);
		assert_int_equal(accounts.all[0].keep_number, keeps[i].number);
		assert_true(accounts.all[0].size_max == sizes[i].size);
		accounts_free(&accounts);
	}
}

static const struct {
	const char *line;
	enum account_secret kind;
	const char *value;
} secrets[] = {
	{ "password = \"s e\\\"cr\303\251t\"", ACCOUNT_SECRET_TEXT, "s e\"cr\303\251t" },
	{ "password_command = \"pass show mail\"", ACCOUNT_SECRET_COMMAND, "pass show mail" },
	{ "password_file = \"~/secret\"", ACCOUNT_SECRET_FILE, "/home/anna/secret" },
	{ "password_fd = 3", ACCOUNT_SECRET_FD, "3" },
	{ "password_keyring = kernel:mail", ACCOUNT_SECRET_KEYRING, "kernel:mail" },
	{ "password_keyring = desktop:mail", ACCOUNT_SECRET_KEYRING, "desktop:mail" },
	{ "password_credential = mail.password", ACCOUNT_SECRET_CREDENTIAL, "mail.password" },
	{ "password_netrc = /n", ACCOUNT_SECRET_NETRC, "/n" },
	{ "token_command = oauth", ACCOUNT_SECRET_NONE, "" },
	{ "oauth = microsoft", ACCOUNT_SECRET_NONE, "" },
};

static void
test_secrets(void **state)
{
	struct accounts accounts;
	struct error error;
	char problems[1024], text[256];

	(void)state;
	setenv("HOME", "/home/anna", 1);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		snprintf(text, sizeof(text), "account a {\n" GOOD "%s\n}\n", secrets[i].line);
		assert_int_equal(read_text(text, &accounts, problems, sizeof(problems), &error), 0);
		assert_int_equal(accounts.all[0].secret, secrets[i].kind);
		assert_string_equal(accounts.all[0].secret_value, secrets[i].value);
		assert_int_equal(accounts.all[0].secret_line, secrets[i].kind == ACCOUNT_SECRET_NONE ? 0 : 4);
		accounts_free(&accounts);
	}
}

/* Only a password in the file makes its mode matter. */
static void
test_mode(void **state)
{
	struct accounts accounts;
	struct error error;
	char problems[1024], expected[1024], complaint[512];

	(void)state;
	chmod(path, 0640);
	assert_int_equal(read_text("account a {\n" GOOD "password_command = x\n}\n", &accounts, problems,
			     sizeof(problems), &error),
	    0);
	accounts_free(&accounts);
	assert_int_equal(
	    read_text("account a {\n" GOOD "password = x\n}\n", &accounts, problems, sizeof(problems), &error),
	    -1);
	snprintf(complaint, sizeof(complaint),
	    ":4: there is a password in this file, and others can read it (mode 0640); "
	    "change the password if others did, and run: chmod 600 %s",
	    path);
	with_path(complaint, expected, sizeof(expected));
	assert_string_equal(problems, expected);
	chmod(path, 0600);
	assert_int_equal(
	    read_text("account a {\n" GOOD "password = x\n}\n", &accounts, problems, sizeof(problems), &error),
	    0);
	accounts_free(&accounts);
	if (getuid() != 0)
		return;
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(
	    read_text("account a {\n" GOOD "password = x\n}\n", &accounts, problems, sizeof(problems), &error),
	    -1);
	with_path(":4: there is a password in this file, which is somebody else's; it must be yours", expected,
	    sizeof(expected));
	assert_string_equal(problems, expected);
	assert_int_equal(chown(path, 0, 0), 0);
}

static void
test_doubts(void **state)
{
	struct accounts accounts;
	struct error error;
	char problems[1024], expected[1024], doubts[1024];

	(void)state;
	assert_int_equal(
	    read_text("account a {\n" GOOD "password = x\n}\naccount b {\n" GOOD
		      "security = clear\n}\naccount c {\n" GOOD "security = clear\nclear_password = yes }\n",
		&accounts, problems, sizeof(problems), &error),
	    0);
	assert_int_equal(accounts.count, 3);
	assert_ptr_equal(accounts_find(&accounts, "c"), &accounts.all[2]);
	assert_null(accounts_find(&accounts, "d"));
	accounts_doubts(&accounts, path, doubts, sizeof(doubts));
	with_path(": warning: account `c` sends its password in clear text; whoever is on the way can read it\n"
		  ":4: warning: the password of account `a` stands in this file, and in every copy of it; "
		  "password_command or password_keyring keep it elsewhere",
	    expected, sizeof(expected));
	assert_string_equal(doubts, expected);
	accounts_free(&accounts);
}

static const struct {
	const char *home, *config, *state, *expected_config, *expected_state;
} homes[] = {
	{ "/home/anna", NULL, NULL, "/home/anna/.config/restante/config", "/home/anna/.local/state/restante" },
	{ "/home/anna//", "", "", "/home/anna/.config/restante/config", "/home/anna/.local/state/restante" },
	{ "/home/anna", "/c", "/s", "/c/restante/config", "/s/restante" },
	{ "/home/anna", "c", "s", "/home/anna/.config/restante/config", "/home/anna/.local/state/restante" },
};

static void
set_or_unset(const char *name, const char *value)
{
	if (value != NULL)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void
test_places(void **state)
{
	char found[PATH_SIZE], small[8];
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
		set_or_unset("HOME", homes[i].home);
		set_or_unset("XDG_CONFIG_HOME", homes[i].config);
		set_or_unset("XDG_STATE_HOME", homes[i].state);
		assert_int_equal(accounts_path(found, &error), 0);
		assert_string_equal(found, homes[i].expected_config);
		assert_int_equal(accounts_state_directory(found, &error), 0);
		assert_string_equal(found, homes[i].expected_state);
	}
	assert_true(home_expand(found, sizeof(found), "~"));
	assert_string_equal(found, "/home/anna");
	assert_false(home_expand(found, sizeof(found), "~bert/x"));
	assert_false(home_expand(small, sizeof(small), "~/Maildir"));
	assert_false(home_expand(small, sizeof(small), "/12345678"));
}

/* Each row has its paragraph, with the limits of a number; and each paragraph its row. */
static void
test_manual(void **state)
{
	static char page[65536];
	FILE *file = manual_path != NULL ? fopen(manual_path, "r") : NULL;
	const struct config_key *tables[] = { accounts_keys, account_keys };
	size_t paragraphs = 0, rows = 0;
	char line[128];

	(void)state;
	assert_non_null(file);
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
	for (size_t i = 0; i < 2; i++) {
		for (const struct config_key *key = tables[i]; key->name != NULL; key++, rows++) {
			const char *paragraph;

			assert_true(strlen(key->help) > 10);
			snprintf(line, sizeof(line), "\n.It Ic %s\n", key->name);
			paragraph = strstr(page, line);
			if (paragraph == NULL)
				fail_msg("no paragraph for %s in restante-config(5)", key->name);
			if (key->type != CONFIG_NUMBER)
				continue;
			snprintf(line, sizeof(line), "\nFrom %" PRIu64 " to %" PRIu64 "; default: %s.",
			    key->minimum, key->maximum, key->fallback);
			if (strstr(paragraph, line) == NULL)
				fail_msg("no \"%s\" for %s", line + 1, key->name);
		}
	}
	for (const char *p = page; (p = strstr(p, "\n.It Ic ")) != NULL; p++)
		paragraphs++;
	assert_int_equal(paragraphs, rows);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_keep_and_size),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_manual),
	};
	int file = mkstemp(path), failed;

	if (file < 0)
		return 1;
	close(file);
	manual_path = argc > 1 ? argv[1] : NULL;
	setenv("HOME", "/home/anna", 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
