/*
 * See summary.h. Encoded words are converted by iconv(3); one in a charset that it does not know stays as it
 * is.
 */

#include "fetch/summary.h"

#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <nettle/base64.h>

#include "base/writer.h"

#define FIELD_SIZE 1024
#define WORD_SIZE  512

struct word {
	char charset[64];
	char encoding; /* 'b' or 'q' */
	const char *text;
	size_t size;     /* of the text */
	const char *end; /* behind "?=" */
};

/* RFC 2047, section 2: =?charset*language?encoding?text?= */
static bool
word_scan(struct word *word, const char *text)
{
	const char *charset = text + 2, *encoding, *end;
	size_t size;

	if (strncmp(text, "=?", 2) != 0 || (encoding = strchr(charset, '?')) == NULL || encoding[1] == '\0' ||
	    encoding[2] != '?' || (end = strstr(encoding + 3, "?=")) == NULL)
		return false;
	size = strcspn(charset, "*?");
	word->encoding = (char)(encoding[1] | 0x20);
	word->text = encoding + 3;
	word->size = (size_t)(end - word->text);
	word->end = end + 2;
	if (size >= sizeof(word->charset) || memchr(word->text, ' ', word->size) != NULL ||
	    (word->encoding != 'b' && word->encoding != 'q') || word->size > WORD_SIZE)
		return false;
	memcpy(word->charset, charset, size);
	word->charset[size] = '\0';
	return true;
}

static int
hex(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *found =
	    digit != '\0' ? strchr(digits, digit >= 'A' && digit <= 'F' ? digit | 0x20 : digit) : NULL;

	return found != NULL ? (int)(found - digits) : -1;
}

static bool
unpack(const struct word *word, char octets[WORD_SIZE], size_t *used)
{
	struct base64_decode_ctx context;

	*used = WORD_SIZE;
	if (word->encoding == 'b') {
		base64_decode_init(&context);
		return BASE64_DECODE_LENGTH(word->size) <= WORD_SIZE &&
		       base64_decode_update(&context, used, (uint8_t *)octets, word->size, word->text) == 1;
	}
	*used = 0;
	for (size_t i = 0; i < word->size; i++) {
		char octet = word->text[i];

		if (octet == '=' && i + 2 < word->size && hex(word->text[i + 1]) >= 0 &&
		    hex(word->text[i + 2]) >= 0) {
			octet = (char)(hex(word->text[i + 1]) << 4 | hex(word->text[i + 2]));
			i += 2;
		} else if (octet == '_') {
			octet = ' ';
		}
		octets[(*used)++] = octet;
	}
	return true;
}

static bool
convert(const struct word *word, struct writer *out)
{
	char octets[WORD_SIZE], result[WORD_SIZE * 4], *from = octets, *to = result;
	size_t from_size, to_size = sizeof(result);
	iconv_t conversion;
	bool is_done;

	if (!unpack(word, octets, &from_size))
		return false;
	conversion = iconv_open("UTF-8", word->charset);
	if (conversion == (iconv_t)-1)
		return false;
	is_done = iconv(conversion, &from, &from_size, &to, &to_size) != (size_t)-1;
	iconv_close(conversion);
	return is_done && writer_put(out, result, (size_t)(to - result));
}

/* Never in the middle of a character. */
static void
cut(char *text, size_t used, size_t size)
{
	if (used >= size) {
		used = size - 1;
		while (used > 0 && ((unsigned char)text[used] & 0xc0) == 0x80)
			used--;
	}
	text[used] = '\0';
}

void
summary_decode(char *decoded, size_t size, const char *text)
{
	char buffer[FIELD_SIZE * 4];
	struct writer out;
	struct word word;
	bool was_word = false;

	writer_init(&out, buffer, sizeof(buffer), NULL, NULL);
	while (*text != '\0' && !out.failed) {
		/* Spaces between two encoded words are no part of the text (section 6.2). */
		size_t spaces = strspn(text, " \t");

		if (word_scan(&word, text + spaces) &&
		    (spaces == 0 || was_word || writer_put(&out, text, spaces)) && convert(&word, &out)) {
			text = word.end;
			was_word = true;
			continue;
		}
		writer_put(&out, text, 1);
		text++;
		was_word = false;
	}
	memcpy(decoded, buffer, out.used < size ? out.used : size);
	cut(decoded, out.used, size);
}

/* The field's text, unfolded; false: another field. */
static bool
field_take(char text[FIELD_SIZE], const char *name, const char *line, const char *end)
{
	size_t size = strlen(name), used = 0;

	if ((size_t)(end - line) <= size || strncasecmp(line, name, size) != 0 || line[size] != ':')
		return false;
	for (line += size + 1; line < end && (*line == ' ' || *line == '\t');)
		line++;
	for (; line < end && used < FIELD_SIZE - 1; line++)
		if (*line != '\r' && *line != '\n' && *line != '\0')
			text[used++] = *line == '\t' ? ' ' : *line;
	text[used] = '\0';
	return true;
}

/* Behind the field and the lines that go on with it. */
static const char *
field_end(const char *line, const char *end)
{
	do {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		line = next != NULL ? next + 1 : end;
	} while (line < end && (*line == ' ' || *line == '\t'));
	return line;
}

void
summary_take(struct summary *summary, const char *header, size_t size)
{
	const struct {
		const char *name;
		char *text;
		size_t size;
	} fields[] = {
		{ "Date", summary->date, sizeof(summary->date) },
		{ "From", summary->from, sizeof(summary->from) },
		{ "Subject", summary->subject, sizeof(summary->subject) },
	};
	const char *end = header + size;
	char text[FIELD_SIZE];

	memset(summary, 0, sizeof(*summary));
	while (header < end && *header != '\r' && *header != '\n') {
		const char *next = field_end(header, end);

		for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
			if (*fields[i].text == '\0' && field_take(text, fields[i].name, header, next))
				summary_decode(fields[i].text, fields[i].size, text);
		header = next;
	}
}
