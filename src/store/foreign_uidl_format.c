/* See foreign_uidl_format.h. */

#include "store/foreign_uidl_format.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/md5.h>

#define WIDTH_MAX  255
#define VALUE_SIZE 512	/* a variable and what modifiers make of it */

static const struct {
	char letter;
	const char *name;
	enum uidl_variable variable;
} variables[] = {
	{ 'u', "uid", UIDL_UID },
	{ 'v', "uidvalidity", UIDL_VALIDITY },
	{ 'f', "filename", UIDL_FILENAME },
	{ 'g', "guid", UIDL_GUID },
};
#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

static void
lower(char value[VALUE_SIZE])
{
	for (char *p = value; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 'a' - 'A');
}

static void
upper(char value[VALUE_SIZE])
{
	for (char *p = value; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
}

/* What is no number counts as 0. */
static void
hexadecimal(char value[VALUE_SIZE])
{
	unsigned long long number = strspn(value, "0123456789") == strlen(value) ? strtoull(value, NULL, 10) : 0;

	snprintf(value, VALUE_SIZE, "%llx", number);
}

static void
reversed(char value[VALUE_SIZE])
{
	for (size_t i = 0, j = strlen(value); i + 1 < j; i++) {
		char c = value[--j];

		value[j] = value[i];
		value[i] = c;
	}
}

static void
md5(char value[VALUE_SIZE])
{
	uint8_t digest[MD5_DIGEST_SIZE];
	struct md5_ctx context;

	md5_init(&context);
	md5_update(&context, strlen(value), (const uint8_t *)value);
	md5_digest(&context, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(value + 2 * i, 3, "%02x", digest[i]);
}

static void
trimmed(char value[VALUE_SIZE])
{
	size_t size = strlen(value);

	while (size > 0 && strchr(" \t\r\n\v\f", value[size - 1]) != NULL)
		size--;
	value[size] = '\0';
}

static const struct {
	char letter;
	const char *filter;	/* its name in Dovecot 2.4, or NULL */
	void (*change)(char value[VALUE_SIZE]);
} modifiers[] = {
	{ 'L', "lower", lower },
	{ 'U', "upper", upper },
	{ 'X', "hex", hexadecimal },
	{ 'R', "reverse", reversed },
	{ 'M', NULL, md5 },
	{ 'T', NULL, trimmed },
};
#define MODIFIERS (sizeof(modifiers) / sizeof(modifiers[0]))

static int
cannot(const char *text, const char *why, struct error *error)
{
	return error_set(error, ERROR_PERMANENT, "uidl_format %.100s: %s", text, why);
}

static int
digits(const char **text)
{
	int number = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++)
		number = number > WIDTH_MAX ? number : number * 10 + (**text - '0');
	return number;
}

/* [[-]OFFSET.][0][-]WIDTH, in just the places where Dovecot looks for it. False: too large. */
static bool
widths_parse(struct uidl_step *step, const char **text)
{
	int sign = 1;

	if (**text == '-') {
		sign = -1;
		(*text)++;
	}
	if (**text == '0') {
		step->padded = true;
		(*text)++;
	}
	step->width = digits(text);
	if (**text == '.') {
		step->offset = sign * step->width;
		sign = 1;
		(*text)++;
		step->padded = **text == '0';
		*text += step->padded;
		if (**text == '-') {
			sign = -1;
			(*text)++;
		}
		step->width = sign * digits(text);
	}
	return abs(step->width) <= WIDTH_MAX && abs(step->offset) <= WIDTH_MAX;
}

static bool
modifier_put(struct uidl_step *step, char letter)
{
	size_t used = strlen(step->modifiers);

	if (used + 1 == sizeof(step->modifiers))
		return false;
	step->modifiers[used] = letter;
	return true;
}

static bool
modifiers_parse(struct uidl_step *step, const char **text)
{
	for (size_t i = 0; i < MODIFIERS; i++)
		if (modifiers[i].letter == **text) {
			(*text)++;
			if (!modifier_put(step, modifiers[i].letter))
				return false;
			i = (size_t)-1;
		}
	return true;
}

static bool
word_is(const char *text, size_t size, const char *word)
{
	return word != NULL && strlen(word) == size && memcmp(text, word, size) == 0;
}

/* "lower" or "hex(8)": Dovecot pads with zeros up to that many digits. */
static bool
filter_parse(struct uidl_step *step, const char *text, size_t size)
{
	size_t name_size = strcspn(text, "(|} ");
	const char *p = text + name_size;

	for (size_t i = 0; i < MODIFIERS; i++) {
		if (!word_is(text, name_size, modifiers[i].filter))
			continue;
		if (name_size < size && *p == '(' && modifiers[i].letter == 'X') {
			p++;
			step->width = digits(&p);
			step->padded = true;
			if (*p++ != ')' || step->width > WIDTH_MAX)
				return false;
		}
		return p == text + size && modifier_put(step, modifiers[i].letter);
	}
	return false;
}

/* The next part of "uid | hex(8)}", without the blanks around it; *text is left behind its '|'. */
static size_t
part_next(const char **text, const char *end, const char **part)
{
	const char *p = *text, *stop = memchr(p, '|', (size_t)(end - p));
	const char *last = stop != NULL ? stop : end;

	*text = stop != NULL ? stop + 1 : end;
	while (p < last && *p == ' ')
		p++;
	while (last > p && last[-1] == ' ')
		last--;
	*part = p;
	return (size_t)(last - p);
}

static int
long_name_parse(struct uidl_step *step, const char **text, const char *whole, struct error *error)
{
	const char *end = strchr(*text, '}'), *part;
	size_t size;

	if (end == NULL)
		return cannot(whole, "a brace is not closed", error);
	(*text)++;
	size = part_next(text, end, &part);
	for (size_t i = 0; i < VARIABLES; i++)
		if (word_is(part, size, variables[i].name))
			step->variable = variables[i].variable;
	if (step->variable == UIDL_LITERAL)
		return cannot(whole, "only uid, uidvalidity, filename and guid can be had of a Maildir", error);
	while (*text < end) {
		size = part_next(text, end, &part);
		if (!filter_parse(step, part, size))
			return cannot(whole, "only hex, lower, upper and reverse are known as filters", error);
	}
	*text = end + 1;
	return 0;
}

static int
variable_parse(struct uidl_step *step, const char **text, const char *whole, struct error *error)
{
	if (!widths_parse(step, text))
		return cannot(whole, "too large a width", error);
	if (!modifiers_parse(step, text))
		return cannot(whole, "too many modifiers", error);
	if (**text == '{')
		return long_name_parse(step, text, whole, error);
	if (**text == '%') {
		step->literal = '%';
		(*text)++;
		return 0;
	}
	for (size_t i = 0; i < VARIABLES; i++)
		if (variables[i].letter == **text) {
			step->variable = variables[i].variable;
			(*text)++;
			return 0;
		}
	if (**text == 'm')
		return cannot(whole, "%m is a digest that Dovecot has for mbox alone, not for a Maildir", error);
	return cannot(whole, "only %u, %v, %f, %g and %% with the modifiers L, U, X, R, M and T are known",
	    error);
}

int
uidl_format_parse(struct uidl_format *format, const char *text, struct error *error)
{
	const char *p = text;

	memset(format, 0, sizeof(*format));
	if (*text == '\0')
		return cannot(text, "it is empty", error);
	while (*p != '\0') {
		struct uidl_step *step = &format->steps[format->count];

		if (format->count == UIDL_FORMAT_STEPS_MAX)
			return cannot(text, "it is too long", error);
		format->count++;
		if (*p != '%') {
			step->literal = *p++;
			continue;
		}
		p++;
		if (variable_parse(step, &p, text, error) != 0)
			return -1;
	}
	return 0;
}

static void
value_get(const struct uidl_step *step, const struct uidl_values *values, char value[VALUE_SIZE])
{
	switch (step->variable) {
	case UIDL_LITERAL:
		snprintf(value, VALUE_SIZE, "%c", step->literal);
		break;
	case UIDL_UID:
		snprintf(value, VALUE_SIZE, "%" PRIu32, values->uid);
		break;
	case UIDL_VALIDITY:
		snprintf(value, VALUE_SIZE, "%" PRIu32, values->validity);
		break;
	case UIDL_FILENAME:
		snprintf(value, VALUE_SIZE, "%s", values->filename);
		break;
	case UIDL_GUID:
		snprintf(value, VALUE_SIZE, "%s", values->guid);
		break;
	}
	for (const char *m = step->modifiers; *m != '\0'; m++)
		for (size_t i = 0; i < MODIFIERS; i++)
			if (modifiers[i].letter == *m)
				modifiers[i].change(value);
}

/* What the widths leave of a value, and how many zeros stand before it. */
static void
value_cut(const struct uidl_step *step, const char **value, int *size, int *zeros)
{
	int skipped = step->offset;

	*size = (int)strlen(*value);
	*zeros = 0;
	if (skipped < 0)
		skipped = *size + skipped;
	skipped = skipped < 0 ? 0 : skipped > *size ? *size : skipped;
	*value += skipped;
	*size -= skipped;
	if (step->padded && step->width > *size) {
		*zeros = step->width - *size;
	} else if (!step->padded && step->width != 0) {
		int kept = step->width > 0 ? step->width : *size + step->width;

		*size = kept < 0 ? 0 : kept < *size ? kept : *size;
	}
}

int
uidl_format_apply(const struct uidl_format *format, const struct uidl_values *values,
    char uidl[UIDL_TEXT_SIZE])
{
	int used = 0;

	for (size_t i = 0; i < format->count; i++) {
		char buffer[VALUE_SIZE];
		const char *value = buffer;
		int size, zeros;

		value_get(&format->steps[i], values, buffer);
		value_cut(&format->steps[i], &value, &size, &zeros);
		if (used + zeros + size >= UIDL_TEXT_SIZE)
			return -1;
		memset(uidl + used, '0', (size_t)zeros);
		memcpy(uidl + used + zeros, value, (size_t)size);
		used += zeros + size;
	}
	uidl[used] = '\0';
	return used;
}
