/* See unwire.h. */

#include "mail/unwire.h"

#include <string.h>

void
unwire_begin(struct unwire *unwire, bool lf_only)
{
	*unwire = (struct unwire){ .state = UNWIRE_START, .lf_only = lf_only };
}

/* Is the LF at text[index] a line end? */
static bool
is_line_end(const struct unwire *unwire, const char *text, size_t index)
{
	if (unwire->lf_only)
		return true;
	return index > 0 ? text[index - 1] == '\r' : unwire->is_behind_cr;
}

/* How much goes out as it is: up to a line end that a dot follows, or all. */
static size_t
run_size(const struct unwire *unwire, const char *text, size_t size)
{
	size_t offset = 0;

	for (;;) {
		const char *found = memmem(text + offset, size - offset, "\n.", 2);

		if (found == NULL)
			return size;
		offset = (size_t)(found - text) + 1;
		if (is_line_end(unwire, text, offset - 1))
			return offset;
	}
}

static void
take_run(struct unwire *unwire, const char **input, size_t *input_size, const char **piece, size_t *piece_size)
{
	size_t size = run_size(unwire, *input, *input_size);

	*piece = *input;
	*piece_size = size;
	unwire->state = (*input)[size - 1] == '\n' && is_line_end(unwire, *input, size - 1) ? UNWIRE_START
	    : UNWIRE_TEXT;
	unwire->is_behind_cr = (*input)[size - 1] == '\r';
	*input += size;
	*input_size -= size;
}

/* Does this octet belong to what may be the final dot? *is_end: it ends the message. */
static bool
is_held_back(struct unwire *unwire, char octet, bool *is_end)
{
	*is_end = octet == '\n' && (unwire->state == UNWIRE_DOT_CR ||
	    (unwire->state == UNWIRE_DOT && unwire->lf_only));
	if (unwire->state == UNWIRE_START && octet == '.')
		unwire->state = UNWIRE_DOT;
	else if (unwire->state == UNWIRE_DOT && octet == '\r')
		unwire->state = UNWIRE_DOT_CR;
	else
		return *is_end;
	return true;
}

enum unwire_status
unwire_take(struct unwire *unwire, const char **input, size_t *input_size, const char **piece,
    size_t *piece_size)
{
	bool is_end;

	while (*input_size > 0 && is_held_back(unwire, **input, &is_end)) {
		(*input)++;
		(*input_size)--;
		if (is_end)
			return UNWIRE_END;
	}
	if (*input_size == 0)
		return UNWIRE_MORE;
	if (unwire->state == UNWIRE_DOT_CR) {
		/* It was no final dot: the CR behind it is still to go out. No LF follows it. */
		*piece = "\r";
		*piece_size = 1;
		unwire->state = UNWIRE_TEXT;
		unwire->is_behind_cr = false;
	} else {
		take_run(unwire, input, input_size, piece, piece_size);
	}
	return UNWIRE_PIECE;
}
