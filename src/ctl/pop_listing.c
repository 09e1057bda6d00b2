/* See pop_listing.h. */

#include "ctl/pop_listing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int
texts_reserve(struct pop_listing *listing, size_t size)
{
	size_t capacity = listing->texts_capacity * 2 + size + 4096;
	char *texts;

	if (listing->texts_size + size <= listing->texts_capacity)
		return 0;
	texts = listing->texts_size + size <= POP_TEXTS_MAX ? realloc(listing->texts, capacity) : NULL;
	if (texts == NULL)
		return -1;
	listing->texts = texts;
	listing->texts_capacity = capacity;
	return 0;
}

static int
messages_reserve(struct pop_listing *listing)
{
	size_t capacity = listing->capacity * 2 + 64;
	struct pop_message *messages;

	if (listing->count == POP_MESSAGES_MAX)
		return -1;
	if (listing->count < listing->capacity)
		return 0;
	messages = reallocarray(listing->messages, capacity, sizeof(*messages));
	if (messages == NULL)
		return -1;
	listing->messages = messages;
	listing->capacity = capacity;
	return 0;
}

int
pop_listing_add(struct pop_listing *listing, uint32_t number, const char *uidl, size_t uidl_size,
    uint64_t size, struct error *error)
{
	struct pop_message *message;

	if (messages_reserve(listing) != 0 || texts_reserve(listing, uidl_size + 1) != 0)
		return error_set(error, ERROR_TEMPORARY, "more messages than there is memory for");
	message = &listing->messages[listing->count++];
	*message = (struct pop_message){ .number = number, .uidl = (uint32_t)listing->texts_size,
		.size = size };
	memcpy(listing->texts + listing->texts_size, uidl, uidl_size);
	listing->texts[listing->texts_size + uidl_size] = '\0';
	listing->texts_size += uidl_size + 1;
	return 0;
}

void
pop_listing_free(struct pop_listing *listing)
{
	free(listing->messages);
	free(listing->texts);
	*listing = (struct pop_listing){ 0 };
}

static int
refill(struct pop_reader *reader, struct error *error)
{
	ssize_t n = reader->fill(reader->context, reader->buffer, sizeof(reader->buffer), error);

	if (n < 0)
		return -1;
	if (n == 0)
		return error_set(error, ERROR_PROTOCOL, "the server closed the connection");
	reader->begin = 0;
	reader->end = (size_t)n;
	return 0;
}

int
pop_read_line(struct pop_reader *reader, char line[POP_LINE_SIZE], struct error *error)
{
	size_t used = 0;

	for (;;) {
		char c;

		if (reader->begin == reader->end && refill(reader, error) != 0)
			return -1;
		c = reader->buffer[reader->begin++];
		if (c == '\n')
			break;
		if (c == '\0' || used + 1 == POP_LINE_SIZE)
			return error_set(error, ERROR_PROTOCOL, "the server does not speak POP3: %s",
			    c == '\0' ? "it sent a NUL" : "it sent too long a line");
		line[used++] = c;
	}
	if (used > 0 && line[used - 1] == '\r')
		used--;
	line[used] = '\0';
	return 0;
}

int
pop_read_status(struct pop_reader *reader, const char *what, struct error *error)
{
	char line[POP_LINE_SIZE];

	if (pop_read_line(reader, line, error) != 0)
		return -1;
	if (strncmp(line, "+OK", 3) == 0 && (line[3] == '\0' || line[3] == ' '))
		return 0;
	if (strncmp(line, "-ERR", 4) == 0)
		return error_set(error, ERROR_DENIED, "%s: the server said %.150s", what, line);
	return error_set(error, ERROR_PROTOCOL, "%s: the server does not speak POP3: %.100s", what, line);
}

/* The number at the beginning of a line and the blanks behind it. */
static bool
number_take(const char **text, uint64_t limit, uint64_t *number)
{
	const char *p = *text;
	uint64_t value = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (p == *text)
		return false;
	while (*p == ' ' || *p == '\t')
		p++;
	*text = p;
	*number = value;
	return true;
}

static int
strange(struct error *error, const char *command, const char *line)
{
	return error_set(error, ERROR_PROTOCOL, "%s: a line of the reply makes no sense: %.100s", command,
	    line);
}

int
pop_read_uidls(struct pop_reader *reader, struct pop_listing *listing, struct error *error)
{
	char line[POP_LINE_SIZE];
	uint64_t number, last = 0;

	for (;;) {
		const char *text = line;
		size_t size;

		if (pop_read_line(reader, line, error) != 0)
			return -1;
		if (strcmp(line, ".") == 0)
			return 0;
		if (!number_take(&text, UINT32_MAX, &number) || number <= last)
			return strange(error, "UIDL", line);
		size = strcspn(text, " \t");
		if (size == 0 || size >= POP_UIDL_SIZE || text + size != line + strlen(line))
			return strange(error, "UIDL", line);
		last = number;
		if (pop_listing_add(listing, (uint32_t)number, text, size, 0, error) != 0)
			return -1;
	}
}

int
pop_read_sizes(struct pop_reader *reader, struct pop_listing *listing, struct error *error)
{
	char line[POP_LINE_SIZE];
	uint64_t number, size;

	for (size_t i = 0;; i++) {
		const char *text = line;

		if (pop_read_line(reader, line, error) != 0)
			return -1;
		if (strcmp(line, ".") == 0)
			return i == listing->count
			    ? 0
			    : error_set(error, ERROR_PROTOCOL, "LIST names fewer messages than UIDL");
		/* More may stand behind the size (RFC 1939, section 5, discourages it). */
		if (!number_take(&text, UINT32_MAX, &number) || !number_take(&text, INT64_MAX, &size))
			return strange(error, "LIST", line);
		if (i >= listing->count || listing->messages[i].number != number)
			return error_set(error, ERROR_PROTOCOL, "LIST and UIDL name different messages");
		listing->messages[i].size = size;
	}
}
