/* See state_line.h. */

#include "fetch/state_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "base/number.h"

#define CHECKSUM_DIGITS 16

/* What stands behind a verb, in this order; W and U can be told apart by the size before W in a move. */
static const struct {
	char letter;
	const char *fields;
} verbs[STATE_VERB_COUNT] = {
	[STATE_BEGIN] = { 'b', "VU" },
	[STATE_INTEND] = { 'i', "TOMHWU" },
	[STATE_STORED] = { 's', "TU" },
	[STATE_RECORD] = { 'r', "TAOMHFU" },
	[STATE_NOT_STORED] = { 'n', "U" },
	[STATE_DELETED] = { 'd', "U" },
	[STATE_MOVED] = { 'm', "LU" },
	[STATE_ABSENT] = { 'a', "TU" },
	[STATE_PRESENT] = { 'p', "U" },
	[STATE_FORGET] = { 'f', "U" },
	[STATE_FORGET_ALL] = { 'z', "" },
	[STATE_VALUE] = { 'v', "WX" },
	[STATE_END] = { 'e', "" },
};

#define VERSION "restante-state-1"

bool
state_text_valid(const char *text, size_t size_min, size_t size_max)
{
	size_t size = strnlen(text, size_max + 1);

	if (size < size_min || size > size_max)
		return false;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

bool
state_word_valid(const char *word, size_t size, size_t size_max)
{
	if (size == 0 || size > size_max)
		return false;
	for (size_t i = 0; i < size; i++)
		if (word[i] <= ' ' || word[i] >= 0x7f)
			return false;
	return true;
}

/* Reading: a cursor over the line; each returns false where the field is not there. */

struct cursor {
	const char *at, *end;
};

static bool
word_next_of(struct cursor *c, struct state_text *word)
{
	const char *space;

	if (c->at >= c->end || *c->at != ' ')
		return false;
	c->at++;
	space = memchr(c->at, ' ', (size_t)(c->end - c->at));
	word->octets = c->at;
	word->size = (size_t)((space != NULL ? space : c->end) - c->at);
	c->at += word->size;
	return word->size > 0;
}

static bool
number_next(struct cursor *c, uint64_t *number)
{
	char digits[NUMBER_DIGITS_MAX + 1];
	struct state_text word;

	if (!word_next_of(c, &word) || word.size > NUMBER_DIGITS_MAX)
		return false;
	memcpy(digits, word.octets, word.size);
	digits[word.size] = '\0';
	return number_parse(digits, number);
}

static bool
time_next(struct cursor *c, int64_t *time)
{
	uint64_t number;

	if (!number_next(c, &number) || number > INT64_MAX)
		return false;
	*time = (int64_t)number;
	return true;
}

static int
digit_value(char digit)
{
	return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* "-" is one that is not known. */
static bool
digest_next(struct cursor *c, uint8_t digest[STATE_DIGEST_SIZE])
{
	struct state_text word;

	if (!word_next_of(c, &word))
		return false;
	memset(digest, 0, STATE_DIGEST_SIZE);
	if (word.size == 1 && word.octets[0] == '-')
		return true;
	if (word.size != 2 * STATE_DIGEST_SIZE)
		return false;
	for (size_t i = 0; i < STATE_DIGEST_SIZE; i++) {
		int high = digit_value(word.octets[2 * i]), low = digit_value(word.octets[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
flags_next(struct cursor *c, struct state_line *line)
{
	struct state_text word;

	if (!word_next_of(c, &word))
		return false;
	line->is_skipped = memchr(word.octets, 'k', word.size) != NULL;
	line->is_deleted = memchr(word.octets, 'd', word.size) != NULL;
	return true;
}

/* The rest of the line, which may hold spaces. */
static bool
rest_take(struct cursor *c, struct state_text *text, size_t size_min, size_t size_max)
{
	if (c->at >= c->end || *c->at != ' ')
		return false;
	text->octets = c->at + 1;
	text->size = (size_t)(c->end - text->octets);
	c->at = c->end;
	if (text->size < size_min || text->size > size_max)
		return false;
	for (size_t i = 0; i < text->size; i++)
		if ((unsigned char)text->octets[i] < ' ' || text->octets[i] == 0x7f)
			return false;
	return true;
}

/* A UIDL that another follows: its size goes before it. */
static bool
uidl_next(struct cursor *c, struct state_text *text)
{
	uint64_t size;
	struct cursor part;

	if (!number_next(c, &size) || size > UIDL_OCTETS_MAX || size + 1 > (uint64_t)(c->end - c->at))
		return false;
	part = (struct cursor){ c->at, c->at + 1 + size };
	c->at = part.end;
	return rest_take(&part, text, 1, UIDL_OCTETS_MAX);
}

static bool
field_take(struct cursor *c, char field, struct state_line *line)
{
	struct state_text version;

	switch (field) {
	case 'T':
		return time_next(c, &line->time);
	case 'A':
		return time_next(c, &line->absent_time);
	case 'O':
		return number_next(c, &line->octets);
	case 'M':
		return digest_next(c, line->message_id_digest);
	case 'H':
		return digest_next(c, line->header_digest);
	case 'F':
		return flags_next(c, line);
	case 'W':
		return word_next_of(c, &line->word) &&
		    state_word_valid(line->word.octets, line->word.size, MARK_OCTETS_MAX);
	case 'L':
		return uidl_next(c, &line->word);
	case 'V':
		return word_next_of(c, &version) && version.size == strlen(VERSION) &&
		    memcmp(version.octets, VERSION, version.size) == 0;
	case 'U':
		return rest_take(c, &line->text, 1, UIDL_OCTETS_MAX);
	default:
		return rest_take(c, &line->text, 0, STATE_VALUE_OCTETS_MAX);
	}
}

static bool
checksum_fits(const char *line, size_t size)
{
	char digits[CHECKSUM_DIGITS + 1];

	if (size < CHECKSUM_DIGITS)
		return false;
	snprintf(digits, sizeof(digits), "%016" PRIx64,
	    XXH3_64bits(line + CHECKSUM_DIGITS, size - CHECKSUM_DIGITS));
	return memcmp(digits, line, CHECKSUM_DIGITS) == 0;
}

enum state_line_result
state_line_parse(struct state_line *line, const char *text, size_t size)
{
	struct cursor c = { text + CHECKSUM_DIGITS, text + size };
	struct state_text letter;
	int verb = 0;

	if (!checksum_fits(text, size))
		return STATE_LINE_DAMAGED;
	*line = (struct state_line){ .start = 0 };
	if (!number_next(&c, &line->start) || !word_next_of(&c, &letter) || letter.size != 1)
		return STATE_LINE_UNKNOWN;
	while (verb < STATE_VERB_COUNT && verbs[verb].letter != letter.octets[0])
		verb++;
	if (verb == STATE_VERB_COUNT)
		return STATE_LINE_UNKNOWN;
	line->verb = (enum state_verb)verb;
	for (const char *field = verbs[verb].fields; *field != '\0'; field++)
		if (!field_take(&c, *field, line))
			return STATE_LINE_UNKNOWN;
	return c.at == c.end ? STATE_LINE_GOOD : STATE_LINE_UNKNOWN;
}

/* Writing: sizes were checked by those who made the line. */

struct output {
	char *at;
};

static void
put_text(struct output *o, const char *octets, size_t size)
{
	*o->at++ = ' ';
	memcpy(o->at, octets, size);
	o->at += size;
}

static void
put_number(struct output *o, uint64_t number)
{
	*o->at++ = ' ';
	o->at = number_put(o->at, number);
}

static void
put_digest(struct output *o, const uint8_t digest[STATE_DIGEST_SIZE])
{
	static const uint8_t none[STATE_DIGEST_SIZE];
	static const char digits[] = "0123456789abcdef";

	*o->at++ = ' ';
	if (memcmp(digest, none, STATE_DIGEST_SIZE) == 0) {
		*o->at++ = '-';
		return;
	}
	for (size_t i = 0; i < STATE_DIGEST_SIZE; i++) {
		*o->at++ = digits[digest[i] >> 4];
		*o->at++ = digits[digest[i] & 15];
	}
}

static void
put_flags(struct output *o, const struct state_line *line)
{
	char flags[3];
	size_t size = 0;

	if (line->is_skipped)
		flags[size++] = 'k';
	if (line->is_deleted)
		flags[size++] = 'd';
	if (size == 0)
		flags[size++] = '-';
	put_text(o, flags, size);
}

static void
put_field(struct output *o, char field, const struct state_line *line)
{
	switch (field) {
	case 'T':
		put_number(o, (uint64_t)line->time);
		return;
	case 'A':
		put_number(o, (uint64_t)line->absent_time);
		return;
	case 'O':
		put_number(o, line->octets);
		return;
	case 'M':
		put_digest(o, line->message_id_digest);
		return;
	case 'H':
		put_digest(o, line->header_digest);
		return;
	case 'F':
		put_flags(o, line);
		return;
	case 'L':
		put_number(o, line->word.size);
		put_text(o, line->word.octets, line->word.size);
		return;
	case 'W':
		put_text(o, line->word.octets, line->word.size);
		return;
	case 'V':
		put_text(o, VERSION, strlen(VERSION));
		return;
	default:
		put_text(o, line->text.octets, line->text.size);
		return;
	}
}

size_t
state_line_write(const struct state_line *line, char text[STATE_LINE_SIZE])
{
	struct output o = { text + CHECKSUM_DIGITS };
	char digits[CHECKSUM_DIGITS + 1];

	put_number(&o, line->start);
	put_text(&o, &verbs[line->verb].letter, 1);
	for (const char *field = verbs[line->verb].fields; *field != '\0'; field++)
		put_field(&o, *field, line);
	snprintf(digits, sizeof(digits), "%016" PRIx64,
	    XXH3_64bits(text + CHECKSUM_DIGITS, (size_t)(o.at - text) - CHECKSUM_DIGITS));
	memcpy(text, digits, CHECKSUM_DIGITS);
	*o.at++ = '\n';
	return (size_t)(o.at - text);
}
