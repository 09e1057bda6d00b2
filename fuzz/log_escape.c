/* The log: a stranger's text forges no line and no field. */

#include "base/log.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = fuzz_octet(&data, &size);
	char *value = fuzz_text(data, size), line[LOG_LINE_SIZE];
	const struct log_field fields[] = { LOG_TEXT("user", value), LOG_NUMBER("port", 110),
		{ .key = NULL } };
	int room = choice == 0 ? (int)sizeof(line) : choice;
	int length = log_format(line, room, "login", fields);
	unsigned quotes = 0;

	PROMISE(length >= 0 && length < room && strlen(line) == (size_t)length);
	for (int i = 0; i < length; i++) {
		PROMISE(line[i] >= 0x20 && line[i] < 0x7f);
		quotes += line[i] == '"';
	}
	PROMISE(quotes <= 2);
	/* Outside the quotes a space begins the next field, and there are two. */
	if (quotes == 0 && length < room - 1) {
		unsigned spaces = 0;

		for (int i = 0; i < length; i++)
			spaces += line[i] == ' ';
		PROMISE(spaces == 2);
	}
	free(value);
	return 0;
}
