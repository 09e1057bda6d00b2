/* Names of sessions and timestamps: their form, and that none comes twice. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "login/greeting.h"

#define SESSIONS (3 << 24)	/* past two draws of a new random part */

static void
test_timestamp_form(void **state)
{
	static const struct {
		const char *hostname, *domain;
	} rows[] = {
		{ "mail.example.org", "mail.example.org" },
		{ "under_score.example", "under-score.example" },
		{ "b\xc3\xbc" "cher.example", "b--cher.example" },
		{ "a@b<c>d e", "a-b-c-d-e" },
		{ "", "localhost" },
		{ "a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g23456789.h23456789."
		  "i23456789.j23456789.k23456789.l23456789.m23456789.example.org",
		  "a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g23456789.h23456789."
		  "i23456789.j" },
	};
	const char *first = greeting_domain(rows[0].hostname);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *domain = greeting_domain(rows[i].hostname);
		char text[TEXT_SIZE], *at;

		assert_string_equal(domain, rows[i].domain);
		greeting_timestamp(domain, UINT64_MAX, text);
		assert_memory_equal(text, "<ffffffffffffffff.", 18);
		at = strchr(text, '@');
		assert_non_null(at);
		assert_int_equal(strspn(text + 1, "0123456789abcdef."), at - text - 1);
		assert_int_equal(strncmp(at + 1, domain, strlen(domain)), 0);
		assert_string_equal(at + 1 + strlen(domain), ">");
	}
	/* Known again after others: connections that were greeted with it still have it. */
	assert_ptr_equal(greeting_domain(rows[0].hostname), first);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
test_sessions_are_unique(void **state)
{
	uint64_t *sessions = malloc(SESSIONS * sizeof(*sessions));
	struct error error;

	(void)state;
	assert_non_null(sessions);
	for (size_t i = 0; i < SESSIONS; i++) {
		/* A restart in the middle. */
		if (i == SESSIONS / 2)
			assert_int_equal(greeting_startup(&error), 0);
		sessions[i] = session_next();
	}
	qsort(sessions, SESSIONS, sizeof(*sessions), compare);
	assert_true(sessions[0] != 0);
	for (size_t i = 1; i < SESSIONS; i++)
		if (sessions[i] == sessions[i - 1])
			fail_msg("%llx came twice", (unsigned long long)sessions[i]);
	free(sessions);
}

static void
test_greeting(void **state)
{
	char buffer[512], expected[512], timestamp[TEXT_SIZE];
	const char *domain = greeting_domain("pop.example");
	struct writer w;

	(void)state;
	writer_init(&w, buffer, sizeof(buffer), NULL, NULL);
	greeting_write(&w, "ready", NULL, 7);
	greeting_write(&w, "ready", domain, 7);
	greeting_timestamp(domain, 7, timestamp);
	snprintf(expected, sizeof(expected), "+OK ready\r\n+OK ready %s\r\n", timestamp);
	assert_int_equal(w.used, strlen(expected));
	assert_memory_equal(buffer, expected, w.used);
}

static int
startup(void **state)
{
	struct error error;

	(void)state;
	return greeting_startup(&error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timestamp_form),
		cmocka_unit_test(test_sessions_are_unique),
		cmocka_unit_test(test_greeting),
	};

	return cmocka_run_group_tests(tests, startup, NULL);
}
