/*
 * See relay.h.
 *
 * Each step is sent when the one before has been answered: one message does not gain by more. What the
 * server says about this message or this recipient is the last word on it; that it is not there, or does not
 * speak as agreed, is never held against the message.
 */

#include "smtp/relay.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/writer.h"
#include "mail/wire.h"

#define REPLY_LINES_MAX 100
#define PIECE_SIZE      65536

struct reply {
	unsigned code;
	char text[RELAY_LINE_SIZE];	/* the last line, code included */
};

/* What the message needs. */
struct needs {
	bool has_8bit;
	uint64_t size;
};

/* What a refusal for good means to whoever called us; the first row that fits the enhanced code. */
static const struct {
	const char *code;
	int status;
} refusals[] = {
	{ "5.1.1", EX_NOUSER },	/* also 5.1.10 */
	{ "5.1.2", EX_NOUSER },
	{ "5.1.3", EX_NOUSER },
	{ "5.1.6", EX_NOUSER },
	{ "5.2.2", EX_NOPERM },	/* over quota, where that is for good */
	{ "5.7.", EX_NOPERM },
	{ "", EX_UNAVAILABLE },
};

static bool
code_take(const char *line, unsigned *code)
{
	for (int i = 0; i < 3; i++)
		if (!isdigit((unsigned char)line[i]))
			return false;
	*code = (unsigned)(line[0] - '0') * 100 + (unsigned)(line[1] - '0') * 10 + (unsigned)(line[2] - '0');
	return line[3] == ' ' || line[3] == '-' || line[3] == '\0';
}

/* A line of the reply to LHLO or EHLO, without its code. */
static void
offer_take(struct relay *relay, const char *offer)
{
	if (strncasecmp(offer, "SIZE", 4) == 0 && (offer[4] == ' ' || offer[4] == '\0'))
		relay->takes_size = true;
	else if (strcasecmp(offer, "8BITMIME") == 0)
		relay->takes_8bit = true;
	else if (strcasecmp(offer, "SMTPUTF8") == 0)
		relay->takes_utf8 = true;
}

static int
reply_read(struct relay *relay, struct reply *reply, bool offers, struct error *error)
{
	uint64_t deadline = clock_milliseconds() + UINT64_C(1000) * relay->timeout_seconds;

	for (unsigned lines = 0; lines < REPLY_LINES_MAX; lines++) {
		if (relay_line(relay, reply->text, deadline, error) != 0)
			return -1;
		if (!code_take(reply->text, &reply->code))
			return error_set(error, ERROR_TEMPORARY, "this is no %s: %.100s",
			    relay->protocol == RELAY_LMTP ? "LMTP" : "SMTP", reply->text);
		if (offers && reply->text[3] != '\0')
			offer_take(relay, reply->text + 4);
		if (reply->text[3] != '-')
			return 0;
	}
	return error_set(error, ERROR_TEMPORARY, "the server's answer does not end");
}

/* EX_OK: go on; else the exit status for what was said. ours: it is about this message. */
static int
judge(const struct reply *reply, unsigned wanted, bool ours, struct error *error)
{
	const char *enhanced = reply->text[3] == ' ' ? reply->text + 4 : "";
	size_t i = 0;

	if (reply->code / 100 == wanted)
		return EX_OK;
	error_set(error, ERROR_TEMPORARY, "the server says: %.200s", reply->text);
	if (reply->code / 100 != 5 || !ours)
		return EX_TEMPFAIL;
	while (strncmp(enhanced, refusals[i].code, strlen(refusals[i].code)) != 0)
		i++;
	return refusals[i].status;
}

/* Says a line and hears the reply. */
static int
ask(struct relay *relay, const char *line, unsigned wanted, bool ours, struct error *error)
{
	struct reply reply;

	if (relay_send(relay, line, strlen(line), error) != 0 ||
	    reply_read(relay, &reply, false, error) != 0)
		return EX_TEMPFAIL;
	return judge(&reply, wanted, ours, error);
}

/* Our name, as EHLO wants it; behind a Unix socket it does not matter. */
static void
hello_name(const struct relay *relay, char name[HOST_SIZE])
{
	if (relay->protocol == RELAY_LMTP || gethostname(name, HOST_SIZE - 1) != 0 || !domain_valid(name))
		snprintf(name, HOST_SIZE, "localhost");
	name[HOST_SIZE - 1] = '\0';
}

static int
hello(struct relay *relay, const char *word, struct error *error)
{
	char line[RELAY_LINE_SIZE], name[HOST_SIZE] = "";
	struct reply reply;

	hello_name(relay, name);
	snprintf(line, sizeof(line), "%s %s\r\n", word, name);
	if (relay_send(relay, line, strlen(line), error) != 0 || reply_read(relay, &reply, true, error) != 0)
		return -1;
	if (judge(&reply, 2, false, error) == EX_OK)
		return EX_OK;
	return reply.code / 100 == 5 ? EX_PROTOCOL : -1;
}

/* A server that does not know EHLO is asked by HELO (RFC 5321, section 3.2). */
int
relay_greet(struct relay *relay, struct error *error)
{
	struct reply reply;
	int status = EX_TEMPFAIL;

	relay->takes_size = relay->takes_8bit = relay->takes_utf8 = false;
	if (reply_read(relay, &reply, false, error) == 0)
		status = judge(&reply, 2, false, error);
	if (status != EX_OK)
		return status;
	status = hello(relay, relay->protocol == RELAY_LMTP ? "LHLO" : "EHLO", error);
	if (status == EX_PROTOCOL && relay->protocol == RELAY_SMTP)
		status = hello(relay, "HELO", error);
	return status == EX_OK ? EX_OK : EX_TEMPFAIL;
}

/* The next piece at this offset; less than size only at the end. */
static ssize_t
piece_read(int file, char *piece, size_t size, off_t offset)
{
	ssize_t n;

	do
		n = pread(file, piece, size, offset);
	while (n < 0 && errno == EINTR);
	return n;
}

/* The size on the wire, and whether there is more than ASCII in it. */
static int
message_weigh(int file, struct needs *needs, struct error *error)
{
	char piece[PIECE_SIZE];
	struct wire_size size;
	off_t offset = 0;
	ssize_t n;

	wire_size_begin(&size);
	while ((n = piece_read(file, piece, sizeof(piece), offset)) > 0) {
		for (ssize_t i = 0; i < n && !needs->has_8bit; i++)
			needs->has_8bit = (unsigned char)piece[i] >= 0x80;
		wire_size_add(&size, piece, (size_t)n);
		offset += n;
	}
	if (n < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot read the message");
	needs->size = wire_size_end(&size);
	return 0;
}

static int
sender_tell(struct relay *relay, const struct relay_letter *letter, const struct needs *needs,
    struct error *error)
{
	char line[RELAY_LINE_SIZE], sender[ADDRESS_SIZE] = "", size[32] = "";
	bool utf8 = letter->sender->utf8 || letter->recipient->utf8;

	if (utf8 && !relay->takes_utf8) {
		error_set(error, ERROR_PERMANENT, "the server takes no addresses beyond ASCII");
		return EX_UNAVAILABLE;
	}
	if (letter->sender->local[0] != '\0')
		path_text(letter->sender, sender);
	if (relay->takes_size)
		snprintf(size, sizeof(size), " SIZE=%" PRIu64, needs->size);
	snprintf(line, sizeof(line), "MAIL FROM:<%s>%s%s%s\r\n", sender, size,
	    relay->takes_8bit && needs->has_8bit ? " BODY=8BITMIME" : "", utf8 ? " SMTPUTF8" : "");
	return ask(relay, line, 2, true, error);
}

static int
recipient_tell(struct relay *relay, const struct path *path, struct error *error)
{
	char line[RELAY_LINE_SIZE], recipient[ADDRESS_SIZE];

	path_text(path, recipient);
	snprintf(line, sizeof(line), "RCPT TO:<%s>\r\n", recipient);
	return ask(relay, line, 2, true, error);
}

struct output {
	struct relay *relay;
	struct error *error;
};

static int
pass_on(void *context, const char *octets, size_t size)
{
	struct output *output = context;

	return relay_send(output->relay, octets, size, output->error);
}

static int
message_send(struct relay *relay, int file, struct error *error)
{
	char piece[PIECE_SIZE], buffer[PIECE_SIZE];
	struct output output = { relay, error };
	struct writer writer;
	struct wire wire;
	off_t offset = 0;
	ssize_t n;

	writer_init(&writer, buffer, sizeof(buffer), pass_on, &output);
	wire_begin(&wire, UINT64_MAX);
	while ((n = piece_read(file, piece, sizeof(piece), offset)) > 0) {
		if (!wire_put(&wire, &writer, piece, (size_t)n))
			return -1;
		offset += n;
	}
	/* Without the final dot the server has no message, and forgets what it heard. */
	if (n < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot read the message");
	wire_end(&wire, &writer);
	return writer_flush(&writer) ? 0 : -1;
}

/* The final dot has left: whether the server took what stands before it only its answer could have told. */
static int
answer_miss(struct error *error)
{
	const struct error cause = *error;

	error_set(error, ERROR_TEMPORARY, "%.180s; it may have taken the message, which may come twice then",
	    cause.text);
	return EX_TEMPFAIL;
}

static int
message_tell(struct relay *relay, int file, struct error *error)
{
	struct reply reply;

	if (message_send(relay, file, error) != 0)
		return EX_TEMPFAIL;
	if (reply_read(relay, &reply, false, error) != 0)
		return answer_miss(error);
	/* 421 is about the server, not about this message. */
	relay->is_put_off = reply.code / 100 == 4 && reply.code != 421;
	return judge(&reply, 2, true, error);
}

int
relay_message(struct relay *relay, const struct relay_letter *letter, struct error *error)
{
	struct needs needs = { .has_8bit = false };
	int status = EX_OK;

	relay->is_put_off = false;
	if (message_weigh(letter->message, &needs, error) != 0)
		return EX_TEMPFAIL;
	if (relay->is_open_ended)
		status = ask(relay, "RSET\r\n", 2, false, error);
	relay->is_open_ended = true;
	if (status == EX_OK)
		status = sender_tell(relay, letter, &needs, error);
	if (status == EX_OK)
		status = recipient_tell(relay, letter->recipient, error);
	if (status == EX_OK)
		status = ask(relay, "DATA\r\n", 3, true, error);
	if (status == EX_OK)
		status = message_tell(relay, letter->message, error);
	if (status == EX_OK)
		relay->is_open_ended = false;
	return status;
}

void
relay_quit(struct relay *relay)
{
	struct error ignored;

	relay_send(relay, "QUIT\r\n", 6, &ignored);
}

int
relay_hand_over(struct relay *relay, const struct relay_letter *letter, struct error *error)
{
	int status = relay_greet(relay, error);

	if (status == EX_OK)
		status = relay_message(relay, letter, error);
	/* The last word has been said: what becomes of this one changes nothing. */
	if (status != EX_TEMPFAIL)
		relay_quit(relay);
	return status;
}
