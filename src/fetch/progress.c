/* See progress.h. */

#include "fetch/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/text.h"

#define REFRESH_MILLISECONDS 100
#define LINE_SIZE            512
#define NAME_COLUMNS         20
#define LEFT_SECONDS_MAX     360000 /* nobody waits longer: the server lies, or the line has just begun */

struct slot {
	const char *account; /* NULL: free */
	struct progress_numbers numbers;
};

struct progress {
	FILE *terminal;
	unsigned columns, slot_count, drawn_count; /* lines */
	bool has_colour;
	uint64_t drawn_milliseconds;
	struct slot slots[];
};

static void
put_time_left(struct writer *out, uint64_t seconds)
{
	if (seconds >= 3600)
		writer_printf(out, "  %" PRIu64 ":%02u:%02u left", seconds / 3600,
		    (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
	else
		writer_printf(out, "  %u:%02u left", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
}

/* Nothing is said before there is something to reckon with. */
static void
put_rate(struct writer *out, const struct progress_numbers *numbers, uint64_t now)
{
	uint64_t elapsed = now > numbers->begin_milliseconds ? now - numbers->begin_milliseconds : 0;
	double rate, left;

	if (numbers->begin_milliseconds == 0 || elapsed < REFRESH_MILLISECONDS || numbers->octets_done == 0)
		return;
	rate = (double)numbers->octets_done * 1000 / (double)elapsed;
	writer_text(out, "  ");
	text_octets(out, (uint64_t)rate);
	writer_text(out, "/s");
	left = (double)(numbers->octets - numbers->octets_done) / rate;
	if (numbers->octets > numbers->octets_done && left < LEFT_SECONDS_MAX)
		put_time_left(out, (uint64_t)left);
}

void
progress_line(struct writer *out, const char *account, const struct progress_numbers *numbers, uint64_t now,
    unsigned columns)
{
	char line[LINE_SIZE];
	struct writer text;

	writer_init(&text, line, sizeof(line), NULL, NULL);
	writer_printf(&text, "%.*s  ", NAME_COLUMNS, account);
	if (numbers->message_count == 0) {
		writer_text(&text, "...");
	} else {
		writer_printf(
		    &text, "%" PRIu64 " of %" PRIu64 "  ", numbers->message_done_count, numbers->message_count);
		text_octets(&text, numbers->octets_done);
		writer_text(&text, " of ");
		text_octets(&text, numbers->octets);
		put_rate(&text, numbers, now);
	}
	writer_put(out, line, text.used < columns ? text.used : columns);
}

struct progress *
progress_new(FILE *terminal, unsigned columns, bool has_colour, unsigned slot_count)
{
	struct progress *progress = calloc(1, sizeof(*progress) + slot_count * sizeof(*progress->slots));

	if (progress == NULL)
		return NULL;
	progress->terminal = terminal;
	/* A line that fills the terminal to its edge would go on in the next. */
	progress->columns = columns > 1 ? columns - 1 : 79;
	progress->has_colour = has_colour;
	progress->slot_count = slot_count;
	return progress;
}

void
progress_free(struct progress *progress)
{
	free(progress);
}

void
progress_set(
    struct progress *progress, unsigned slot, const char *account, const struct progress_numbers *numbers)
{
	if (slot >= progress->slot_count)
		return;
	progress->slots[slot].account = account;
	if (numbers != NULL)
		progress->slots[slot].numbers = *numbers;
	else
		memset(&progress->slots[slot].numbers, 0, sizeof(progress->slots[slot].numbers));
}

void
progress_hide(struct progress *progress)
{
	for (; progress->drawn_count > 0; progress->drawn_count--)
		fputs("\033[A\r\033[K", progress->terminal);
	fflush(progress->terminal);
}

static void
draw(struct progress *progress, const struct slot *slot, uint64_t now)
{
	char line[LINE_SIZE];
	struct writer out;

	writer_init(&out, line, sizeof(line), NULL, NULL);
	progress_line(&out, slot->account, &slot->numbers, now, progress->columns);
	fprintf(progress->terminal, "%s%.*s%s\n", progress->has_colour ? "\033[36m" : "", (int)out.used, line,
	    progress->has_colour ? "\033[0m" : "");
	progress->drawn_count++;
}

void
progress_show(struct progress *progress, uint64_t now)
{
	progress_hide(progress);
	for (unsigned slot = 0; slot < progress->slot_count; slot++)
		if (progress->slots[slot].account != NULL)
			draw(progress, &progress->slots[slot], now);
	fflush(progress->terminal);
	progress->drawn_milliseconds = now;
}

void
progress_refresh(struct progress *progress, uint64_t now)
{
	if (now - progress->drawn_milliseconds >= REFRESH_MILLISECONDS)
		progress_show(progress, now);
}
