/*
 * restante capabilities: what a server can do, before and under TLS, and logged in where an account says how.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/number.h"
#include "fetch/account_url.h"
#include "fetch/options.h"
#include "fetch/outcome.h"
#include "fetch/wanted.h"
#include "fetch/link.h"

static const struct {
	unsigned bit;
	const char *name;
} capabilities[] = {
	{ RESTANTE_HAS_CAPA, "CAPA" },
	{ RESTANTE_HAS_TOP, "TOP" },
	{ RESTANTE_HAS_USER, "USER" },
	{ RESTANTE_HAS_SASL, "SASL" },
	{ RESTANTE_HAS_RESP_CODES, "RESP-CODES" },
	{ RESTANTE_HAS_LOGIN_DELAY, "LOGIN-DELAY" },
	{ RESTANTE_HAS_PIPELINING, "PIPELINING" },
	{ RESTANTE_HAS_EXPIRE, "EXPIRE" },
	{ RESTANTE_HAS_UIDL, "UIDL" },
	{ RESTANTE_HAS_IMPLEMENTATION, "IMPLEMENTATION" },
	{ RESTANTE_HAS_STLS, "STLS" },
	{ RESTANTE_HAS_AUTH_RESP_CODE, "AUTH-RESP-CODE" },
	{ RESTANTE_HAS_UTF8, "UTF8" },
	{ RESTANTE_HAS_UTF8_USER, "UTF8 USER" },
	{ RESTANTE_HAS_LANG, "LANG" },
	{ RESTANTE_HAS_APOP, "APOP" },
};

struct probe {
	const struct fetch_context *context;
	struct report *report;
	struct account *account; /* its own copy */
	const char *name;        /* "tls", "stls", "clear" */
	int status;
	bool has_tls; /* the server has shown a key */
};

static void
answer(const struct probe *probe, const char *key, const char *value)
{
	if (*value != '\0')
		report_event(probe->report, REPORT_ANSWER, probe->account->name,
		    REPORT_FIELDS(FIELD_TEXT("connection", probe->name), FIELD_TEXT("key", key),
			FIELD_TEXT("value", value)),
		    "%-5s  %-14s  %s", probe->name, key, value);
}

static void
answer_number(const struct probe *probe, const char *key, long number, const char *unit)
{
	char text[64];

	snprintf(text, sizeof(text), "%ld %s", number, unit);
	answer(probe, key, number == RESTANTE_NEVER ? "never" : text);
}

static void
answer_all(const struct probe *probe, const struct restante_client *client)
{
	unsigned has = restante_client_capabilities(client);
	char names[512] = "";

	for (size_t i = 0; i < sizeof(capabilities) / sizeof(*capabilities); i++)
		if ((has & capabilities[i].bit) != 0)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			    *names != '\0' ? ", " : "", capabilities[i].name);
	answer(probe, "protection", restante_client_protection(client));
	answer(probe, "pin", restante_client_pin(client));
	answer(probe, "capabilities", names);
	answer(probe, "mechanisms", restante_client_mechanisms(client));
	answer(probe, "implementation", restante_client_implementation(client));
	if ((has & RESTANTE_HAS_EXPIRE) != 0)
		answer_number(probe, "expire", restante_client_expire_days(client), "days");
	if ((has & RESTANTE_HAS_LOGIN_DELAY) != 0)
		answer_number(probe, "login-delay", restante_client_login_delay_seconds(client), "seconds");
	answer(probe, "login", restante_client_mechanism(client));
}

static int
fail(struct probe *probe, int status, const char *text)
{
	probe->status = status;
	report_event(probe->report, REPORT_PROBLEM, probe->account->name,
	    REPORT_FIELDS(FIELD_TEXT("connection", probe->name), FIELD_NUMBER("status", status)), "%s: %s",
	    probe->name, text);
	return -1;
}

/* Up to the login, or to where it would be: without credentials the library ends there. */
static void
look(struct probe *probe, const struct credentials *credentials)
{
	enum restante_result result;
	struct link link;
	struct error error;

	link_init(&link, probe->account, probe->report);
	if (link_open(&link, credentials, &error) != 0) {
		fail(probe, outcome_of_error(error.kind), error.text);
		link_destroy(&link);
		return;
	}
	link_connect(&link);
	result = restante_session_login(link.session);
	answer_all(probe, link.client);
	probe->has_tls = *restante_client_pin(link.client) != '\0';
	if (result == RESTANTE_OK)
		restante_session_quit(link.session);
	else if (credentials != NULL || result != RESTANTE_NO_MECHANISM)
		fail(probe, outcome_of_result(result), restante_client_error(link.client));
	link_destroy(&link);
}

/* What stands before the login is asked for first; for STLS, also what the server says in clear. */
static int
look_account(
    const struct fetch_context *context, struct report *report, const struct account *account, bool *has_tls)
{
	static const char *const names[] = {
		[ACCOUNT_TLS] = "tls", [ACCOUNT_STLS] = "stls", [ACCOUNT_CLEAR] = "clear"
	};
	struct account copy = *account;
	struct probe probe = { .context = context, .report = report, .account = &copy };
	struct credentials credentials = { 0 };
	struct error error;

	if (account->security == ACCOUNT_STLS) {
		copy.security = ACCOUNT_CLEAR;
		probe.name = "clear";
		look(&probe, NULL);
	}
	copy.security = account->security;
	probe.name = names[account->security];
	if (*account->user == '\0')
		look(&probe, NULL);
	else if (credentials_get(&credentials, account, context->state_directory, &error) == 0)
		look(&probe, &credentials);
	else if (fail(&probe, outcome_of_error(error.kind), error.text) != 0)
		look(&probe, NULL);
	credentials_wipe(&credentials);
	*has_tls = probe.has_tls;
	return probe.status;
}

/* "host", "host:port", "[v6]:port". */
static bool
host_split(struct account *account, const char *text)
{
	const char *end = *text == '[' ? strchr(text, ']') : NULL,
		   *colon = strchr(end != NULL ? end : text, ':');
	size_t size = colon != NULL ? (size_t)(colon - text) : strlen(text);

	if (colon != NULL &&
	    (!number_parse(colon + 1, &account->port) || account->port < 1 || account->port > 65535))
		return false;
	if (end != NULL && end - text + 1 != (ptrdiff_t)size)
		return false;
	if (end != NULL) {
		text++;
		size -= 2;
	}
	if (size == 0 || size >= sizeof(account->host))
		return false;
	snprintf(account->host, sizeof(account->host), "%.*s", (int)size, text);
	return true;
}

/*
 * TLS and STLS on their ports; where one is named, what belongs to it, and where it is nobody's STLS if it is not
 * TLS: whoever waits for TLS is silent until the time is over.
 */
static int
look_host(const struct fetch_context *context, struct report *report, const char *text)
{
	struct account account;
	int status = EX_OK, other = EX_OK;
	bool has_tls = false, ignored;

	account_defaults(&account, "host");
	if (!host_split(&account, text))
		return command_fail(EX_USAGE, "`%s` is no host", text);
	snprintf(account.name, sizeof(account.name), "%.*s", (int)sizeof(account.name) - 1, account.host);
	if (account.port != 110) {
		account.security = ACCOUNT_TLS;
		status = look_account(context, report, &account, &has_tls);
	}
	if (account.port != 0 && has_tls)
		return status;
	if (account.port != 995) {
		account.security = ACCOUNT_STLS;
		other = look_account(context, report, &account, &ignored);
	}
	/* One of both is enough. */
	return account.port == 110 || (account.port != 995 && other == EX_OK) ? other : status;
}

static int
look_at(const struct fetch_context *context, struct report *report, const char *word)
{
	struct account account;
	struct wanted wanted;
	struct error error;
	bool ignored;
	int status;

	if (word != NULL && strstr(word, "://") != NULL) {
		if (account_from_url(&account, word, &error) != 0)
			return command_fail(EX_USAGE, "%s", error.text);
		return look_account(context, report, &account, &ignored);
	}
	if (word != NULL && strpbrk(word, ".:[") != NULL)
		return look_host(context, report, word);
	status =
	    wanted_read(&wanted, context, (char *const[]){ (char *)(uintptr_t)word }, word != NULL ? 1 : 0);
	if (status != WANTED_GO_ON)
		return status;
	status = EX_OK;
	for (size_t i = 0; i < wanted.count; i++)
		status = outcome_worse(status, look_account(context, report, wanted.all[i], &ignored));
	wanted_free(&wanted);
	return status;
}

int
command_capabilities(struct fetch_context *context, int argc, char **argv)
{
	struct report *report;
	struct error error;
	char **words;
	int count, status = options_read(context, command_find("capabilities"), argc, argv, &words, &count);

	if (status != OPTIONS_GO_ON)
		return status;
	if (count > 1) {
		options_usage(stderr, command_find("capabilities"));
		return EX_USAGE;
	}
	if (report_open(&report, context, 0, &error) != 0)
		return command_fail(EX_CANTCREAT, "%s", error.text);
	status = look_at(context, report, count == 1 ? words[0] : NULL);
	report_close(report);
	return status;
}
