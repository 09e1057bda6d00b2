/*
 * The state file of an account, as anything may have left it: reading it may fail, but what is read is
 * written and read again the same. The first octet chooses between a file and a line of it, which gets its
 * checksum here.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "fetch/state.h"
#include "fetch/state_line.h"
#include "fuzz.h"

static char directory[64];

static void
file_put(const uint8_t *data, size_t size)
{
	char path[80];
	int file;

	if (directory[0] == '\0') {
		snprintf(directory, sizeof(directory), "/tmp/fuzz-state-XXXXXX");
		if (mkdtemp(directory) == NULL)
			abort();
	}
	snprintf(path, sizeof(path), "%s/a", directory);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0 || write(file, data, size) != (ssize_t)size)
		abort();
	close(file);
}

/* What is known is the same after a rewriting. */
static void
file_try(void)
{
	const struct state_message *message = NULL;
	struct state *state, *again;
	struct error error;

	if (state_open(&state, directory, "a", false, &error) != 0)
		return;
	PROMISE(state_compact(state, &error) == 0 && state_open(&again, directory, "a", true, &error) == 0);
	PROMISE(state_count(state) == state_count(again));
	PROMISE(state_intended_count(state) == state_intended_count(again));
	while ((message = state_next(state, message)) != NULL) {
		const struct state_message *other = state_find(again, message->uidl);

		PROMISE(other != NULL && strcmp(other->mark, message->mark) == 0 &&
		    other->octets == message->octets && other->is_stored == message->is_stored);
	}
	state_close(again);
	state_close(state);
}

static void
line_try(const uint8_t *data, size_t size)
{
	char text[STATE_LINE_SIZE + 16], written[STATE_LINE_SIZE], digits[17];
	struct state_line line;

	if (size > STATE_LINE_SIZE || memchr(data, '\n', size) != NULL)
		return;
	memcpy(text + 16, data, size);
	snprintf(digits, sizeof(digits), "%016llx", (unsigned long long)XXH3_64bits(data, size));
	memcpy(text, digits, 16);
	if (state_line_parse(&line, text, 16 + size) != STATE_LINE_GOOD)
		return;
	size = state_line_write(&line, written);
	PROMISE(state_line_parse(&line, written, size - 1) == STATE_LINE_GOOD);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1) {
		line_try(data + 1, size - 1);
		return 0;
	}
	file_put(data + 1, size - 1);
	file_try();
	return 0;
}
