/*
 * A whole session after the login: first octet how the client's octets are cut, second which call of
 * the store fails, third what the rules are; the rest is the client. The answers do not depend on
 * the cutting, and nothing is deleted without QUIT.
 */

#include "fuzz.h"
#include "maildrop/session.h"
#include "store/memory.h"

static const char *const mail[] = {
	"Subject: one\n\nhello\n",
	"Subject: two\n\n.dot\nlast",
	"",
	NULL,
};

struct answers {
	uint64_t digest, octets;
	bool removed[3];
};

static int
digest(void *context, const char *data, size_t size)
{
	struct answers *answers = context;

	for (size_t i = 0; i < size; i++)
		answers->digest = (answers->digest ^ (uint8_t)data[i]) * 0x100000001b3ULL;
	answers->octets += size;
	return 0;
}

static void
do_not_pause(void *context, uint64_t milliseconds)
{
	(void)context;
	(void)milliseconds;
}

static void
say(struct session *session, const uint8_t *data, size_t size, size_t piece)
{
	size_t used = 0;

	while (size > 0 && session->state != SESSION_OVER) {
		size_t part = piece < size ? piece : size, done;
		char *input = malloc(used + part);
		static char left[LINE_OCTETS_MAX + 1];

		PROMISE(input != NULL);
		memcpy(input, left, used);
		memcpy(input + used, data, part);
		data += part;
		size -= part;
		done = session_input(session, input, used + part);
		PROMISE(done <= used + part);
		used = used + part - done;
		PROMISE(used <= LINE_OCTETS_MAX || session->state == SESSION_OVER);
		if (session->state != SESSION_OVER)
			memcpy(left, input + done, used);
		free(input);
	}
}

static void
run_session(struct answers *answers, const uint8_t *data, size_t size, size_t piece, uint8_t fail_at,
    const struct rules *rules)
{
	static struct scratch scratch;
	struct session session = { .rules = rules, .id = 1, .scratch = &scratch, .pause = do_not_pause,
		.context = answers, .capabilities = { .user = true, .sasl = "PLAIN",
		.implementation = "x" } };
	struct memory_store store;
	struct writer writer;

	memset(answers, 0, sizeof(*answers));
	memory_store_init(&store, mail);
	store.fail_at = fail_at;
	store.fail_kind = ERROR_TEMPORARY;
	writer_init(&writer, scratch.output, sizeof(scratch.output), digest, answers);
	session.out = &writer;
	session_begin(&session, &store.store);
	say(&session, data, size, piece);
	PROMISE(writer_flush(&writer));
	if (session.end != SESSION_QUIT && session.end != SESSION_UPDATE_FAILED)
		PROMISE(store.remove_count == 0);
	session_abort(&session, SESSION_DISCONNECTED);
	session_close(&session);
	PROMISE(store.closed);
	memcpy(answers->removed, store.removed, sizeof(answers->removed));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct answers pieces, whole;
	size_t piece = (size_t)fuzz_octet(&data, &size) + 1;
	uint8_t fail_at = fuzz_octet(&data, &size), choice = fuzz_octet(&data, &size);
	const struct rules rules = { .bad_commands_max = choice & 1 ? 3 : 1000, .last = choice & 2,
		.bad_command_delay_milliseconds = 1, .implementation = "restante" };

	run_session(&pieces, data, size, piece, fail_at, &rules);
	run_session(&whole, data, size, size + 1, fail_at, &rules);
	PROMISE(memcmp(&pieces, &whole, sizeof(whole)) == 0);
	return 0;
}
