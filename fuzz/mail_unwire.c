/* A message off the wire: the same comes out however it is cut, and what wire.c sends comes back. */

#include "fuzz.h"
#include "mail/unwire.h"
#include "mail/wire.h"

struct result {
	char text[1 << 16];
	size_t used, consumed;
	bool ended;
};

static void
read_message(struct result *result, const char *data, size_t size, size_t piece, bool lf_only)
{
	struct unwire unwire;

	unwire_begin(&unwire, lf_only);
	*result = (struct result){ .used = 0 };
	while (result->consumed < size && !result->ended) {
		const char *input = data + result->consumed, *text;
		size_t left = piece < size - result->consumed ? piece : size - result->consumed, length;
		enum unwire_status status;

		while ((status = unwire_take(&unwire, &input, &left, &text, &length)) == UNWIRE_PIECE) {
			PROMISE(length > 0 && result->used + length <= sizeof(result->text));
			memcpy(result->text + result->used, text, length);
			result->used += length;
		}
		PROMISE(status == UNWIRE_END || left == 0);
		result->consumed = (size_t)(input - data);
		result->ended = status == UNWIRE_END;
	}
}

/* Sends the octets as a stored message and reads them back: what comes is the wire form, no dots doubled. */
static void
try_round(const char *data, size_t size)
{
	static char sent[1 << 16];
	static struct result back;
	struct writer w;
	struct wire wire;

	writer_init(&w, sent, sizeof(sent), NULL, NULL);
	wire_begin(&wire, UINT64_MAX);
	PROMISE(wire_put(&wire, &w, data, size));
	wire_end(&wire, &w);
	read_message(&back, sent, w.used, 7, false);
	PROMISE(back.ended && back.consumed == w.used);
	PROMISE(back.used == wire.octets);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result pieces, whole;
	uint8_t choice = fuzz_octet(&data, &size);
	bool lf_only = choice & 0x80;
	char *copy = fuzz_text(data, size);

	read_message(&pieces, copy, size, (choice & 0x7f) + 1u, lf_only);
	read_message(&whole, copy, size, size + 1, lf_only);
	PROMISE(pieces.used == whole.used && pieces.ended == whole.ended && pieces.consumed == whole.consumed);
	PROMISE(memcmp(pieces.text, whole.text, whole.used) == 0);
	try_round(copy, size);
	free(copy);
	return 0;
}
