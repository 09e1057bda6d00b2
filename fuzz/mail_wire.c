/* Messages on the wire: any mail comes out framed, counted right, and the same in any pieces. */

#include "fuzz.h"
#include "mail/wire.h"

struct result {
	char text[1 << 16];
	size_t used;
	uint64_t octets;
};

static int
keep(void *context, const char *data, size_t size)
{
	struct result *result = context;

	PROMISE(result->used + size <= sizeof(result->text));
	memcpy(result->text + result->used, data, size);
	result->used += size;
	return 0;
}

static void
send_message(struct result *result, const uint8_t *data, size_t size, size_t piece, uint64_t lines)
{
	struct writer writer;
	struct wire wire;
	char buffer[64];

	result->used = 0;
	writer_init(&writer, buffer, sizeof(buffer), keep, result);
	wire_begin(&wire, lines);
	while (size > 0) {
		size_t part = piece < size ? piece : size;
		char *copy = fuzz_text(data, part);
		bool more = wire_put(&wire, &writer, copy, part);

		free(copy);
		if (!more)
			break;
		data += part;
		size -= part;
	}
	result->octets = wire_end(&wire, &writer);
	PROMISE(writer_flush(&writer));
}

/* As a client reads it: every line ends with CRLF; a dot alone is the end and nothing follows. */
static uint64_t
octets_received(const struct result *result)
{
	const char *line = result->text, *end = result->text + result->used;
	uint64_t octets = 0;

	for (;;) {
		const char *feed = memchr(line, '\n', (size_t)(end - line));

		PROMISE(feed != NULL && feed > line && feed[-1] == '\r');
		if (feed - line == 2 && *line == '.') {
			PROMISE(feed + 1 == end);
			return octets;
		}
		octets += (uint64_t)(feed + 1 - line) - (*line == '.');
		line = feed + 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result pieces, whole, top;
	size_t piece = (size_t)fuzz_octet(&data, &size) + 1;
	uint64_t lines = fuzz_octet(&data, &size);
	struct wire_size wire_size;

	send_message(&pieces, data, size, piece, UINT64_MAX);
	send_message(&whole, data, size, size + 1, UINT64_MAX);
	PROMISE(pieces.used == whole.used && memcmp(pieces.text, whole.text, whole.used) == 0);
	PROMISE(octets_received(&whole) == whole.octets);
	wire_size_begin(&wire_size);
	wire_size_add(&wire_size, (const char *)data, size);
	PROMISE(wire_size_end(&wire_size) == whole.octets);

	send_message(&pieces, data, size, piece, lines);
	send_message(&top, data, size, size + 1, lines);
	PROMISE(pieces.used == top.used && memcmp(pieces.text, top.text, top.used) == 0);
	PROMISE(octets_received(&top) == top.octets && top.octets <= whole.octets);
	return 0;
}
