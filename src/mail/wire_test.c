/*
 * Stored octets against wire octets, whole and cut into pieces at every place, and the size
 * against what was really written.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mail/wire.h"

#define ALL UINT64_MAX

static const struct {
	const char *stored;
	uint64_t body_lines;
	const char *wire;
} cases[] = {
	{ "", ALL, ".\r\n" },
	{ "a", ALL, "a\r\n.\r\n" },
	{ "a\n", ALL, "a\r\n.\r\n" },
	{ "a\r\n", ALL, "a\r\n.\r\n" },
	{ "a\r", ALL, "a\r\n.\r\n" },
	{ "a\rb\n", ALL, "a\rb\r\n.\r\n" },
	{ "a\n\nb\r\nc\n", ALL, "a\r\n\r\nb\r\nc\r\n.\r\n" },
	{ ".\n", ALL, "..\r\n.\r\n" },
	{ ".\r\n..\n.a", ALL, "..\r\n...\r\n..a\r\n.\r\n" },
	{ "a.\n.\nb", ALL, "a.\r\n..\r\nb\r\n.\r\n" },
	{ "\n", ALL, "\r\n.\r\n" },
	{ "\n\n\n", ALL, "\r\n\r\n\r\n.\r\n" },
	{ "a\r\r\nb\n", ALL, "a\r\r\nb\r\n.\r\n" },
	/* TOP: the header, the empty line, and so many lines of the body */
	{ "h: 1\n\nb1\nb2\n", 0, "h: 1\r\n\r\n.\r\n" },
	{ "h: 1\r\n\r\nb1\r\nb2\r\n", 0, "h: 1\r\n\r\n.\r\n" },
	{ "h: 1\n\nb1\nb2\n", 1, "h: 1\r\n\r\nb1\r\n.\r\n" },
	{ "h: 1\n\nb1\nb2\n", 2, "h: 1\r\n\r\nb1\r\nb2\r\n.\r\n" },
	{ "h: 1\n\nb1\nb2", 2, "h: 1\r\n\r\nb1\r\nb2\r\n.\r\n" },
	{ "h: 1\n\nb1\nb2\n", 99999999, "h: 1\r\n\r\nb1\r\nb2\r\n.\r\n" },
	{ "h: 1\n\n\n\nb\n", 1, "h: 1\r\n\r\n\r\n.\r\n" },
	{ "h: 1\n", 0, "h: 1\r\n.\r\n" },
	{ "h: 1", 5, "h: 1\r\n.\r\n" },
	{ "\nbody\n", 0, "\r\n.\r\n" },
	{ "h: 1\n\r\nb\n", 0, "h: 1\r\n\r\n.\r\n" },
	{ "h: 1\n\rx\n\nb\n", 0, "h: 1\r\n\rx\r\n\r\n.\r\n" },
	{ "h: 1\n\n.b\n", 1, "h: 1\r\n\r\n..b\r\n.\r\n" },
};

/* What a client counts: the octets before the final dot, with doubled dots made single. */
static uint64_t
octets_received(const char *wire, size_t size)
{
	uint64_t octets = size - 3;

	for (size_t i = 0; i < size - 3; i++)
		octets -= wire[i] == '.' && (i == 0 || wire[i - 1] == '\n');
	return octets;
}

static size_t
convert(const char *stored, size_t size, size_t cut, uint64_t body_lines, char *output,
    size_t output_size)
{
	struct writer w;
	struct wire wire;
	uint64_t sent;

	writer_init(&w, output, output_size, NULL, NULL);
	wire_begin(&wire, body_lines);
	if (wire_put(&wire, &w, stored, cut))
		wire_put(&wire, &w, stored + cut, size - cut);
	sent = wire_end(&wire, &w);
	assert_false(w.failed);
	assert_int_equal(sent, octets_received(output, w.used));
	return w.used;
}

static void
test_cases_cut_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = strlen(cases[i].stored);

		for (size_t cut = 0; cut <= size; cut++) {
			char output[200];
			size_t used = convert(cases[i].stored, size, cut, cases[i].body_lines, output,
			    sizeof(output) - 1);

			output[used] = '\0';
			assert_string_equal(output, cases[i].wire);
		}
	}
}

static void
test_nul_passes_through(void **state)
{
	char output[20];

	(void)state;
	assert_int_equal(convert("a\0b\n", 4, 2, ALL, output, sizeof(output)), 8);
	assert_memory_equal(output, "a\0b\r\n.\r\n", 8);
}

static void
test_size_is_what_is_sent(void **state)
{
	static const char alphabet[] = "\r\n.a\n\r";

	(void)state;
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		size_t size = (size_t)random() % 24, cut = size == 0 ? 0 : (size_t)random() % size;
		char stored[24], output[100];
		struct wire_size wire_size;
		size_t used;

		for (size_t i = 0; i < size; i++)
			stored[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		used = convert(stored, size, cut, ALL, output, sizeof(output));
		wire_size_begin(&wire_size);
		wire_size_add(&wire_size, stored, cut);
		wire_size_add(&wire_size, stored + cut, size - cut);
		assert_int_equal(wire_size_end(&wire_size), octets_received(output, used));
	}
}

struct sink {
	char text[4000];
	size_t used;
};

static int
sink_take(void *context, const char *data, size_t size)
{
	struct sink *sink = context;

	assert_true(size <= sizeof(sink->text) - sink->used);
	memcpy(sink->text + sink->used, data, size);
	sink->used += size;
	return 0;
}

/* The writer's buffer may be of any size from 2 octets on. */
static void
test_through_a_small_writer(void **state)
{
	static const char alphabet[] = "\r\n.aaaaaaaaaaaaaaaaaaaaaa\n";
	char stored[1000], whole[4000], buffer[400];

	(void)state;
	srandom(2);
	for (size_t room = 2; room < sizeof(buffer); room++) {
		struct sink sink = { .used = 0 };
		struct writer w;
		struct wire wire;
		size_t used;

		for (size_t i = 0; i < sizeof(stored); i++)
			stored[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		used = convert(stored, sizeof(stored), room, ALL, whole, sizeof(whole));
		writer_init(&w, buffer, room, sink_take, &sink);
		wire_begin(&wire, ALL);
		assert_true(wire_put(&wire, &w, stored, sizeof(stored)));
		assert_int_equal(wire_end(&wire, &w), octets_received(whole, used));
		assert_true(writer_flush(&w));
		assert_int_equal(sink.used, used);
		assert_memory_equal(sink.text, whole, used);
	}
}

/* Only what needs no change at all may be sent as it is. */
static void
test_is_it_in_wire_form_already(void **state)
{
	static const struct {
		const char *stored;
		bool so;
	} forms[] = {
		{ "", true },
		{ "a\r\n", true },
		{ "a\r\n\r\nb.\r\n", true },
		{ "a\rb\r\r\n", true },
		{ "a\n", false },
		{ "a\r\nb\n", false },
		{ "a\r\nb", false },
		{ "a\r\nb\r", false },
		{ ".\r\n", false },
		{ "a\r\n.b\r\n", false },
		{ "\n", false },
		{ "\r\n.", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t size = strlen(forms[i].stored);

		for (size_t cut = 0; cut <= size; cut++) {
			struct wire_size wire_size;
			struct wire wire;
			struct writer w;
			char output[100];

			wire_size_begin(&wire_size);
			wire_size_add(&wire_size, forms[i].stored, cut);
			wire_size_add(&wire_size, forms[i].stored + cut, size - cut);
			assert_int_equal(wire_size_is_stored_so(&wire_size), forms[i].so);
			writer_init(&w, output, sizeof(output), NULL, NULL);
			wire_begin(&wire, ALL);
			wire_put(&wire, &w, forms[i].stored, cut);
			wire_put(&wire, &w, forms[i].stored + cut, size - cut);
			wire_end(&wire, &w);
			assert_int_equal(wire_was_stored_so(&wire), forms[i].so);
		}
	}
}

static void
test_enough_is_said(void **state)
{
	char buffer[100];
	struct writer w;
	struct wire wire;

	(void)state;
	writer_init(&w, buffer, sizeof(buffer), NULL, NULL);
	wire_begin(&wire, 1);
	assert_true(wire_put(&wire, &w, "h: 1\n\n", 6));
	assert_false(wire_put(&wire, &w, "b1\nb2\n", 6));
	writer_init(&w, buffer, 2, NULL, NULL);
	wire_begin(&wire, ALL);
	assert_false(wire_put(&wire, &w, "abc\n", 4));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_cut_everywhere),
		cmocka_unit_test(test_nul_passes_through),
		cmocka_unit_test(test_size_is_what_is_sent),
		cmocka_unit_test(test_through_a_small_writer),
		cmocka_unit_test(test_is_it_in_wire_form_already),
		cmocka_unit_test(test_enough_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
