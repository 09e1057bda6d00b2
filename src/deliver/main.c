/*
 * restante-deliver: puts one message into one maildrop, and says when it is safe there.
 *
 * Does: reads a message on standard input and delivers it: for an MTA's mailbox_command, pipe transport
 *   or .forward, for getmail and fetchmail, and by hand. Where the caller may not reach the maildrop, or
 *   says so (-s), restante-lmtp delivers it.
 * Holds: that message, in a file without a name.
 * Never sees: passwords but those in the users file (with -d alone), other users' mail, the network.
 * Talks to: nobody but the system's log, and no server need run; or to restante-lmtp, on its Unix socket. Started
 *   by root it becomes the owner of the mail before it touches it.
 *
 * When it exits with 0 the message and its directory entry are on the disk. Any other status: the message
 * is not delivered, and nothing is left of it; 75 when a later attempt may succeed.
 */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"
#include "base/writer.h"
#include "deliver/deliver.h"
#include "smtp/relay.h"
#include "smtp/trace.h"
#include "store/append.h"
#include "store/store.h"

#define TIMEOUT_SECONDS_MAX 86400
/* What has just come can be learnt a tenth of a second later. */
#define LEARN_MILLISECONDS 120
#define LEARN_TRIES        3

static const char usage[] =
    "usage: restante-deliver [-f sender] [-a recipient] [-c file] [-d user | place]\n"
    "       restante-deliver -s socket [-t seconds] [-f sender] [-a recipient] [-d user]\n"
    "\n"
    "Delivers the message on standard input, durably, and exits with 0; with 75 when a later\n"
    "attempt may succeed.\n"
    "\n"
    "  -f sender     the envelope's sender (`' or `<>': none): written as Return-Path\n"
    "  -a recipient  the envelope's recipient: written as Delivered-To; mail that has been\n"
    "                delivered to it before is refused as a loop\n"
    "  -d user       into the maildrop of a user of the users file; who is neither root nor of the\n"
    "                user's uid has the server do it, over its socket for LMTP\n"
    "  place         into this one, for example maildir:/home/anna/Maildir\n"
    "                (neither: into the caller's own, by mail_place)\n"
    "  -s socket     have the server do it, over this socket: /run/restante/lmtp\n"
    "  -t seconds    wait so long for each answer of the server (600)\n"
    "  -c file       the configuration (" CONFIGURATION_FILE ")\n"
    "  --help        this text\n"
    "  --version     the version\n";

struct request {
	const char *config_path, *user, *place, *socket;
	uint64_t timeout_seconds;	/* for each answer of the server */
	struct path sender, recipient;
	bool has_sender, has_recipient;
};

static int
fail(const struct error *error)
{
	static const int statuses[ERROR_KIND_COUNT] = {
		[ERROR_TEMPORARY] = EX_TEMPFAIL,
		[ERROR_PERMANENT] = EX_CANTCREAT,
		[ERROR_BUSY] = EX_TEMPFAIL,
		[ERROR_DENIED] = EX_NOPERM,
		[ERROR_GONE] = EX_NOUSER,
		[ERROR_PROTOCOL] = EX_DATAERR,
		[ERROR_FULL] = EX_TEMPFAIL,
	};

	fprintf(stderr, "restante-deliver: %s\n", error->text);
	return statuses[error->kind];
}

/* With or without angle brackets. */
static bool
address_take(struct path *path, const char *text, enum path_kind kind)
{
	const char *problem = *text == '<' ? path_take(path, &text, kind) : path_parse(path, text);

	if (problem != NULL)
		fprintf(stderr, "restante-deliver: %s\n", problem);
	return problem == NULL;
}

/*
 * "" and "MAILER-DAEMON" are what MTAs write for none. A name alone is one of this host, or getmail's
 * "unknown": whatever the sender is called, it is no reason to send the message back.
 */
static bool
sender_take(struct path *sender, const char *text)
{
	char address[LOCAL_OCTETS_MAX + sizeof("@localhost")];

	if (*text == '\0' || strcmp(text, "MAILER-DAEMON") == 0) {
		memset(sender, 0, sizeof(*sender));
		return true;
	}
	if (*text != '<' && strchr(text, '@') == NULL && strlen(text) <= LOCAL_OCTETS_MAX) {
		snprintf(address, sizeof(address), "%s@localhost", text);
		text = address;
	}
	return address_take(sender, text, PATH_REVERSE);
}

static bool
timeout_take(struct request *request, const char *value)
{
	if (number_parse(value, &request->timeout_seconds) && request->timeout_seconds >= 1 &&
	    request->timeout_seconds <= TIMEOUT_SECONDS_MAX)
		return true;
	fprintf(stderr, "restante-deliver: -t %.20s: write seconds, from 1 to %d\n", value, TIMEOUT_SECONDS_MAX);
	return false;
}

static bool
option_take(struct request *request, int option, const char *value)
{
	switch (option) {
	case 'f':
		request->has_sender = true;
		return sender_take(&request->sender, value);
	case 'a':
		request->has_recipient = true;
		return address_take(&request->recipient, value, PATH_FORWARD);
	case 'c':
		request->config_path = value;
		return true;
	case 'd':
		request->user = value;
		return true;
	case 's':
		request->socket = value;
		return true;
	case 't':
		return timeout_take(request, value);
	default:
		return false;
	}
}

/* -1: go on; else the exit status. */
static int
options_read(struct request *request, int argc, char **argv)
{
	static const struct option names[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "f:a:c:d:s:t:", names, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return EX_OK;
		}
		if (option == 'v') {
			puts("restante-deliver " RESTANTE_VERSION);
			return EX_OK;
		}
		if (!option_take(request, option, optarg))
			return EX_USAGE;
	}
	request->place = argv[optind];
	if (argc - optind > 1 ||
	    (request->place != NULL && (request->user != NULL || request->socket != NULL))) {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	return -1;
}

/* The store ends lines with LF. */
static size_t
without_cr(char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < size; i++)
		if (text[i] != '\r')
			text[used++] = text[i];
	return used;
}

static size_t
head_make(const struct request *request, char head[TRACE_OCTETS_MAX])
{
	struct writer writer;

	writer_init(&writer, head, TRACE_OCTETS_MAX, NULL, NULL);
	if (request->has_sender)
		trace_return_path(&writer, &request->sender);
	if (request->has_recipient)
		trace_delivered_to(&writer, &request->recipient);
	return without_cr(head, writer.used);
}

/*
 * The next poll is to read nothing. Where mail comes without pause that is left to the poll: it would be
 * held up here. Whatever comes of it, the message is delivered; so nobody ends this before it says so, and
 * nothing is printed (there are MTAs to which that is a failure).
 */
static void
learn(const struct target *target)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGPIPE, SIGTERM };
	const struct timespec pause = { .tv_nsec = LEARN_MILLISECONDS * 1000000 };
	enum learning learning = LEARNING_LATER;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
	log_level_set(LOG_LEVEL_ERROR);
	for (int tries = 0; tries < LEARN_TRIES && learning == LEARNING_LATER; tries++) {
		nanosleep(&pause, NULL);
		learning = store_learn(target->place, STORE_INDEX_BESIDE);
	}
}

static int
put(const struct request *request, const struct target *target, const struct spool *spool,
    struct error *error)
{
	char head[TRACE_OCTETS_MAX], sender[ADDRESS_SIZE] = "";
	struct delivery delivery = { .place = target->place, .index_directory = STORE_INDEX_BESIDE,
		.sender = request->has_sender ? sender : spool->sender, .head = head,
		.head_size = head_make(request, head), .message = spool->file, .quota = target->quota };
	struct append *append;
	int result;

	if (request->has_sender && request->sender.local[0] != '\0')
		path_text(&request->sender, sender);
	if (append_begin(&append, &delivery, error) != 0)
		return -1;
	result = append_commit(append, NULL, error);
	if (result == 0)
		report_delivered(request->user, &delivery, append, delivery.head_size + spool->size);
	if (result == 0 && append->is_alone && !target->index_apart)
		learn(target);
	append_end(append);
	return result;
}

/* The last word is the server's, and so is the text. */
static int
hand_over(const struct request *request, const struct target *target, const struct spool *spool)
{
	const char *socket = request->socket != NULL ? request->socket : target->socket;
	struct path sender = request->sender, recipient;
	struct relay_letter letter = { .sender = &sender, .recipient = &recipient,
		.message = spool->file };
	struct error error;
	struct relay relay;
	int status;

	if (!request->has_sender && path_parse(&sender, spool->sender) != NULL)
		memset(&sender, 0, sizeof(sender));
	if (recipient_find(&recipient, request->user, request->has_recipient ? &request->recipient : NULL,
		target->delimiter, &error) != 0 ||
	    relay_open(&relay, RELAY_LMTP, socket, (unsigned)request->timeout_seconds, &error) != 0)
		return fail(&error);
	status = target_leave(&error) == 0 ? relay_hand_over(&relay, &letter, &error) : EX_TEMPFAIL;
	relay_close(&relay);
	if (status != EX_OK)
		fprintf(stderr, "restante-deliver: %s\n", error.text);
	return status;
}

static int
put_in_place(const struct request *request, const struct target *target, const struct spool *spool)
{
	struct error error;
	int status;

	report_open();
	if (target_enter(target, &error) == 0 && put(request, target, spool, &error) == 0)
		return EX_OK;
	report_failed(request->user, target->place, &error);
	status = fail(&error);
	return error.kind == ERROR_FULL && target->over_quota_is_final ? EX_NOPERM : status;
}

static int
deliver(const struct request *request)
{
	struct target target = { .by_server = request->socket != NULL, .delimiter = '+' };
	struct spool spool;
	struct error error;

	if (request->place != NULL &&
	    snprintf(target.place, sizeof(target.place), "%s", request->place) >= (int)sizeof(target.place)) {
		error_set(&error, ERROR_PERMANENT, "the place is too long");
		return fail(&error);
	}
	if (request->place == NULL && !target.by_server &&
	    target_find(&target, request->config_path, request->user, &error) != 0)
		return fail(&error);
	if (spool_read(&spool, STDIN_FILENO, request->has_recipient ? &request->recipient : NULL,
		&error) != 0)
		return fail(&error);
	if (spool.looped) {
		fputs("restante-deliver: 5.4.6 the message was here before: mail loop\n", stderr);
		return EX_UNAVAILABLE;
	}
	return target.by_server ? hand_over(request, &target, &spool) :
	    put_in_place(request, &target, &spool);
}

int
main(int argc, char **argv)
{
	struct request request = { .config_path = CONFIGURATION_FILE,
		.timeout_seconds = RELAY_TIMEOUT_SECONDS };
	int status = options_read(&request, argc, argv);

	signal(SIGXFSZ, SIG_IGN); /* a file that becomes too big is an error like a full disk */
	log_open("restante-deliver", STDERR_FILENO, LOG_FORM_PLAIN, LOG_LEVEL_WARNING);
	return status >= 0 ? status : deliver(&request);
}
