/* See base64.h. nettle decodes, but it passes over white space. */

#include "sasl/base64.h"

#include <nettle/base64.h>
#include <string.h>

ssize_t
base64_strict(uint8_t *data, size_t size, const char *text, size_t length)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct base64_decode_ctx context;
	size_t padding = 0, decoded = 0;

	while (padding < 2 && padding < length && text[length - padding - 1] == '=')
		padding++;
	for (size_t i = 0; i < length - padding; i++)
		if (memchr(alphabet, text[i], sizeof(alphabet) - 1) == NULL)
			return -1;
	if (length % 4 != 0 || length / 4 * 3 > size + padding)
		return -1;
	base64_decode_init(&context);
	if (!base64_decode_update(&context, &decoded, data, length, text) ||
	    !base64_decode_final(&context))
		return -1;
	return (ssize_t)decoded;
}

size_t
base64_text(char *text, const void *data, size_t size)
{
	base64_encode_raw(text, size, data);
	text[BASE64_ENCODE_RAW_LENGTH(size)] = '\0';
	return BASE64_ENCODE_RAW_LENGTH(size);
}
