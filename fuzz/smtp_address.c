/*
 * What MTAs write into MAIL, RCPT, LHLO and XCLIENT, one by one: first octet which of them, the rest is the text.
 * An address means the same when it is written again, and no line of the trace holds what it should not.
 */

#include "fuzz.h"
#include "smtp/extension.h"
#include "smtp/hops.h"
#include "smtp/parameter.h"
#include "smtp/trace.h"
#include "smtp/xtext.h"

/* No octet that ends a line, or could be taken for one. */
static void
promise_printable(const char *text)
{
	for (; *text != '\0'; text++)
		PROMISE((uint8_t)*text >= ' ' && *text != 0x7f);
}

static void
try_again(const struct path *path)
{
	char text[ADDRESS_SIZE], again[ADDRESS_SIZE];
	struct path read;

	path_text(path, text);
	promise_printable(text);
	PROMISE(strlen(text) < sizeof(text));
	if (path->local[0] == '\0' || path->domain[0] == '\0')
		return;
	PROMISE(path_parse(&read, text) == NULL && path_equal(&read, path));
	path_text(&read, again);
	PROMISE(strcmp(text, again) == 0);
}

static void
try_trace(const struct path *path, const char *helo, const char *name)
{
	char lines[TRACE_OCTETS_MAX];
	const struct received received = { .helo = helo, .name = name, .address = "192.0.2.1", .by = "mx.example",
		.with = trace_protocol(true, true), .session = UINT64_MAX, .count = 1, .for_path = path };
	struct writer writer;
	size_t line_count = 0;

	writer_init(&writer, lines, sizeof(lines), NULL, NULL);
	PROMISE(trace_return_path(&writer, path) && trace_delivered_to(&writer, path));
	(void)trace_received(&writer, &received);
	for (size_t i = 0; i < writer.used; i++) {
		PROMISE((uint8_t)lines[i] >= ' ' || lines[i] == '\t' || lines[i] == '\r' || lines[i] == '\n');
		line_count += lines[i] == '\n';
		/* Each further line of a field is folded: nobody adds one of his own. */
		if (i > 0 && lines[i - 1] == '\n')
			PROMISE(lines[i] == '\t' || line_count <= 2);
	}
	PROMISE(line_count <= 5);
}

static void
try_path(const char *text, enum path_kind kind)
{
	struct path path, base;
	char detail[DETAIL_SIZE];
	const char *at = text;

	if (path_take(&path, &at, kind) != NULL) {
		PROMISE(at == text);
		return;
	}
	PROMISE(at > text && at[-1] == '>');
	try_again(&path);
	extension_split(&path, '+', &base, detail);
	try_again(&base);
	PROMISE(strchr(detail, '/') == NULL && detail[0] != '.');
	promise_printable(detail);
	try_trace(&path, text, at);
}

static void
try_parameters(char *text, bool utf8)
{
	struct parameter parameter;
	unsigned notify;

	while (parameter_take(&text, utf8, &parameter) == PARAMETER_READY) {
		promise_printable(parameter.keyword);
		if (parameter.value == NULL)
			continue;
		promise_printable(parameter.value);
		(void)notify_parse(parameter.value, &notify);
		(void)orcpt_valid(parameter.value, utf8);
		(void)envid_valid(parameter.value);
	}
}

static void
try_xtext(const char *text)
{
	char decoded[64];

	if (xtext_decode(text, decoded, sizeof(decoded)))
		PROMISE(strlen(decoded) < sizeof(decoded) && strlen(decoded) <= strlen(text));
}

static void
note_delivered(void *context, const struct path *path)
{
	++*(unsigned *)context;
	try_again(path);
}

/* However the header is cut, the same is found in it. */
static void
try_hops(const char *text, size_t size)
{
	struct hops whole, pieces;
	unsigned found = 0, again = 0;

	hops_begin(&whole);
	hops_add(&whole, text, size, note_delivered, &found);
	hops_end(&whole, note_delivered, &found);
	hops_begin(&pieces);
	for (size_t i = 0; i < size; i++)
		hops_add(&pieces, text + i, 1, note_delivered, &again);
	hops_end(&pieces, note_delivered, &again);
	PROMISE(found == again && hops_too_many(&whole) == hops_too_many(&pieces));
	PROMISE(whole.received_count == pieces.received_count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = fuzz_octet(&data, &size);
	char *text = fuzz_text(data, size);
	struct path path;

	if (choice % 6 < 2)
		try_path(text, choice % 6 == 0 ? PATH_REVERSE : PATH_FORWARD);
	else if (choice % 6 == 2 && path_parse(&path, text) == NULL)
		try_again(&path);
	else if (choice % 6 == 3)
		try_parameters(text, choice & 0x80);
	else if (choice % 6 == 4)
		try_xtext(text);
	else
		try_hops(text, size);
	(void)domain_valid(text);
	free(text);
	return 0;
}
