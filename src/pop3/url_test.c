/* POP URLs: the examples of RFC 2384, others, and what is none. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pop3/url.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* written NULL: as the text. */
static const struct {
	const char *text;
	bool tls;
	const char *host;
	unsigned port;
	const char *user, *mechanism, *written;
} cases[] = {
	{ "pop://rg@mailsrv.qualcomm.com", false, "mailsrv.qualcomm.com", 0, "rg", "", NULL },
	{ "pop://rg;AUTH=+APOP@mail.eudora.com:8110", false, "mail.eudora.com", 8110, "rg", "+APOP", NULL },
	{ "pop://baz;AUTH=SCRAM-MD5@foo.bar", false, "foo.bar", 0, "baz", "SCRAM-MD5", NULL },
	{ "pops://anna@mail.example.org", true, "mail.example.org", 0, "anna", "", NULL },
	{ "POP://anna;auth=*@mail.example.org/", false, "mail.example.org", 0, "anna", "*",
	    "pop://anna;AUTH=*@mail.example.org" },
	{ "pop://;AUTH=GSSAPI@h", false, "h", 0, "", "GSSAPI", NULL },
	{ "pop://h:1", false, "h", 1, "", "", NULL },
	{ "pop://h:65535", false, "h", 65535, "", "", NULL },
	{ "pop://anna%40example.org@h", false, "h", 0, "anna@example.org", "", NULL },
	{ "pop://a%3Ab%2fc%3b%20d%25@h", false, "h", 0, "a:b/c; d%", "", "pop://a%3Ab%2Fc%3B%20d%25@h" },
	{ "pop://gr%C3%BC%C3%9F@h", false, "h", 0, "gr\xc3\xbc\xc3\x9f", "", NULL },
	{ "pop://anna@[2001:db8::1]:110", false, "2001:db8::1", 110, "anna", "", NULL },
	{ "pop://anna@[::1]", false, "::1", 0, "anna", "", NULL },
	{ "pop://anna;AUTH=scram-sha-256@h", false, "h", 0, "anna", "SCRAM-SHA-256", "pop://anna;AUTH=SCRAM-SHA-256@h" },
};

static void
test_urls(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *written = cases[i].written != NULL ? cases[i].written : cases[i].text;
		struct writer w;
		struct error error;
		struct pop_url url;
		char buffer[200];

		if (pop_url_parse(&url, cases[i].text, &error) < 0)
			fail_msg("%s: %s", cases[i].text, error.text);
		assert_int_equal(url.tls, cases[i].tls);
		assert_string_equal(url.host, cases[i].host);
		assert_int_equal(url.port, cases[i].port);
		assert_string_equal(url.user, cases[i].user);
		assert_string_equal(url.mechanism, cases[i].mechanism);
		writer_init(&w, buffer, sizeof(buffer), NULL, NULL);
		assert_true(pop_url_write(&url, &w));
		assert_int_equal(w.used, strlen(written));
		assert_memory_equal(buffer, written, w.used);
		writer_init(&w, buffer, strlen(written) - 1, NULL, NULL);
		assert_false(pop_url_write(&url, &w));
	}
}

static const struct {
	const char *text, *problem;	/* a word of the error */
} wrong[] = {
	{ "", "begins with" },
	{ "imap://h", "begins with" },
	{ "pop:h", "begins with" },
	{ "pop://", "no host" },
	{ "pop://anna@", "no host" },
	{ "pop://anna@:110", "no host" },
	{ "pop://anna:secret@h", "password" },
	{ "pop://anna:secret;AUTH=PLAIN@h", "password" },
	{ "pop://h:0", "port" },
	{ "pop://h:65536", "port" },
	{ "pop://h:", "port" },
	{ "pop://h:110x", "port" },
	{ "pop://anna@h/1", "path" },
	{ "pop://anna;TYPE=x@h", "AUTH=" },
	{ "pop://anna;AUTH=@h", "no mechanism" },
	{ "pop://anna;AUTH=+FOO@h", "no mechanism" },
	{ "pop://anna;AUTH=A%20B@h", "no mechanism" },
	{ "pop://anna;AUTH=ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG@h", "too long" },
	{ "pop://a@b@h", "%40" },
	{ "pop://a/b@h", "%2F" },
	{ "pop://anna%@h", "hex" },
	{ "pop://anna%4@h", "hex" },
	{ "pop://anna%0d%0aDELE@h", "control" },
	{ "pop://anna%00@h", "control" },
	{ "pop://a\nb@h", "control" },
	{ "pop://anna@h st", "no host" },
	{ "pop://anna@[::1", "]" },
	{ "pop://anna@[::1]x", "behind the host" },
	{ "pop://anna@[[1]", "no host" },
};

static void
test_what_is_no_pop_url(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct pop_url url = { .port = 7 };
		struct error error;

		if (pop_url_parse(&url, wrong[i].text, &error) == 0)
			fail_msg("%s was taken", wrong[i].text);
		if (strstr(error.text, wrong[i].problem) == NULL)
			fail_msg("%s: %s", wrong[i].text, error.text);
		assert_int_equal(url.port, 7);
	}
}

static void
test_long_ones(void **state)
{
	char text[2000] = "pop://";
	struct pop_url url;
	struct error error;

	(void)state;
	memset(text + 6, 'h', HOST_SIZE);
	assert_int_equal(pop_url_parse(&url, text, &error), -1);
	text[6 + HOST_SIZE - 1] = '\0';
	assert_int_equal(pop_url_parse(&url, text, &error), 0);
	memset(text + 6, 'h', sizeof(text) - 7);
	assert_int_equal(pop_url_parse(&url, text, &error), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_what_is_no_pop_url),
		cmocka_unit_test(test_long_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
