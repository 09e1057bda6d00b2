/*
 * How fast stored messages become wire form, and are counted: each way to find line ends (see
 * mail/lines.h) beside a memcpy() of the same octets.
 *
 *	wire [SECONDS]	    for a round of a measurement, 0.02 unless told
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mail/lines.h"

#define PIECE_SIZE (32 * 1024)	/* what the maildrop process reads and writes at once */
#define TEXT_SIZE  (PIECE_SIZE * 8)
#define ROUNDS     20

struct text {
	const char *name;
	const char *line_end;
	size_t line_min, line_max;
	char octets[TEXT_SIZE];
};

static struct text texts[] = {
	{ "LF, 76 octets a line (base64)", "\n", 76, 76, { 0 } },
	{ "LF, 0 to 76 octets a line (text)", "\n", 0, 76, { 0 } },
	{ "CRLF, 76 octets a line", "\r\n", 76, 76, { 0 } },
	{ "CRLF, 0 to 76 octets a line", "\r\n", 0, 76, { 0 } },
	{ "LF, 0 to 3 octets a line", "\n", 0, 3, { 0 } },
};

static char output[2 * PIECE_SIZE];
static double seconds = 0.02;

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void
text_fill(struct text *text)
{
	size_t used = 0, end_size = strlen(text->line_end);

	while (used < TEXT_SIZE) {
		size_t length = text->line_min +
		    (size_t)random() % (text->line_max - text->line_min + 1);

		for (size_t i = 0; i < length + end_size && used < TEXT_SIZE; i++)
			text->octets[used++] = i < length ? (char)('.' + random() % 70)
			                                  : text->line_end[i - length];
	}
}

static void
run_copy(const struct lines *lines, const char *piece)
{
	(void)lines;
	memcpy(output, piece, PIECE_SIZE);
	__asm__ volatile("" ::: "memory");
}

static void
run_convert(const struct lines *lines, const char *piece)
{
	struct line_counts counts = { 0 };

	lines->convert(&counts, output, sizeof(output), piece, PIECE_SIZE, '\n');
	__asm__ volatile("" ::: "memory");
}

static void
run_count(const struct lines *lines, const char *piece)
{
	struct line_counts counts = { 0 };

	lines->count(&counts, piece, PIECE_SIZE, '\n');
	__asm__ volatile("" : : "r"(counts.bare_count) : "memory");
}

/* Gigaoctets a second of processor time: the best of many rounds, for others may be busy here. */
static double
rate(void (*run)(const struct lines *, const char *piece), const struct lines *lines,
    const struct text *text)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		double began = now(), octets = 0, passed;

		do {
			for (size_t i = 0; i < TEXT_SIZE; i += PIECE_SIZE)
				run(lines, text->octets + i);
			octets += TEXT_SIZE;
			passed = now() - began;
		} while (passed < seconds);
		best = octets / passed > best ? octets / passed : best;
	}
	return best / 1e9;
}

int
main(int argc, char *argv[])
{
	if (argc > 1)
		seconds = strtod(argv[1], NULL);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		double copy;

		text_fill(&texts[i]);
		copy = rate(run_copy, NULL, &texts[i]);
		printf("%s\n  memcpy %38.1f GB/s\n", texts[i].name, copy);
		for (const struct lines *const *lines = lines_table; *lines != NULL; lines++) {
			double convert = rate(run_convert, *lines, &texts[i]);
			double count = rate(run_count, *lines, &texts[i]);

			if ((*lines)->usable())
				printf("  %-8s convert %6.1f GB/s %5.2f of memcpy   count %6.1f GB/s\n",
				    (*lines)->name, convert, convert / copy, count);
		}
	}
	return 0;
}
