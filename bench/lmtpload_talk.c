/* What is said to an LMTP server, and what it must answer. See lmtpload.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lmtpload.h"

#define FAILURES_SHOWN 20
/* The first lines, which differ: always of the same length. */
#define HEAD_FORMAT "Message-ID: <%016llx.%010llu@load.example>\r\n"
#define LINE_OCTETS 74	/* of the body, without its end */

static const char fixed_head[] = "Date: Sun, 01 Nov 2026 12:00:00 +0000\r\n"
				 "From: Anna <anna@load.example>\r\n"
				 "To: everybody@load.example\r\n"
				 "Subject: a message of the load generator\r\n"
				 "\r\n";

uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static size_t
head_write(char *buffer, size_t size, uint64_t run, uint64_t number)
{
	return (size_t)snprintf(buffer, size, HEAD_FORMAT, (unsigned long long)run,
	    (unsigned long long)number);
}

/* Every tenth line begins with a dot, which is sent twice (RFC 5321, 4.5.2). */
int
content_make(struct content *content, size_t size)
{
	size_t used = head_write(NULL, 0, 0, 0) + sizeof(fixed_head) - 1, lines = 1 + 5;
	char *to = malloc(2 * size + sizeof(fixed_head) + 8);

	if (to == NULL)
		return -1;
	content->rest = to;
	memcpy(to, fixed_head, sizeof(fixed_head) - 1);
	to += sizeof(fixed_head) - 1;
	for (unsigned line = 0; used < size; line++, lines++) {
		size_t left = size - used, octets = left < LINE_OCTETS + 4 ? left : LINE_OCTETS + 2;

		octets = octets > 2 ? octets - 2 : 0;
		if (line % 10 == 9 && octets > 0)
			*to++ = '.';
		for (size_t i = 0; i < octets; i++)
			*to++ = i == 0 && line % 10 == 9 ? '.' : (char)('a' + (line + i) % 26);
		*to++ = '\r';
		*to++ = '\n';
		used += octets + 2;
	}
	memcpy(to, ".\r\n", 3);
	content->rest_size = (size_t)(to - content->rest) + 3;
	content->stored_size = used - lines;
	return 0;
}

static void
say(struct talk *talk, const char *verb, const char *argument)
{
	talk->out_size += (size_t)snprintf(talk->out + talk->out_size, LOAD_COMMAND_SIZE, "%s%.300s\r\n", verb,
	    argument);
}

static void
recipient_write(const struct talk *talk, const struct errand *errand, unsigned of_message, char *text,
    size_t size)
{
	const struct options *options = talk->load->options;
	const char *pattern = options->recipient_pattern, *mark = strstr(pattern, "%d");
	unsigned users = options->last_user - options->first_user + 1;
	unsigned user = options->first_user + (errand->first_user + of_message) % users;

	if (mark != NULL)
		snprintf(text, size, "<%.*s%u%s>", (int)(mark - pattern), pattern, user, mark + 2);
	else
		snprintf(text, size, "<%s>", pattern);
}

static void
recipient_say(struct talk *talk, struct errand *errand)
{
	char recipient[300];

	recipient_write(talk, errand, errand->asked++, recipient, sizeof(recipient));
	say(talk, "RCPT TO:", recipient);
}

/* Who may not pipeline says the next command when the last is answered. */
static void
command_say(struct talk *talk, enum step step)
{
	if (talk->pipelining)
		return;
	talk->out_size = talk->sent = 0;
	if (step == STEP_RCPT)
		recipient_say(talk, &talk->errand);
	else if (step == STEP_DATA)
		say(talk, "DATA", "");
}

static bool
is_more_to_send(const struct load *load)
{
	return load->begun < load->begun_max && now_ns() < load->end_ns;
}

/* As much as may be said before the first answer. */
static void
errand_say(struct talk *talk, struct errand *errand)
{
	struct load *load = talk->load;

	*errand = (struct errand){ .number = ++load->begun, .first_user = load->user_next };
	load->user_next += load->options->recipients;
	say(talk, "MAIL FROM:", "<anna@load.example>");
	if (!talk->pipelining)
		return;
	while (errand->asked < load->options->recipients)
		recipient_say(talk, errand);
	say(talk, "DATA", "");
}

static void
message_begin(struct talk *talk)
{
	talk->answered = talk->accepted = 0;
	talk->step = STEP_MAIL;
	talk->begun_ns = now_ns();
}

void
talk_begin(struct talk *talk, struct load *load)
{
	talk->load = load;
	talk->step = STEP_GREETING;
	talk->begun_ns = now_ns();
}

void
talk_next(struct talk *talk)
{
	talk->out_size = talk->sent = 0;
	talk->has_content = false;
	if (is_more_to_send(talk->load)) {
		errand_say(talk, &talk->errand);
		message_begin(talk);
		return;
	}
	talk->step = STEP_QUIT;
	talk->begun_ns = now_ns();
	say(talk, "QUIT", "");
}

size_t
talk_out_size(const struct talk *talk)
{
	return talk->out_size + (talk->has_content ? talk->load->content.rest_size : 0);
}

static enum talk_result
wrong(struct talk *talk, const char *line)
{
	snprintf(talk->problem, sizeof(talk->problem), "%s: %.200s", talk_step_name(talk), line);
	return TALK_WRONG;
}

static void
recipient_failed(struct talk *talk, const char *line)
{
	char recipient[300];

	recipient_write(talk, &talk->errand, talk->answered, recipient, sizeof(recipient));
	if (talk->load->failures++ < FAILURES_SHOWN)
		fprintf(stderr, "lmtpload: %s: %s: %s\n", recipient, talk_step_name(talk), line);
}

static enum talk_result
greeting_answered(struct talk *talk, bool good, const char *line)
{
	if (!good)
		return wrong(talk, line);
	talk->out_size = talk->sent = 0;
	say(talk, "LHLO ", "load.example");
	talk->step = STEP_LHLO;
	return TALK_MORE;
}

static enum talk_result
lhlo_answered(struct talk *talk, bool good, const char *line)
{
	if (!good)
		return wrong(talk, line);
	talk->step = STEP_IDLE;
	return TALK_READY;
}

static enum talk_result
idle_answered(struct talk *talk, bool good, const char *line)
{
	(void)good;
	return wrong(talk, line);
}

static enum talk_result
mail_answered(struct talk *talk, bool good, const char *line)
{
	if (!good)
		return wrong(talk, line);
	talk->step = STEP_RCPT;
	command_say(talk, STEP_RCPT);
	return TALK_MORE;
}

static enum talk_result
rcpt_answered(struct talk *talk, bool good, const char *line)
{
	if (good)
		talk->accepted++;
	else
		recipient_failed(talk, line);
	if (++talk->answered < talk->load->options->recipients) {
		command_say(talk, STEP_RCPT);
		return TALK_MORE;
	}
	talk->step = STEP_DATA;
	talk->answered = 0;
	command_say(talk, STEP_DATA);
	return TALK_MORE;
}

/* When every recipient was refused, DATA is (RFC 2033, 4.2): that is the end of this connection. */
static enum talk_result
data_answered(struct talk *talk, bool good, const char *line)
{
	if (!good || talk->accepted == 0)
		return wrong(talk, line);
	if (talk->sent < talk_out_size(talk))
		return wrong(talk, "an answer before the end of the command");
	talk->sent = 0;
	talk->out_size = head_write(talk->out, sizeof(talk->out), talk->load->begin_ns, talk->errand.number);
	talk->content_at = talk->out_size;
	talk->has_content = true;
	talk->step = STEP_CONTENT;
	if (talk->pipelining && !talk->load->options->lock_step && is_more_to_send(talk->load))
		errand_say(talk, &talk->next);
	return TALK_MORE;
}

/* False: there is no memory. */
static bool
latency_keep(struct load *load, uint64_t latency_ns)
{
	if (load->messages == load->latencies_max) {
		size_t max = load->latencies_max ? 2 * load->latencies_max : 4096;
		uint32_t *latencies = realloc(load->latencies_us, max * sizeof(*latencies));

		if (latencies == NULL)
			return false;
		load->latencies_us = latencies;
		load->latencies_max = max;
	}
	load->latencies_us[load->messages++] = (uint32_t)(latency_ns / 1000);
	return true;
}

/* One answer for each recipient that was accepted; then those to the next one's commands, if they were said. */
static enum talk_result
content_answered(struct talk *talk, bool good, const char *line)
{
	struct load *load = talk->load;

	if (talk->sent < talk->content_at + load->content.rest_size)
		return wrong(talk, "an answer before the end of the message");
	if (good)
		load->deliveries++;
	else
		recipient_failed(talk, line);
	if (++talk->answered < talk->accepted)
		return TALK_MORE;
	load->last_ns = now_ns();
	if (!latency_keep(load, load->last_ns - talk->begun_ns))
		return wrong(talk, "out of memory");
	talk->step = STEP_IDLE;
	if (talk->next.number == 0)
		return TALK_DONE;
	talk->errand = talk->next;
	talk->next.number = 0;
	message_begin(talk);
	return TALK_MORE;
}

static enum talk_result
quit_answered(struct talk *talk, bool good, const char *line)
{
	if (!good)
		return wrong(talk, line);
	talk->step = STEP_END;
	return TALK_ENDED;
}

static const struct {
	const char *name;
	const char *code;	/* of the good answer */
	enum talk_result (*answered)(struct talk *, bool good, const char *line);
} steps[] = {
	[STEP_GREETING] = { "greeting", "220", greeting_answered },
	[STEP_LHLO] = { "LHLO", "250", lhlo_answered },
	[STEP_IDLE] = { "unasked", "", idle_answered },
	[STEP_MAIL] = { "MAIL", "250", mail_answered },
	[STEP_RCPT] = { "RCPT", "250", rcpt_answered },
	[STEP_DATA] = { "DATA", "354", data_answered },
	[STEP_CONTENT] = { "message", "250", content_answered },
	[STEP_QUIT] = { "QUIT", "221", quit_answered },
	[STEP_END] = { "after QUIT", "", idle_answered },
};

const char *
talk_step_name(const struct talk *talk)
{
	return steps[talk->step].name;
}

/* "250-PIPELINING" is followed by more. */
static enum talk_result
line_take(struct talk *talk, char *line)
{
	size_t length = strlen(line);

	if (length == 0 || line[length - 1] != '\r')
		return wrong(talk, "a line that does not end in CR LF");
	line[--length] = '\0';
	if (strspn(line, "0123456789") != 3 || (line[3] != '\0' && strchr(" -", line[3]) == NULL))
		return wrong(talk, line);
	if (talk->step == STEP_LHLO && length > 4 && strcmp(line + 4, "PIPELINING") == 0)
		talk->pipelining = !talk->load->options->one_by_one;
	if (line[3] == '-')
		return TALK_MORE;
	return steps[talk->step].answered(talk, strncmp(line, steps[talk->step].code, 3) == 0, line);
}

enum talk_result
talk_feed(struct talk *talk, const char *data, size_t size, size_t *used)
{
	enum talk_result result = TALK_MORE;

	for (*used = 0; *used < size && result == TALK_MORE;) {
		char c = data[(*used)++];

		if (c != '\n') {
			if (talk->line_size == sizeof(talk->line) - 1)
				return wrong(talk, "a line that is too long");
			talk->line[talk->line_size++] = c;
			continue;
		}
		talk->line[talk->line_size] = '\0';
		talk->line_size = 0;
		result = line_take(talk, talk->line);
	}
	return result;
}
