/* See link.h. */

#include "fetch/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char *const security_words[] = {
	[ACCOUNT_TLS] = "tls",
	[ACCOUNT_STLS] = "stls",
	[ACCOUNT_CLEAR] = "clear",
};

void
link_init(struct link *link, const struct account *account, struct report *report)
{
	memset(link, 0, sizeof(*link));
	link->account = account;
	link->report = report;
	link->socket = -1;
	pthread_mutex_init(&link->lock, NULL);
}

void
link_destroy(struct link *link)
{
	link_close(link);
	pthread_mutex_destroy(&link->lock);
}

static bool
set_text(struct restante_options *options, enum restante_option option, const char *value)
{
	return *value == '\0' || restante_options_set(options, option, value) == 0;
}

static bool
set_number(struct restante_options *options, enum restante_option option, uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	return number == 0 || restante_options_set(options, option, digits) == 0;
}

static bool
set_flag(struct restante_options *options, enum restante_option option, uint64_t flag)
{
	return restante_options_set(options, option, flag != 0 ? "yes" : "no") == 0;
}

static bool
set_server(struct restante_options *options, const struct account *account)
{
	return set_text(options, RESTANTE_HOST, account->host) &&
	       set_number(options, RESTANTE_PORT, account->port) &&
	       set_text(options, RESTANTE_SECURITY, security_words[account->security]) &&
	       set_flag(options, RESTANTE_CLEAR_PASSWORD, account->clear_password) &&
	       set_text(options, RESTANTE_SERVER_NAME, account->server_name) &&
	       set_text(options, RESTANTE_CA_FILE, account->ca_file) &&
	       set_text(options, RESTANTE_PIN, account->pin) &&
	       set_text(options, RESTANTE_CERTIFICATE_FILE, account->certificate_file) &&
	       set_text(options, RESTANTE_KEY_FILE, account->key_file) &&
	       set_flag(options, RESTANTE_PIPELINING, account->pipelining) &&
	       set_number(options, RESTANTE_WINDOW, LINK_WINDOW) &&
	       set_number(options, RESTANTE_TIMEOUT, account->timeout_seconds);
}

static bool
set_user(struct restante_options *options, const struct account *account, const struct credentials *credentials)
{
	return set_text(options, RESTANTE_USER, account->user) &&
	       set_text(options, RESTANTE_AUTHORIZATION, account->authorization) &&
	       set_text(options, RESTANTE_MECHANISMS, account->mechanisms) &&
	       set_flag(options, RESTANTE_UTF8, account->utf8) &&
	       (!credentials->is_there ||
		   set_text(options, credentials->is_token ? RESTANTE_TOKEN : RESTANTE_PASSWORD,
		       credentials->secret));
}

static void
trace(void *context, char direction, const char *line, size_t size)
{
	const struct link *link = context;

	report_trace(link->report, link->account->name, direction, line, size);
}

int
link_open(struct link *link, const struct credentials *credentials, struct error *error)
{
	struct restante_options *options = restante_options_new();

	if (options == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory");
	if (!set_server(options, link->account) ||
	    (credentials != NULL && !set_user(options, link->account, credentials))) {
		error_set(error, ERROR_PERMANENT, "%s", restante_options_error(options));
		restante_options_free(options);
		return -1;
	}
	link->session = restante_session_new(options);
	restante_options_free(options);
	if (link->session == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory");
	link->client = restante_session_client(link->session);
	if (report_wants_trace(link->report))
		restante_client_trace(link->client, trace, link);
	return 0;
}

void
link_watch(struct link *link)
{
	pthread_mutex_lock(&link->lock);
	link->socket = restante_session_socket(link->session);
	if (link->is_cut && link->socket >= 0)
		shutdown(link->socket, SHUT_RDWR);
	pthread_mutex_unlock(&link->lock);
}

enum restante_result
link_connect(struct link *link)
{
	enum restante_result result = restante_session_connect(link->session);

	link_watch(link);
	return result;
}

void
link_close(struct link *link)
{
	pthread_mutex_lock(&link->lock);
	link->socket = -1;
	pthread_mutex_unlock(&link->lock);
	restante_session_free(link->session);
	link->session = NULL;
	link->client = NULL;
}

void
link_cut(struct link *link)
{
	pthread_mutex_lock(&link->lock);
	link->is_cut = true;
	if (link->socket >= 0)
		shutdown(link->socket, SHUT_RDWR);
	pthread_mutex_unlock(&link->lock);
}
