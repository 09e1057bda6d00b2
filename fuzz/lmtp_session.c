/*
 * A session of LMTP: first octet how the client's octets are cut, second which verdicts are given, third
 * what may be said; the rest is the client. However the octets are cut, and whenever the answers come,
 * the same is replied, asked, spooled and delivered; no command gets more replies than it may have, and
 * a message comes out as it was sent.
 */

#include "fuzz.h"
#include "lmtp/session.h"
#include "smtp/trace.h"

#define ASKED_MAX 1024

struct world {
	struct session session;
	struct writer writer;
	char output[512];
	uint64_t replies, events, spool;	/* digests */
	uint64_t delivered_spool;
	uint64_t reply_count, end_count, accepted_count, delivered_count;
	size_t column;
	uint8_t verdicts;
	bool later;
	struct {
		unsigned number;
		bool delivery;
	} asked[ASKED_MAX];
	size_t asked_count;
};

static uint64_t
digest(uint64_t before, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		before = (before ^ (uint8_t)data[i]) * 0x100000001b3ULL;
	return before;
}

/* Replies are lines of printable octets and CRLF, and of 512 octets at most (RFC 5321, section 4.5.3.1.5). */
static int
on_output(void *context, const char *data, size_t size)
{
	struct world *w = context;

	for (size_t i = 0; i < size; i++) {
		PROMISE(data[i] == '\r' || data[i] == '\n' || (uint8_t)data[i] >= ' ');
		PROMISE(w->column > 0 || (data[i] >= '2' && data[i] <= '5'));
		PROMISE(w->column < 512);
		/* "250-" goes on, "250 " is the last line of a reply. */
		w->reply_count += w->column == 3 && data[i] == ' ';
		w->column = data[i] == '\n' ? 0 : w->column + 1;
	}
	w->replies = digest(w->replies, data, size);
	return 0;
}

static enum verdict
verdict_of(const struct world *w, unsigned number)
{
	static const enum verdict verdicts[] = { VERDICT_OK, VERDICT_UNKNOWN, VERDICT_OK, VERDICT_FULL,
		VERDICT_OK, VERDICT_TEMPORARY, VERDICT_OK, VERDICT_OK };

	return verdicts[(w->verdicts + number) % 8];
}

static void
answer(struct world *w, unsigned number, bool delivery)
{
	enum verdict verdict = verdict_of(w, number + delivery);

	if (delivery)
		session_delivered(&w->session, number, verdict);
	else
		session_recipient(&w->session, number, verdict);
}

static void
ask(struct world *w, unsigned number, bool delivery)
{
	if (!w->later) {
		answer(w, number, delivery);
		return;
	}
	PROMISE(w->asked_count < ASKED_MAX);
	w->asked[w->asked_count].number = number;
	w->asked[w->asked_count++].delivery = delivery;
}

static bool
answer_all(struct world *w)
{
	size_t count = w->asked_count;

	w->asked_count = 0;
	for (size_t i = count; i-- > 0;)
		answer(w, w->asked[i].number, w->asked[i].delivery);
	return count > 0;
}

static void
note_recipient(struct world *w, const struct recipient *recipient)
{
	char text[ADDRESS_SIZE];

	path_text(&recipient->path, text);
	PROMISE(strpbrk(text, "\r\n") == NULL);
	w->events = digest(w->events, text, strlen(text) + 1);
	path_text(&recipient->base, text);
	w->events = digest(w->events, text, strlen(text) + 1);
	PROMISE(strpbrk(recipient->detail, "/\r\n") == NULL && recipient->detail[0] != '.');
}

static void
on_recipient(void *context, const struct recipient *recipient)
{
	struct world *w = context;

	w->accepted_count += verdict_of(w, recipient->number) == VERDICT_OK;
	note_recipient(w, recipient);
	ask(w, recipient->number, false);
}

static enum verdict
on_data(void *context, const char *octets, size_t size)
{
	struct world *w = context;

	PROMISE(size > 0);
	w->spool = digest(w->spool, octets, size);
	return w->verdicts & 0x80 && memchr(octets, '@', size) != NULL ? VERDICT_NO_SPACE : VERDICT_OK;
}

static void
on_deliver(void *context, const struct recipient *recipient)
{
	struct world *w = context;
	char trace[TRACE_OCTETS_MAX];
	struct writer writer;
	size_t end_count = 0;

	note_recipient(w, recipient);
	w->events = digest(w->events ^ w->spool, "deliver", 7);
	w->delivered_spool = w->spool;
	w->delivered_count++;
	writer_init(&writer, trace, sizeof(trace), NULL, NULL);
	PROMISE(session_trace(&w->session, recipient, 0, &writer));
	for (size_t i = 0; i < writer.used; i++) {
		end_count += trace[i] == '\n';
		PROMISE((uint8_t)trace[i] >= ' ' || trace[i] == '\t' || trace[i] == '\r' || trace[i] == '\n');
	}
	PROMISE(end_count <= 5);
	ask(w, recipient->number, true);
}

static void
on_end(void *context)
{
	struct world *w = context;

	w->events = digest(w->events, "end", 3);
	w->end_count++;
	w->spool = 0;
}

static void
say(struct world *w, const uint8_t *data, size_t size, size_t piece)
{
	size_t done = 0, end = 0;

	while (end < size) {
		end = size - end < piece ? size : end + piece;
		do {
			char *copy = fuzz_text(data + done, end - done);
			size_t part = session_input(&w->session, copy, end - done);

			PROMISE(part <= end - done);
			free(copy);
			done += part;
			PROMISE(session_waits(&w->session) || end - done <= LINE_OCTETS_MAX);
		} while (answer_all(w));
		PROMISE(!session_waits(&w->session));
	}
}

static void
run(struct world *w, const uint8_t *data, size_t size, size_t piece, uint8_t verdicts, uint8_t choice, bool later)
{
	static const struct session_calls calls = { on_recipient, on_data, on_deliver, on_end, NULL };
	const struct session_settings settings = { .host = "h", .size_max = choice & 1 ? 64 : 0,
		.recipients_max = choice & 2 ? 3 : 1000, .bad_commands_max = choice & 4 ? 3 : 100000,
		.delimiter = '+', .received = true };
	uint64_t line_count = 0;

	memset(w, 0, sizeof(*w));
	w->verdicts = verdicts;
	w->later = later;
	writer_init(&w->writer, w->output, sizeof(w->output), on_output, w);
	w->session = (struct session){ .settings = &settings, .calls = &calls, .context = w, .out = &w->writer,
		.tls_offered = choice & 8, .trusted = choice & 16 };
	session_begin(&w->session);
	say(w, data, size, piece);
	session_close(&w->session);
	PROMISE(w->end_count == w->session.message_count);
	PROMISE(writer_flush(&w->writer) && w->column == 0);
	/* The greeting, one for each line, one for each recipient of a message. */
	for (size_t i = 0; i < size; i++)
		line_count += data[i] == '\n';
	PROMISE(w->reply_count <= 1 + line_count + size / LINE_OCTETS_MAX + w->accepted_count);
	PROMISE(w->delivered_count <= w->accepted_count);
}

/* The client's octets as a message, its dots doubled: all of them come out, and nothing ends them early. */
static void
try_message(const uint8_t *data, size_t size, size_t piece)
{
	static const char begin[] = "LHLO h\r\nMAIL FROM:<>\r\nRCPT TO:<a@x>\r\nDATA\r\n", end[] = "\r\n.\r\n";
	char *text = malloc(sizeof(begin) + 2 * size + sizeof(end));
	static struct world w;
	size_t used = sizeof(begin) - 1;

	PROMISE(text != NULL);
	memcpy(text, begin, used);
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '.' && (i == 0 || (i > 1 && data[i - 1] == '\n' && data[i - 2] == '\r')))
			text[used++] = '.';
		text[used++] = (char)data[i];
	}
	memcpy(text + used, end, sizeof(end) - 1);
	used += sizeof(end) - 1;
	run(&w, (const uint8_t *)text, used, piece, 7, 0, false);
	PROMISE(w.end_count == 1 && w.session.octets == size + 2);
	if (w.delivered_count == 1)
		PROMISE(w.delivered_spool == digest(digest(0, (const char *)data, size), "\r\n", 2));
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world pieces, whole, later;
	size_t piece = (size_t)fuzz_octet(&data, &size) + 1;
	uint8_t verdicts = fuzz_octet(&data, &size), choice = fuzz_octet(&data, &size);

	run(&pieces, data, size, piece, verdicts, choice, false);
	run(&whole, data, size, size + 1, verdicts, choice, false);
	/* In one piece, so that many recipients are asked about together. */
	run(&later, data, size, size + 1, verdicts, choice, true);
	PROMISE(pieces.replies == whole.replies && pieces.events == whole.events);
	PROMISE(later.replies == whole.replies && later.events == whole.events);
	try_message(data, size, piece);
	return 0;
}
