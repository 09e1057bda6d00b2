/* Command lines: the same lines come out however the octets are cut, and arguments keep their rules. */

#include "fuzz.h"
#include "pop3/line.h"
#include "pop3/request.h"

struct result {
	char text[1 << 16];
	size_t used;
};

static void
note(struct result *result, const void *data, size_t size)
{
	if (size <= sizeof(result->text) - result->used) {
		memcpy(result->text + result->used, data, size);
		result->used += size;
	}
}

static void
try_request(const char *line, size_t length)
{
	for (enum request_arguments wanted = ARGS_NONE; wanted <= ARGS_TWO_WORDS; wanted++) {
		char *copy = fuzz_text((const uint8_t *)line, length);
		struct request request;
		const char *problem;

		request_begin(&request, copy);
		PROMISE(strlen(request.keyword) < REQUEST_KEYWORD_SIZE);
		problem = request_arguments(&request, wanted);
		PROMISE(problem == NULL || strpbrk(problem, "\r\n") == NULL);
		if (problem == NULL && (wanted == ARGS_MESSAGE || wanted == ARGS_MESSAGE_AND_LINES))
			PROMISE(request.number >= 1);
		if (problem == NULL && wanted == ARGS_REST)
			PROMISE(*request.words[0] != '\0');
		free(copy);
	}
}

static void
read_lines(struct result *result, const uint8_t *data, size_t size, size_t piece, size_t octets_max)
{
	struct line_reader reader = { .skipping = false };
	static char input[SASL_LINE_OCTETS_MAX + 256];
	size_t kept = 0;

	result->used = 0;
	while (size > 0) {
		size_t part = piece < size ? piece : size, done = 0;
		enum line_status status;

		memcpy(input + kept, data, part);
		data += part;
		size -= part;
		do {
			char *text = NULL;
			size_t length = 0, consumed = 0;

			status = line_take(&reader, input + done, kept + part - done, octets_max,
			    &text, &length, &consumed);
			PROMISE(consumed <= kept + part - done);
			if (status != LINE_INCOMPLETE)
				note(result, &status, sizeof(status));
			if (status == LINE_READY) {
				PROMISE(strlen(text) == length && length < octets_max);
				note(result, text, length + 1);
				try_request(text, length);
			}
			done += consumed;
		} while (status != LINE_INCOMPLETE);
		kept = kept + part - done;
		PROMISE(kept <= octets_max);
		memmove(input, input + done, kept);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result pieces, whole;
	uint8_t choice = fuzz_octet(&data, &size);
	size_t octets_max = choice & 0x80 ? SASL_LINE_OCTETS_MAX : LINE_OCTETS_MAX;

	read_lines(&pieces, data, size, (choice & 0x7f) + 1u, octets_max);
	read_lines(&whole, data, size, 200, octets_max);
	PROMISE(pieces.used == whole.used && memcmp(pieces.text, whole.text, whole.used) == 0);
	return 0;
}
