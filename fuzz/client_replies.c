/*
 * What a server says to the client, in clear text: first octet how it is cut, second what the client is to
 * do, the rest the server; behind each 0xFF the client has said what it had to say. However the octets are
 * cut the same is told and said; nothing but printable texts, whole lines and bounded queues comes of it.
 */

#include "fuzz.h"
#include "client/engine.h"

struct world {
	struct restante_client *client;
	uint64_t events, said;	/* digests */
	uint64_t done_count;
	unsigned long last_done;
	bool is_over, is_data;
	char last;		/* octet that was said */
};

static uint64_t
digest(uint64_t before, const void *data, size_t size)
{
	const uint8_t *octets = data;

	for (size_t i = 0; i < size; i++)
		before = (before ^ octets[i]) * 0x100000001b3ULL;
	return before;
}

static void
note_event(struct world *w, enum restante_event_type type, const struct restante_event *event)
{
	const uint64_t values[] = { type, restante_event_command(event), restante_event_result(event),
		restante_event_code(event), restante_event_number(event), restante_event_octets(event) };
	const char *text = restante_event_text(event);
	size_t size;
	const void *data = restante_event_data(event, &size);

	PROMISE(!w->is_over);
	w->is_over = type == RESTANTE_EVENT_END;
	for (const char *c = text; *c != '\0'; c++)
		PROMISE((unsigned char)*c >= ' ' && *c != 0x7F);
	PROMISE(strlen(text) < REPLY_OCTETS_MAX);
	PROMISE((type == RESTANTE_EVENT_DATA) == (size > 0));
	/* Pieces of a message may be cut anywhere. */
	if (type != RESTANTE_EVENT_DATA || !w->is_data)
		w->events = digest(w->events, values, sizeof(values));
	w->is_data = type == RESTANTE_EVENT_DATA;
	w->events = digest(w->events, data, size);
	w->events = digest(w->events, text, strlen(text));
	if (type != RESTANTE_EVENT_DONE)
		return;
	/* In the order of the commands, each once. */
	PROMISE(restante_event_command(event) == w->last_done + 1);
	w->last_done++;
}

static void
hear(struct world *w)
{
	const struct restante_event *event;
	enum restante_event_type type;

	while ((type = restante_client_next(w->client, &event)) != RESTANTE_EVENT_NONE)
		note_event(w, type, event);
	PROMISE(w->client->sent.count <= 8 + 3);
}

static void
listen(struct world *w)
{
	const char *data;
	size_t size;

	while ((data = restante_client_output(w->client, &size)) != NULL && size > 0) {
		w->said = digest(w->said, data, size);
		w->last = data[size - 1];
		restante_client_output_done(w->client, size);
	}
	PROMISE(w->last == '\0' || w->last == '\n');
}

static void
say(struct world *w, const uint8_t *data, size_t size, size_t piece)
{
	while (size > 0) {
		size_t room, part = size < piece ? size : piece;
		void *buffer = restante_client_input_buffer(w->client, &room);

		if (room == 0) {
			PROMISE(w->is_over);
			return;
		}
		part = part < room ? part : room;
		memcpy(buffer, data, part);
		restante_client_input_done(w->client, part);
		hear(w);
		data += part;
		size -= part;
	}
}

static struct restante_client *
client_of(uint8_t choice)
{
	/* What is said is the same each time: no nonce. */
	static const char *const mechanisms[] = { "CRAM-MD5 PLAIN LOGIN APOP USER", "USER APOP",
		"OAUTHBEARER XOAUTH2", "LOGIN" };
	struct restante_options *options = restante_options_new();
	struct restante_client *client;

	PROMISE(restante_options_set(options, RESTANTE_SECURITY, "clear") == 0);
	PROMISE(restante_options_set(options, RESTANTE_HOST, "h") == 0);
	PROMISE(restante_options_set(options, RESTANTE_USER, "u") == 0);
	PROMISE(restante_options_set(options, RESTANTE_PASSWORD, "p") == 0);
	PROMISE(restante_options_set(options, RESTANTE_TOKEN, "t") == 0);
	PROMISE(restante_options_set(options, RESTANTE_CLEAR_PASSWORD, choice & 1 ? "no" : "yes") == 0);
	PROMISE(restante_options_set(options, RESTANTE_PIPELINING, choice & 2 ? "no" : "yes") == 0);
	PROMISE(restante_options_set(options, RESTANTE_UTF8, choice & 4 ? "yes" : "no") == 0);
	PROMISE(restante_options_set(options, RESTANTE_LANGUAGE, choice & 4 ? "de" : NULL) == 0);
	PROMISE(restante_options_set(options, RESTANTE_WINDOW, "8") == 0);
	PROMISE(restante_options_set(options, RESTANTE_MECHANISMS, mechanisms[choice >> 3 & 3]) == 0);
	client = restante_client_new(options);
	restante_options_free(options);
	return client;
}

static void
ask(struct restante_client *client, uint8_t choice)
{
	restante_client_uidl(client, 0);
	restante_client_list(client, 0);
	restante_client_stat(client);
	restante_client_retr(client, 1);
	restante_client_top(client, 2, 3);
	restante_client_list(client, 2);
	restante_client_uidl(client, 2);
	restante_client_capa(client);
	restante_client_last(client);
	restante_client_lang(client, NULL);
	restante_client_dele(client, 1);
	if (choice & 0x80)
		restante_client_quit(client);
}

static void
run(struct world *w, const uint8_t *data, size_t size, size_t piece, uint8_t choice)
{
	*w = (struct world){ .client = client_of(choice) };
	ask(w->client, choice);
	hear(w);
	while (size > 0) {
		const uint8_t *end = memchr(data, 0xFF, size);
		size_t part = end != NULL ? (size_t)(end - data) : size;

		say(w, data, part, piece);
		listen(w);
		data += part + (end != NULL);
		size -= part + (end != NULL);
	}
	if (!w->is_over) {
		restante_client_input_done(w->client, 0);
		hear(w);
	}
	PROMISE(w->is_over);
	restante_client_free(w->client);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world pieces, whole;
	size_t piece = (size_t)fuzz_octet(&data, &size) + 1;
	uint8_t choice = fuzz_octet(&data, &size);

	run(&pieces, data, size, piece, choice);
	run(&whole, data, size, size + 1, choice);
	PROMISE(pieces.events == whole.events && pieces.said == whole.said);
	PROMISE(pieces.last_done == whole.last_done);
	return 0;
}
