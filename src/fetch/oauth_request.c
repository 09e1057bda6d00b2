/* What is asked of a provider, and what its answers mean (RFC 8628, RFC 6749). See oauth.h. */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/secret.h"
#include "fetch/http.h"
#include "fetch/oauth.h"

/* RFC 8628, section 3.2: five seconds where nothing is said. The others are to stay within reason. */
#define INTERVAL_SECONDS     5
#define INTERVAL_SECONDS_MAX 60
#define SLOW_DOWN_SECONDS    5
#define DEVICE_SECONDS_MAX   3600
#define TOKEN_SECONDS_MAX    (30 * 86400)
#define FAILURES_MAX         5

enum verdict { VERDICT_GRANTED, VERDICT_WAIT, VERDICT_SLOW_DOWN, VERDICT_OVER };

/* RFC 6749, section 5.2; RFC 8628, section 3.5. */
static const struct {
	const char *word;
	enum verdict verdict;
	enum error_kind kind;
	const char *text;
} refusals[] = {
	{ "authorization_pending", VERDICT_WAIT, ERROR_TEMPORARY, "nobody has said yes yet" },
	{ "slow_down", VERDICT_SLOW_DOWN, ERROR_TEMPORARY, "it is asked too often" },
	{ "access_denied", VERDICT_OVER, ERROR_DENIED, "somebody said no in the browser" },
	{ "expired_token", VERDICT_OVER, ERROR_DENIED, "the code was good for so long only" },
	{ "invalid_grant", VERDICT_OVER, ERROR_DENIED, "the login no longer counts" },
	{ "invalid_client", VERDICT_OVER, ERROR_PERMANENT,
	    "oauth_client_id or oauth_client_secret is not known there" },
	{ "unauthorized_client", VERDICT_OVER, ERROR_PERMANENT,
	    "the client of oauth_client_id may not log in this way; allow it where it is registered" },
	{ "unsupported_grant_type", VERDICT_OVER, ERROR_PERMANENT, "it does not have this kind of login" },
	{ "invalid_scope", VERDICT_OVER, ERROR_PERMANENT, "oauth_scope asks for what cannot be given" },
	{ "invalid_request", VERDICT_OVER, ERROR_PERMANENT, "it does not take such a request" },
	{ "temporarily_unavailable", VERDICT_OVER, ERROR_TEMPORARY, "it is not to be reached now" },
	{ "server_error", VERDICT_OVER, ERROR_TEMPORARY, "something is wrong there" },
};

/* What comes from elsewhere is shown, or sent on in a line: visible ASCII. "" where it is missing. */
static bool
text_take(char *text, size_t size, const json_t *answer, const char *name)
{
	const json_t *value = json_object_get(answer, name);
	const char *found = value == NULL || json_is_null(value) ? "" : json_string_value(value);

	if (found == NULL || strlen(found) >= size)
		return false;
	for (const char *p = found; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	memcpy(text, found, strlen(found) + 1);
	return true;
}

/* A number of seconds, in digits or in quotes; what is missing or makes no sense is the fallback. */
static uint64_t
seconds_take(const json_t *answer, const char *name, uint64_t fallback, uint64_t max)
{
	const json_t *value = json_object_get(answer, name);
	double seconds =
	    json_is_string(value) ? strtod(json_string_value(value), NULL) : json_number_value(value);

	if (!(seconds >= 1))
		return fallback;
	return seconds > (double)max ? max : (uint64_t)seconds;
}

static enum verdict
refusal_tell(const struct oauth_settings *settings, const json_t *answer, long status, struct error *error)
{
	char word[64] = "", detail[200] = "";
	const char *description = json_string_value(json_object_get(answer, "error_description"));

	(void)text_take(word, sizeof(word), answer, "error");
	/* For people; some have line ends. */
	if (description != NULL)
		snprintf(detail, sizeof(detail), " (%.100s)", description);
	for (char *p = detail; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = ' ';
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (strcmp(refusals[i].word, word) != 0)
			continue;
		error_set(error, refusals[i].kind, "%s: %s%s", settings->provider, refusals[i].text, detail);
		return refusals[i].verdict;
	}
	error_set(error, status >= 500 || status == 429 ? ERROR_TEMPORARY : ERROR_PERMANENT,
	    "%s answers %ld %s%s", settings->provider, status,
	    word[0] != '\0' ? word : "and nothing that OAuth 2 has", detail);
	return VERDICT_OVER;
}

/*
 * Sends a form and reads the answer, for json_decref(). NULL: no answer, ERROR_TEMPORARY, or a URL that may
 * not be used.
 */
static json_t *
ask(const char *url, const struct oauth_settings *settings, const struct http_field form[], long *status,
    struct error *error)
{
	char *body = calloc(1, HTTP_BODY_SIZE);
	json_t *answer = NULL;

	if (body == NULL) {
		error_set(error, ERROR_TEMPORARY, "no memory for an answer");
		return NULL;
	}
	if (http_post(url, settings->plain_http, form, status, body, error) == 0) {
		answer = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(answer)) {
			json_decref(answer);
			answer = NULL;
			error_set(error, *status >= 200 && *status < 300 ? ERROR_PERMANENT : ERROR_TEMPORARY,
			    "%.120s answers %ld and no JSON: is that the address for this?", url, *status);
		}
	}
	secret_wipe(body, HTTP_BODY_SIZE);
	free(body);
	return answer;
}

/* RFC 6749, section 5.1. */
static int
tokens_take(struct oauth_tokens *tokens, const struct oauth_settings *settings, const json_t *answer,
    struct error *error)
{
	const char *type = json_string_value(json_object_get(answer, "token_type"));
	char access[TOKEN_SIZE], refresh[TOKEN_SIZE];
	int result = 0;

	if (!text_take(access, sizeof(access), answer, "access_token") || access[0] == '\0' ||
	    !text_take(refresh, sizeof(refresh), answer, "refresh_token")) {
		result = error_set(
		    error, ERROR_PERMANENT, "%s answers with something that is no token", settings->provider);
	} else if (type != NULL && strcasecmp(type, "bearer") != 0) {
		result = error_set(error, ERROR_PERMANENT,
		    "%s answers with a token of another kind than Bearer", settings->provider);
	} else {
		memcpy(tokens->access, access, sizeof(access));
		/* Section 6: without another one the old one stays. */
		if (refresh[0] != '\0')
			memcpy(tokens->refresh, refresh, sizeof(refresh));
		tokens->end_time =
		    (int64_t)time(NULL) + (int64_t)seconds_take(answer, "expires_in", 3600, TOKEN_SECONDS_MAX);
	}
	secret_wipe(access, sizeof(access));
	secret_wipe(refresh, sizeof(refresh));
	return result;
}

/* *error is set but for VERDICT_GRANTED. no_answer: there was none. */
static enum verdict
tokens_ask(struct oauth_tokens *tokens, const struct oauth_settings *settings, const struct http_field form[],
    bool *no_answer, struct error *error)
{
	long status = 0;
	json_t *answer = ask(settings->token_url, settings, form, &status, error);
	enum verdict verdict = VERDICT_OVER;

	*no_answer = answer == NULL && error->kind == ERROR_TEMPORARY;
	if (answer == NULL)
		return VERDICT_OVER;
	if (status < 200 || status > 299 || json_object_get(answer, "error") != NULL)
		verdict = refusal_tell(settings, answer, status, error);
	else if (tokens_take(tokens, settings, answer, error) == 0)
		verdict = VERDICT_GRANTED;
	json_decref(answer);
	return verdict;
}

int
oauth_refresh(struct oauth_tokens *tokens, const struct oauth_settings *settings, struct error *error)
{
	const struct http_field form[] = {
		{ "grant_type", "refresh_token" },
		{ "refresh_token", tokens->refresh },
		{ "client_id", settings->client_id },
		{ "client_secret", settings->client_secret },
		{ .name = NULL },
	};
	bool no_answer;

	return tokens_ask(tokens, settings, form, &no_answer, error) == VERDICT_GRANTED ? 0 : -1;
}

static int
device_take(struct oauth_device *device, const struct oauth_settings *settings, const json_t *answer,
    struct error *error)
{
	/* Google's answer came before the RFC. */
	const char *url =
	    json_object_get(answer, "verification_uri") != NULL ? "verification_uri" : "verification_url";

	memset(device, 0, sizeof(*device));
	if (!text_take(device->code, sizeof(device->code), answer, "device_code") ||
	    !text_take(device->user_code, sizeof(device->user_code), answer, "user_code") ||
	    !text_take(device->url, sizeof(device->url), answer, url) || device->code[0] == '\0' ||
	    device->user_code[0] == '\0' || device->url[0] == '\0')
		return error_set(error, ERROR_PERMANENT,
		    "%s answers with something that is no code to log in with", settings->provider);
	if (!text_take(device->complete_url, sizeof(device->complete_url), answer, "verification_uri_complete"))
		device->complete_url[0] = '\0';
	device->seconds = seconds_take(answer, "expires_in", 900, DEVICE_SECONDS_MAX);
	device->interval_seconds = seconds_take(answer, "interval", INTERVAL_SECONDS, INTERVAL_SECONDS_MAX);
	return 0;
}

int
oauth_device_begin(struct oauth_device *device, const struct oauth_settings *settings, struct error *error)
{
	const struct http_field form[] = {
		{ "client_id", settings->client_id },
		{ "client_secret", settings->client_secret },
		{ "scope", settings->scope },
		{ .name = NULL },
	};
	long status = 0;
	json_t *answer;
	int result = -1;

	if (settings->device_url[0] == '\0')
		return error_set(error, ERROR_PERMANENT, "%s has no device login", settings->provider);
	answer = ask(settings->device_url, settings, form, &status, error);
	if (answer == NULL)
		return -1;
	if (status < 200 || status > 299 || json_object_get(answer, "error") != NULL)
		(void)refusal_tell(settings, answer, status, error);
	else
		result = device_take(device, settings, answer, error);
	json_decref(answer);
	return result;
}

static void
seconds_sleep(uint64_t seconds)
{
	const struct timespec duration = { .tv_sec = (time_t)seconds };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
}

/* RFC 8628, section 3.4 and 3.5. */
int
oauth_device_wait(struct oauth_tokens *tokens, struct oauth_device *device,
    const struct oauth_settings *settings, struct error *error)
{
	const struct http_field form[] = {
		{ "grant_type", "urn:ietf:params:oauth:grant-type:device_code" },
		{ "device_code", device->code },
		{ "client_id", settings->client_id },
		{ "client_secret", settings->client_secret },
		{ .name = NULL },
	};
	uint64_t end = clock_milliseconds() + device->seconds * 1000;
	unsigned failures = 0;

	while (clock_milliseconds() < end) {
		enum verdict verdict;
		bool no_answer;

		seconds_sleep(device->interval_seconds);
		verdict = tokens_ask(tokens, settings, form, &no_answer, error);
		if (verdict == VERDICT_GRANTED)
			return 0;
		/* Section 3.5: a connection that fails is tried again, more slowly. */
		if (verdict == VERDICT_SLOW_DOWN || no_answer)
			device->interval_seconds += SLOW_DOWN_SECONDS;
		failures = no_answer ? failures + 1 : 0;
		if ((verdict == VERDICT_OVER && !no_answer) || failures == FAILURES_MAX)
			return -1;
	}
	return error_set(
	    error, ERROR_DENIED, "%s: nobody said yes while the code was good", settings->provider);
}
