/*
 * restantectl verify-uidl: what a client that knows the old server would see here. It asks the old
 * server as a client does, looks into our maildrop as a session does, and changes neither.
 */

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/secret.h"
#include "ctl/ctl.h"
#include "ctl/options.h"
#include "ctl/migration.h"
#include "ctl/password_command.h"
#include "ctl/pop_compare.h"
#include "ctl/pop_link.h"
#include "store/store.h"

#define PATIENCE_SECONDS 3600	/* longer than for the old server alone */

static const char usage[] =
    "usage: restantectl verify-uidl --host HOST --user NAME --password-command COMMAND\n"
    "           [--port PORT] [--tls none | stls | implicit] [--ca-file FILE] [--ours USER | PLACE]\n"
    "\n"
    "  --host HOST, --port PORT    the old server (port 110, or 995 with --tls implicit)\n"
    "  --user NAME                 the account there; and the user here, without --ours\n"
    "  --password-command COMMAND  prints the password\n"
    "  --tls KIND                  by default stls, implicit on port 995, and none on this host\n"
    "  --ca-file FILE              whom the certificate must be signed by, if not by one that\n"
    "                              this host trusts\n"
    "  --ours USER | PLACE         the maildrop here\n";

static const char *const tls_words[] = { [POP_TLS_NONE] = "none", [POP_TLS_STLS] = "stls",
	[POP_TLS_IMPLICIT] = "implicit" };
#define TLS_WORDS (sizeof(tls_words) / sizeof(tls_words[0]))

struct verify_request {
	struct pop_server server;
	const char *user, *command, *tls_word, *ours;
	char password[PASSWORD_SIZE];
	struct config config;
};

struct answer {
	int result;	/* of pop_compare() */
	struct error error;
};

/* Ours: opened and closed as by a session that deletes nothing. */
static int
here_read(const char *place, struct pop_listing *here, struct error *error)
{
	struct store *store;
	int result = store_open(&store, place, error);

	if (result != 0)
		return -1;
	for (size_t i = 0; i < store->count && result == 0; i++) {
		struct message message;

		result = store_message(store, i, &message, error);
		if (result == 0)
			result = pop_listing_add(here, (uint32_t)(i + 1), message.uidl, message.uidl_size,
			    message.size, error);
	}
	store_close(store);
	return result;
}

/* Sends "WORD ARGUMENT" and reads the first line of the reply. */
static int
command(struct pop_link *link, struct pop_reader *reader, const char *word, const char *argument,
    struct error *error)
{
	char line[USER_SIZE + PASSWORD_SIZE];
	int size = snprintf(line, sizeof(line), "%s%s%s\r\n", word, *argument != '\0' ? " " : "", argument);
	int result;

	if (size >= (int)sizeof(line) || strpbrk(argument, "\r\n") != NULL)
		result = error_set(error, ERROR_PERMANENT, "what stands behind %s cannot be sent", word);
	else
		result = pop_link_send(link, line, (size_t)size, error);
	secret_wipe(line, sizeof(line));
	return result != 0 ? -1 : pop_read_status(reader, word, error);
}

static int
talk(struct pop_link *link, const struct verify_request *request, struct pop_listing *there,
    struct error *error)
{
	struct pop_reader reader = { .fill = pop_link_fill, .context = link };

	if (!link->greeted && pop_read_status(&reader, "the greeting", error) != 0)
		return -1;
	if (command(link, &reader, "USER", request->user, error) != 0 ||
	    command(link, &reader, "PASS", request->password, error) != 0 ||
	    command(link, &reader, "UIDL", "", error) != 0 ||
	    pop_read_uidls(&reader, there, error) != 0 ||
	    command(link, &reader, "LIST", "", error) != 0 ||
	    pop_read_sizes(&reader, there, error) != 0)
		return -1;
	return command(link, &reader, "QUIT", "", error);
}

static int
there_read(const struct verify_request *request, struct pop_listing *there, struct error *error)
{
	struct pop_link link;
	int result = pop_link_open(&link, &request->server, error);

	if (result != 0)
		return -1;
	result = talk(&link, request, there, error);
	pop_link_close(&link);
	return result;
}

static void
work(const struct target *target, void *question, void *answer)
{
	struct verify_request *request = question;
	struct pop_listing there = { 0 }, here = { 0 };
	struct answer *a = answer;

	a->result = -1;
	if (here_read(target->place, &here, &a->error) == 0 &&
	    there_read(request, &there, &a->error) == 0)
		a->result = pop_compare(&there, &here, &a->error);
	secret_wipe(request->password, sizeof(request->password));
	pop_listing_free(&there);
	pop_listing_free(&here);
}

static int
visit(void *context, const struct target *target, const struct error *problem)
{
	struct verify_request *request = context;
	struct answer answer = { 0 };
	const struct target_job job = { work, request, &answer, sizeof(answer), PATIENCE_SECONDS };
	struct error error;

	if (problem == NULL && target_work(&request->config, target, &job, &error) != 0)
		problem = &error;
	if (problem == NULL && answer.result < 0) {
		answer.error.text[sizeof(answer.error.text) - 1] = '\0';
		problem = &answer.error;
	}
	if (problem == NULL)
		return answer.result > 0 ? EX_OK : EX_DATAERR;
	error = *problem;
	target_clean(error.text);
	return ctl_fail(target_status(&error), "%s", error.text);
}

static bool
take_option(void *context, int option, const char *value)
{
	struct verify_request *request = context;
	const struct {
		int option;
		const char **field;
	} texts[] = {
		{ 'H', &request->server.host },
		{ 'P', &request->server.port },
		{ 'u', &request->user },
		{ 'p', &request->command },
		{ 't', &request->tls_word },
		{ 'c', &request->server.ca_file },
		{ 'o', &request->ours },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].option == option) {
			*texts[i].field = value;
			return true;
		}
	return false;
}

/* Without --tls. */
static void
tls_infer(struct pop_server *server)
{
	if (server->port != NULL && strcmp(server->port, "995") == 0) {
		server->tls = POP_TLS_IMPLICIT;
	} else if (pop_host_is_loopback(server->host)) {
		server->tls = POP_TLS_NONE;
		server->loopback_only = true;
	} else {
		server->tls = POP_TLS_STLS;
	}
}

/* What was not said follows from what was. A password goes in clear text only where that was said. */
static bool
complete(struct verify_request *request)
{
	struct pop_server *server = &request->server;
	size_t word = 0;

	if (server->host == NULL || request->user == NULL || request->command == NULL)
		return false;
	if (request->tls_word != NULL) {
		while (word < TLS_WORDS && strcmp(tls_words[word], request->tls_word) != 0)
			word++;
		if (word == TLS_WORDS)
			return false;
		server->tls = (enum pop_tls)word;
	} else {
		tls_infer(server);
	}
	if (server->port == NULL)
		server->port = server->tls == POP_TLS_IMPLICIT ? "995" : "110";
	if (request->ours == NULL)
		request->ours = request->user;
	return true;
}

static int
run(struct verify_request *request)
{
	struct error error;
	int status = ctl_config_read(&request->config);

	if (status != EX_OK)
		return status;
	if (password_command(request->password, request->command, &error) != 0)
		return ctl_fail(target_status(&error), "%s", error.text);
	status = target_of_word(&request->config, request->ours, visit, request);
	secret_wipe(request->password, sizeof(request->password));
	return status;
}

int
ctl_verify_uidl(int argc, char **argv)
{
	static const struct option names[] = {
		{ "host", required_argument, NULL, 'H' },
		{ "port", required_argument, NULL, 'P' },
		{ "user", required_argument, NULL, 'u' },
		{ "password-command", required_argument, NULL, 'p' },
		{ "tls", required_argument, NULL, 't' },
		{ "ca-file", required_argument, NULL, 'c' },
		{ "ours", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct ctl_options options = { usage, "h", names, take_option };
	static struct verify_request request;
	char **words;
	int status = ctl_options_read(&options, argc, argv, &request, &words);

	if (status != CTL_GO_ON)
		return status;
	if (*words != NULL || !complete(&request))
		return ctl_options_misused(&options);
	return run(&request);
}
