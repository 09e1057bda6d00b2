/*
 * See setup.h. Questions and explanations go to standard error, answers come from standard input, a line
 * each: with --dry-run standard output is the section and nothing else. An empty line is the answer in
 * brackets.
 */

#include "fetch/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/network.h"
#include "config/providers.h"
#include "fetch/command.h"
#include "fetch/options.h"
#include "fetch/setup_ask.h"
#include "fetch/setup_find.h"
#include "fetch/setup_probe.h"
#include "fetch/setup_write.h"

#define USAGE "usage: restante setup [--dry-run] [--server host[:port]] [address]"

struct setup {
	const struct fetch_context *context;
	char address[USER_SIZE], server[HOST_SIZE + 8]; /* "": not given; found */
	bool is_dry_run;
	struct providers providers;
	const struct provider *provider; /* of the domain; NULL: none is known */
	struct candidates candidates;
	const struct candidate *chosen;
	struct probe probe;
	char pin[TEXT_SIZE];
	char passed_host[HOST_SIZE]; /* nobody wants it, or nobody knows it: also not at another port */
	/* The section. */
	char name[ACCOUNT_NAME_SIZE], host_port[HOST_SIZE + 16], user[USER_SIZE];
	char oauth[TEXT_SIZE], client_id[LIST_SIZE], password_command[ACCOUNT_COMMAND_SIZE];
	char place[PLACE_SIZE], keep[TEXT_SIZE];
};

/* Something before the @ and a domain behind it. */
static const char *
domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL && at != address && at[1] != '\0' && strchr(address, ' ') == NULL &&
		       strchr(address, '/') == NULL
		   ? at + 1
		   : NULL;
}

/* RFC 6186, section 6: who asks DNS alone is told by anybody who can answer in its place. */
static bool
foreign_is_wanted(const struct setup *setup, const struct candidate *candidate)
{
	if (!candidate->is_foreign)
		return true;
	return ask_yes("The DNS of %s says that its mail is at %s, in another domain. Your password would go "
		       "there. Use it?",
	    domain_of(setup->address), candidate->host);
}

/* Its certificate is not to be trusted, but it can be pinned by somebody who knows the key. */
static bool
pin_is_wanted(struct setup *setup, const struct candidate *candidate)
{
	if (setup->probe.result != RESTANTE_UNTRUSTED || setup->probe.pin[0] == '\0')
		return false;
	if (!ask_yes(
		"Its key is %s. Do you know that this is the server's, and shall it be trusted from now on?",
		setup->probe.pin))
		return false;
	snprintf(setup->pin, sizeof(setup->pin), "%s", setup->probe.pin);
	server_probe(&setup->probe, candidate, setup->pin);
	return setup->probe.is_good;
}

static bool
candidate_try(struct setup *setup, const struct candidate *candidate)
{
	if (strcmp(setup->passed_host, candidate->host) == 0)
		return false;
	if (!foreign_is_wanted(setup, candidate)) {
		snprintf(setup->passed_host, sizeof(setup->passed_host), "%s", candidate->host);
		return false;
	}
	tell("Trying %s, port %u, with %s... ", candidate->host, (unsigned)candidate->port,
	    candidate->security == ACCOUNT_TLS ? "TLS" : "STLS");
	setup->pin[0] = '\0';
	server_probe(&setup->probe, candidate, "");
	tell("%s\n", setup->probe.is_good ? "good." : setup->probe.error);
	if (setup->probe.result == RESTANTE_UNKNOWN_HOST)
		snprintf(setup->passed_host, sizeof(setup->passed_host), "%s", candidate->host);
	return setup->probe.is_good || pin_is_wanted(setup, candidate);
}

static int
server_find(struct setup *setup)
{
	const char *domain = domain_of(setup->address);

	if (setup->server[0] == '\0')
		candidates_find(&setup->candidates, domain, setup->provider);
	else if (!candidates_of_server(&setup->candidates, setup->server))
		return command_fail(EX_USAGE,
		    "%s is no host; write it as in pop.example.org or pop.example.org:995", setup->server);
	if (setup->candidates.is_denied)
		tell("The domain %s says that it has no POP3. Other names are tried all the same.\n", domain);
	for (size_t i = 0; i < setup->candidates.count && setup->chosen == NULL; i++)
		if (candidate_try(setup, &setup->candidates.all[i]))
			setup->chosen = &setup->candidates.all[i];
	if (setup->chosen != NULL)
		return EX_OK;
	return command_fail(EX_UNAVAILABLE,
	    "no server was found for %s that speaks POP3 under TLS; ask who runs its mail for the name of the "
	    "POP3 server, "
	    "and give it with --server",
	    setup->address);
}

static bool
has_mechanism(const struct setup *setup, const char *name)
{
	const char *words = setup->probe.mechanisms;
	char word[TEXT_SIZE];

	while (word_next(&words, word, sizeof(word)))
		if (strcasecmp(word, name) == 0)
			return true;
	return false;
}

static bool
takes_oauth(const struct setup *setup)
{
	return has_mechanism(setup, "OAUTHBEARER") || has_mechanism(setup, "XOAUTH2");
}

static bool
takes_password(const struct setup *setup)
{
	static const char *const names[] = { "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1",
		"SCRAM-SHA-1-PLUS", "CRAM-MD5", "PLAIN", "LOGIN" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (has_mechanism(setup, names[i]))
			return true;
	return setup->probe.has_user;
}

static void
server_explain(const struct setup *setup)
{
	const struct probe *probe = &setup->probe;

	tell("%s is protected by %s; %s.\n", setup->chosen->host, probe->protection,
	    setup->pin[0] != '\0' ? "its key is the one you trust" : "its certificate is good");
	if (probe->implementation[0] != '\0')
		tell("It says that it is %s.\n", probe->implementation);
	tell("It takes logins by %s%s%s.\n", probe->mechanisms,
	    probe->mechanisms[0] != '\0' && probe->has_user ? " " : "", probe->has_user ? "USER" : "");
}

/* Tokens where the server takes nothing else, or a provider is known for them. */
static bool
login_ask(struct setup *setup)
{
	const struct provider *provider = setup->provider;

	if (takes_oauth(setup) && provider != NULL && provider->device_url[0] != '\0' &&
	    (!takes_password(setup) || ask_yes_first("The server takes tokens of OAuth 2 (`restante login'). "
						     "Use them instead of a password?"))) {
		snprintf(setup->oauth, sizeof(setup->oauth), "%s", provider->name);
		if (provider->note[0] != '\0')
			tell("%s\n", provider->note);
		return provider->client_id[0] != '\0' ||
		       ask_text(setup->client_id, sizeof(setup->client_id), "",
			   "The client id that the program is registered with (empty: it is written into the "
			   "file later)");
	}
	if (takes_oauth(setup) && !takes_password(setup))
		tell("The server takes tokens of OAuth 2 alone, and its provider is not known here: set "
		     "token_command, or "
		     "oauth, as restante-config(5) says, before the first fetch.\n");
	else if (provider != NULL && provider->note[0] != '\0')
		tell("%s\n", provider->note);
	return ask_text(setup->password_command, sizeof(setup->password_command), "",
	    "A command that prints the password, such as `pass show mail' (empty: it is looked up in ~/.netrc, "
	    "or asked "
	    "for at each run)");
}

/* False: standard input has ended. */
static bool
account_ask(struct setup *setup)
{
	return ask_text(setup->user, sizeof(setup->user), setup->address, "User name at the server") &&
	       login_ask(setup) &&
	       ask_text(setup->place, sizeof(setup->place), "maildir:~/Maildir",
		   "Where the mail goes: maildir:PATH, mbox:PATH, lmtp:HOST:PORT, smtp:HOST:PORT or "
		   "command:TEXT") &&
	       ask_text(setup->keep, sizeof(setup->keep), "all",
		   "What stays on the server: all, none, N days (as in 30 days) or newest N") &&
	       ask_text(setup->name, sizeof(setup->name), setup->address, "Name of the account");
}

static int
account_write(struct setup *setup)
{
	char text[SECTION_SIZE];
	const struct setting settings[] = {
		{ "server", setup->host_port },
		{ "security", setup->chosen->security == ACCOUNT_STLS ? "stls" : "" },
		{ "pin", setup->pin },
		{ "user", setup->user },
		{ "password_command", setup->password_command },
		{ "oauth", setup->oauth },
		{ "oauth_client_id", setup->client_id },
		{ "deliver_to", setup->place },
		{ "keep", setup->keep },
		{ .key = NULL },
	};
	const char *path = setup->context->config_path;
	struct error error;

	snprintf(setup->host_port, sizeof(setup->host_port),
	    strchr(setup->chosen->host, ':') != NULL ? "[%s]:%u" : "%s:%u", setup->chosen->host,
	    (unsigned)setup->chosen->port);
	if (section_write(text, setup->name, settings, &error) != 0)
		return command_fail(EX_DATAERR, "%s", error.text);
	if (setup->is_dry_run) {
		fputs(text, stdout);
		return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
	}
	if (section_append(path, text, &error) != 0)
		return command_fail(EX_CANTCREAT, "%s", error.text);
	tell("\nAccount %s is in %s. Next:\n", setup->name, path);
	if (setup->oauth[0] != '\0')
		tell("\trestante login %s\n", setup->name);
	tell("\trestante check %s\n", setup->name);
	return EX_OK;
}

static int
setup_run(struct setup *setup)
{
	struct error error;
	int status;

	if (setup->address[0] == '\0' && !ask_text(setup->address, sizeof(setup->address), "", "Mail address"))
		return command_fail(EX_NOINPUT, "there is nobody to answer; nothing was written");
	if (domain_of(setup->address) == NULL)
		return command_fail(
		    EX_USAGE, "`%s` is no mail address; write it as in anna@example.org", setup->address);
	if (providers_load(&setup->providers, &error) != 0)
		return command_fail(EX_CONFIG, "%s", error.text);
	setup->provider = providers_of_domain(&setup->providers, domain_of(setup->address));
	status = server_find(setup);
	if (status != EX_OK)
		return status;
	server_explain(setup);
	if (!account_ask(setup))
		return command_fail(EX_NOINPUT, "there is nobody to answer; nothing was written");
	return account_write(setup);
}

/* False: it is too long. */
static bool
text_take(char *to, size_t size, const char *text)
{
	return text == NULL || (size_t)snprintf(to, size, "%s", text) < size;
}

int
command_setup(struct fetch_context *context, int argc, char **argv)
{
	struct setup *setup;
	char **words;
	int count, status = options_read(context, command_find("setup"), argc, argv, &words, &count);

	if (status != OPTIONS_GO_ON)
		return status;
	setup = calloc(1, sizeof(*setup));
	if (setup == NULL)
		return command_fail(EX_OSERR, "no memory");
	setup->context = context;
	setup->is_dry_run = context->is_dry_run;
	if (count > 1 || !text_take(setup->server, sizeof(setup->server), context->server) ||
	    !text_take(setup->address, sizeof(setup->address), count > 0 ? words[0] : NULL))
		status = command_fail(EX_USAGE, USAGE);
	else
		status = setup_run(setup);
	free(setup);
	return status;
}
