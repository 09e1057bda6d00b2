/*
 * Every way to find line ends against one that looks at each octet alone: random and adversarial
 * text, at every alignment, cut at every place, into every room.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mail/lines.h"

#define TEXT_MAX 700
#define GUARD    64

/* What a message is made of here, one octet after the other; the last is cut off. */
static const char *const alphabets[] = {
	"\n", "\r", ".", "\r\n", "\n.", "\r\n.", "\n\r.a", "aaaaaaaaaaaaaaaaaaaa\n.",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", "\x8a\x8d\xae\n\r.", "\v\f-/\t\x0e\n\r.",
};

struct result {
	struct line_counts counts;
	size_t done, used;
	char output[2 * TEXT_MAX];
};

/* One octet after the other; stops where the next does not fit with what goes before it. */
static void
reference(struct result *result, size_t room, const char *text, size_t size, char before)
{
	memset(result, 0, sizeof(*result));
	for (; result->done < size; result->done++) {
		char octet = text[result->done];
		bool bare = octet == '\n' && before != '\r', dot = octet == '.' && before == '\n';

		if (result->used + 1 + (bare || dot) > room)
			return;
		if (bare || dot)
			result->output[result->used++] = bare ? '\r' : '.';
		result->counts.bare_count += bare;
		result->counts.dot_count += dot;
		result->output[result->used++] = before = octet;
	}
}

static void
assert_same(const struct lines *lines, const struct result *expected, size_t room, const char *text,
    size_t size, char before)
{
	struct line_counts counts = { 0 };
	char *output = malloc(room + GUARD);	/* AddressSanitizer watches its end, GUARD what it may not */
	size_t done;

	assert_non_null(output);
	memset(output, 'G', room + GUARD);
	done = lines->convert(&counts, output, room, text, size, before);
	if (done != expected->done || counts.bare_count != expected->counts.bare_count ||
	    counts.dot_count != expected->counts.dot_count ||
	    memcmp(output, expected->output, expected->used) != 0)
		fail_msg("%s: %zu octets into %zu: %zu done", lines->name, size, room, done);
	for (size_t i = 0; i < GUARD; i++)
		assert_int_equal(output[room + i], 'G');
	free(output);
}

static void
assert_all_same(const char *text, size_t size, char before, size_t room)
{
	struct result expected;

	reference(&expected, room, text, size, before);
	for (const struct lines *const *lines = lines_table; *lines != NULL; lines++) {
		struct line_counts counts = { 0 };

		if (!(*lines)->usable())
			continue;
		assert_same(*lines, &expected, room, text, size, before);
		if (expected.done < size)
			continue;
		(*lines)->count(&counts, text, size, before);
		assert_int_equal(counts.bare_count, expected.counts.bare_count);
		assert_int_equal(counts.dot_count, expected.counts.dot_count);
	}
}

/* So placed that AddressSanitizer sees a read beyond its end. */
static char *
text_make(const char *alphabet, size_t size)
{
	char *text = malloc(size + (size == 0));
	size_t letter_count = strlen(alphabet);

	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = alphabet[(size_t)random() % letter_count];
	return text;
}

static void
test_every_alphabet_at_every_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++)
		for (size_t size = 0; size < 330; size++) {
			char *text = text_make(alphabets[i], size);

			assert_all_same(text, size, "\n\ra"[size % 3], 2 * TEXT_MAX);
			free(text);
		}
}

static void
test_every_alignment(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++)
		for (size_t start = 0; start < 64; start++) {
			char *text = text_make(alphabets[i], 300 + start);

			assert_all_same(text + start, 300, '\n', 2 * TEXT_MAX);
			free(text);
		}
}

static void
test_every_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++)
		for (size_t room = 0; room < 500; room++) {
			char *text = text_make(alphabets[i], 400);

			assert_all_same(text, 400, '\n', room);
			free(text);
		}
}

/* One LF, CR LF, or LF dot at every place of a text that has nothing else, before every octet. */
static void
test_one_place_among_others(void **state)
{
	static const char *const places[] = { "\n", "\r\n", "\n.", "\r\n.", ".", "\r", "\r\r\n.", "\n\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		for (size_t at = 0; at + 4 < 260; at++) {
			char text[260];

			memset(text, 'a', sizeof(text));
			memcpy(text + at, places[i], strlen(places[i]));
			for (size_t before = 0; before < 4; before++)
				assert_all_same(text, sizeof(text), "\n\r.a"[before], 2 * TEXT_MAX);
		}
}

/* Two pieces come to the same as one, wherever the cut is: the octet before is all that matters. */
static void
test_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++)
		for (size_t cut = 0; cut <= 300; cut++) {
			char *text = text_make(alphabets[i], 300);
			struct result whole;

			reference(&whole, 2 * TEXT_MAX, text, 300, '\n');
			for (const struct lines *const *lines = lines_table; *lines != NULL; lines++) {
				struct line_counts counts = { 0 }, sum = { 0 };
				char output[2 * TEXT_MAX];
				size_t used;

				if (!(*lines)->usable())
					continue;
				(*lines)->convert(&counts, output, sizeof(output), text, cut, '\n');
				used = cut + counts.bare_count + counts.dot_count;
				(*lines)->convert(&counts, output + used, sizeof(output) - used,
				    text + cut, 300 - cut, cut > 0 ? text[cut - 1] : '\n');
				assert_memory_equal(output, whole.output, whole.used);
				(*lines)->count(&sum, text, cut, '\n');
				(*lines)->count(&sum, text + cut, 300 - cut, cut > 0 ? text[cut - 1] : '\n');
				assert_memory_equal(&sum, &whole.counts, sizeof(sum));
				assert_memory_equal(&counts, &whole.counts, sizeof(counts));
			}
			free(text);
		}
}

static void
test_there_is_always_one(void **state)
{
	size_t usable_count = 0;

	(void)state;
	for (const struct lines *const *lines = lines_table; *lines != NULL; lines++) {
		print_message("%s: %s\n", (*lines)->name, (*lines)->usable() ? "tested" : "NOT TESTED");
		usable_count += (*lines)->usable();
	}
	assert_true(usable_count > 0);
	assert_true(lines_memchr.usable());
	assert_true(lines_best()->usable());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_alphabet_at_every_size),
		cmocka_unit_test(test_every_alignment),
		cmocka_unit_test(test_every_room),
		cmocka_unit_test(test_one_place_among_others),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_there_is_always_one),
	};

	srandom(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
