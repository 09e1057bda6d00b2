/* Base64 of SASL messages: what is accepted is what an encoder would have written. */

#include "fuzz.h"
#include "sasl/base64.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = (size_t)fuzz_octet(&data, &size) * 16;
	uint8_t *decoded = malloc(room + 1);
	char *text = fuzz_text(data, size), *again;
	ssize_t decoded_size;

	PROMISE(decoded != NULL);
	decoded_size = base64_strict(decoded, room, text, size);
	if (decoded_size >= 0) {
		PROMISE((size_t)decoded_size <= room);
		PROMISE(BASE64_SIZE((size_t)decoded_size) == size + 1);
		again = malloc(size + 1);
		PROMISE(again != NULL);
		PROMISE(base64_text(again, decoded, (size_t)decoded_size) == size);
		PROMISE(memcmp(again, text, size + 1) == 0);
		free(again);
	}
	free(decoded);
	free(text);
	return 0;
}
