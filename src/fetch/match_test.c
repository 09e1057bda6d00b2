/* Matching the messages of a server that was migrated. */

#include "fetch/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct digests {
	uint8_t message_id[LOOK_DIGEST_SIZE], header[LOOK_DIGEST_SIZE];
};

static void
digests_of(const char *text, size_t step, struct digests *digests)
{
	struct look *look = look_new();
	size_t size = strlen(text);

	assert_non_null(look);
	for (size_t at = 0; at < size; at += step)
		look_add(look, text + at, size - at < step ? size - at : step);
	look_end(look, digests->message_id, digests->header);
	look_free(look);
}

static const char basic[] = "From: Anna <anna@example.org>\r\nSubject: one two\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n";

static const struct {
	const char *text;
	bool same_header, same_message_id;
} looks[] = {
	{ "From: Anna <anna@example.org>\nSubject: one two\nMessage-ID: <1@x>\n\nother body\n", true, true },
	{ "From: Anna <anna@example.org>\r\nSubject: one\r\n two\r\nMessage-ID:\r\n\t<1@x>\r\n\r\n", true, true },
	{ "FROM:Anna  <anna@example.org>  \r\nsubject : one two\r\nMessage-Id: <1@x>\r\n", true, true },
	{ "Return-Path: <x@y>\r\nDelivered-To: z\r\nReceived: from a\r\n by b\r\nX-UIDL: 77\r\nStatus: RO\r\n"
	  "From: Anna <anna@example.org>\r\nX-Mozilla-Status: 0001\r\nSubject: one two\r\nMessage-ID: <1@x>\r\n"
	  "X-Spam-Flag: NO\r\n\r\n", true, true },
	{ "From: Anna <anna@example.org>\r\nSubject: one  three\r\nMessage-ID: <1@x>\r\n\r\n", false, true },
	{ "From: Anna <anna@example.org>\r\nSubject: onetwo\r\nMessage-ID: <1@x>\r\n\r\n", false, true },
	{ "From: Anna <anna@example.org>\r\nSubject: one two\r\nMessage-ID: <2@x>\r\n\r\n", false, false },
	{ "From: Anna <anna@example.org>\r\nMessage-ID: <1@x>\r\n\r\nSubject: one two\r\n", false, true },
	{ "From: Anna <anna@example.org>\r\nSubject: one two\r\nMessage-ID: <1@x>\r\nMessage-ID: <2@x>\r\n", false, true },
};

static void
test_headers(void **state)
{
	struct digests wanted, is;

	(void)state;
	digests_of(basic, sizeof(basic), &wanted);
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		for (size_t step = 1; step < 8; step++) {
			digests_of(looks[i].text, step, &is);
			if ((memcmp(is.header, wanted.header, LOOK_DIGEST_SIZE) == 0) != looks[i].same_header ||
			    (memcmp(is.message_id, wanted.message_id, LOOK_DIGEST_SIZE) == 0) != looks[i].same_message_id)
				fail_msg("case %zu by %zu", i, step);
		}
}

static void
test_nothing_is_no_digest(void **state)
{
	static const uint8_t none[LOOK_DIGEST_SIZE];
	struct digests is;

	(void)state;
	digests_of("\r\nFrom: x\r\n", 100, &is);
	assert_memory_equal(is.header, none, LOOK_DIGEST_SIZE);
	assert_memory_equal(is.message_id, none, LOOK_DIGEST_SIZE);
	digests_of("From: x\r\n\r\n", 100, &is);
	assert_memory_not_equal(is.header, none, LOOK_DIGEST_SIZE);
	assert_memory_equal(is.message_id, none, LOOK_DIGEST_SIZE);
}

/* "uidl header message-id octets", a digit each; '0' is unknown. */
static size_t
messages_make(const char *words, struct match_message messages[], char uidls[][2])
{
	size_t count = 0;

	for (; *words != '\0'; words += 4 + (words[4] == ' '), count++) {
		messages[count] = (struct match_message){ .uidl = uidls[count],
			.octets = (uint64_t)(words[3] - '0') };
		snprintf(uidls[count], 2, "%c", words[0]);
		messages[count].header_digest[0] = (uint8_t)(words[1] - '0');
		messages[count].message_id_digest[0] = (uint8_t)(words[2] - '0');
	}
	return count;
}

static const struct {
	const char *known, *listed, *pairs;	/* each pair is old and new, in the order of the digests */
} matches[] = {
	{ "a111 b222", "x222 y111", "ay bx" },
	{ "a111", "x119", "ax" },		/* a size is a hint */
	{ "a101", "x109", "" },			/* but without a Message-ID it must be right */
	{ "a101", "x101", "ax" },
	{ "a011", "x011", "" },			/* without a header nothing is the same */
	{ "a111", "x121", "" },
	{ "a111", "x211", "" },
	{ "a111 b112", "x112 y111", "ay bx" },
	{ "a111 b111", "x111 y111", "ax by" },	/* whichever is which */
	{ "a111", "x111 y111", "" },		/* one of them is new */
	{ "a111 b111", "x111", "" },
	{ "a111 b112", "x113 y112", "by" },
	{ "", "x111", "" },
	{ "a111", "", "" },
};

static void
test_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		struct match_message known[8], listed[8];
		char known_uidls[8][2], listed_uidls[8][2], text[64] = "";
		size_t known_count = messages_make(matches[i].known, known, known_uidls);
		size_t listed_count = messages_make(matches[i].listed, listed, listed_uidls);
		struct match_pair pairs[8];
		ptrdiff_t count = match_messages(known, known_count, listed, listed_count, pairs);

		for (ptrdiff_t j = 0; j < count; j++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%s", j > 0 ? " " : "",
			    pairs[j].old_uidl, pairs[j].new_uidl);
		if (strcmp(text, matches[i].pairs) != 0)
			fail_msg("case %zu: \"%s\" and not \"%s\"", i, text, matches[i].pairs);
	}
}

static void
test_when_it_is_due(void **state)
{
	(void)state;
	assert_true(match_is_due(10, 0, 5));
	assert_false(match_is_due(10, 1, 5));
	assert_false(match_is_due(10, 0, 0));
	assert_false(match_is_due(0, 0, 5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_nothing_is_no_digest),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_when_it_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
