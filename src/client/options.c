/*
 * The options: one row each. A value is looked at when it is set, so that a client that is made of them
 * finds nothing that cannot be, and no value can end a line of the protocol.
 */

#include "client/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"
#include "base/secret.h"
#include "base/writer.h"
#include "pop3/url.h"

#define TOKEN_OCTETS_MAX    16384
#define PASSWORD_OCTETS_MAX 1024

enum option_type {
	OPTION_TEXT,
	OPTION_NUMBER,		/* min to max */
	OPTION_WORD,		/* one of words */
};

struct option_row {
	const char *name;
	enum option_type type;
	uint64_t min, max;	/* OPTION_TEXT: octets */
	const char *otherwise;	/* the default; NULL: none */
	const char *words;	/* separated by spaces */
};

static const char yes_or_no[] = "yes no";

static const struct option_row rows[RESTANTE_OPTION_COUNT] = {
	[RESTANTE_HOST] = { "host", OPTION_TEXT, 1, HOST_SIZE - 1, NULL, NULL },
	[RESTANTE_PORT] = { "port", OPTION_NUMBER, 1, 65535, NULL, NULL },
	[RESTANTE_SECURITY] = { "security", OPTION_WORD, 0, 0, "tls", "tls stls clear" },
	[RESTANTE_CLEAR_PASSWORD] = { "clear password", OPTION_WORD, 0, 0, "no", yes_or_no },
	[RESTANTE_SERVER_NAME] = { "server name", OPTION_TEXT, 1, HOST_SIZE - 1, NULL, NULL },
	[RESTANTE_CA_FILE] = { "CA file", OPTION_TEXT, 1, PATH_SIZE - 1, NULL, NULL },
	[RESTANTE_PIN] = { "pin", OPTION_TEXT, 43, 128, NULL, NULL },
	[RESTANTE_CERTIFICATE_FILE] = { "certificate file", OPTION_TEXT, 1, PATH_SIZE - 1, NULL, NULL },
	[RESTANTE_KEY_FILE] = { "key file", OPTION_TEXT, 1, PATH_SIZE - 1, NULL, NULL },
	[RESTANTE_USER] = { "user", OPTION_TEXT, 1, USER_SIZE - 1, NULL, NULL },
	[RESTANTE_AUTHORIZATION] = { "authorization", OPTION_TEXT, 1, USER_SIZE - 1, NULL, NULL },
	[RESTANTE_PASSWORD] = { "password", OPTION_TEXT, 0, PASSWORD_OCTETS_MAX, NULL, NULL },
	[RESTANTE_TOKEN] = { "token", OPTION_TEXT, 1, TOKEN_OCTETS_MAX, NULL, NULL },
	[RESTANTE_MECHANISMS] = { "mechanisms", OPTION_TEXT, 0, LIST_SIZE - 1, "*", NULL },
	[RESTANTE_UTF8] = { "UTF8", OPTION_WORD, 0, 0, "no", yes_or_no },
	[RESTANTE_LANGUAGE] = { "language", OPTION_TEXT, 1, 64, NULL, NULL },
	[RESTANTE_PIPELINING] = { "pipelining", OPTION_WORD, 0, 0, "yes", yes_or_no },
	[RESTANTE_WINDOW] = { "window", OPTION_NUMBER, 1, 10000, "64", NULL },
	[RESTANTE_TIMEOUT] = { "timeout", OPTION_NUMBER, 1, 86400, "60", NULL },
	[RESTANTE_CONNECT_TIMEOUT] = { "connect timeout", OPTION_NUMBER, 1, 86400, "20", NULL },
};

struct restante_options {
	char *values[RESTANTE_OPTION_COUNT];
	struct error error;
};

struct restante_options *
restante_options_new(void)
{
	return calloc(1, sizeof(struct restante_options));
}

static void
value_free(char *value)
{
	if (value != NULL)
		secret_wipe(value, strlen(value));
	free(value);
}

void
restante_options_free(struct restante_options *options)
{
	if (options == NULL)
		return;
	for (size_t i = 0; i < RESTANTE_OPTION_COUNT; i++)
		value_free(options->values[i]);
	free(options);
}

static bool
option_exists(enum restante_option option)
{
	return option >= RESTANTE_HOST && option < RESTANTE_OPTION_COUNT;
}

static int
check_text(const struct option_row *row, const char *value, struct error *error)
{
	size_t octets = strlen(value);

	if (octets < row->min || octets > row->max)
		return error_set(error, ERROR_PERMANENT, "%s: %zu octets; %llu to %llu can be",
		    row->name, octets, (unsigned long long)row->min, (unsigned long long)row->max);
	if (strpbrk(value, "\r\n") != NULL)
		return error_set(error, ERROR_PERMANENT, "%s: a line end in it", row->name);
	return 0;
}

static int
check_number(const struct option_row *row, const char *value, struct error *error)
{
	uint64_t number;

	if (!number_parse(value, &number) || number < row->min || number > row->max)
		return error_set(error, ERROR_PERMANENT, "%s: not a number from %llu to %llu", row->name,
		    (unsigned long long)row->min, (unsigned long long)row->max);
	return 0;
}

static int
check_word(const struct option_row *row, const char *value, struct error *error)
{
	size_t octets = strlen(value);

	for (const char *word = row->words; *word != '\0'; word += *word == ' ') {
		size_t end = strcspn(word, " ");

		if (end == octets && memcmp(word, value, end) == 0)
			return 0;
		word += end;
	}
	return error_set(error, ERROR_PERMANENT, "%s: none of: %s", row->name, row->words);
}

static int
check(const struct option_row *row, const char *value, struct error *error)
{
	static int (*const checks[])(const struct option_row *, const char *, struct error *) = {
		[OPTION_TEXT] = check_text,
		[OPTION_NUMBER] = check_number,
		[OPTION_WORD] = check_word,
	};

	return checks[row->type](row, value, error);
}

int
restante_options_set(struct restante_options *options, enum restante_option option, const char *value)
{
	char *copy = NULL;

	if (!option_exists(option))
		return error_set(&options->error, ERROR_PERMANENT, "there is no option %d", (int)option);
	if (value != NULL) {
		if (check(&rows[option], value, &options->error) != 0)
			return -1;
		copy = strdup(value);
		if (copy == NULL)
			return error_set(&options->error, ERROR_TEMPORARY, "no memory");
	}
	value_free(options->values[option]);
	options->values[option] = copy;
	return 0;
}

const char *
restante_options_get(const struct restante_options *options, enum restante_option option)
{
	return option_exists(option) ? options->values[option] : NULL;
}

const char *
restante_options_error(const struct restante_options *options)
{
	return options->error.text;
}

const char *
option_text_or_null(const struct restante_options *options, enum restante_option option)
{
	const char *value = options->values[option];

	if (value == NULL && option == RESTANTE_PORT)
		return strcmp(option_text(options, RESTANTE_SECURITY), "tls") == 0 ? "995" : "110";
	return value != NULL ? value : rows[option].otherwise;
}

const char *
option_text(const struct restante_options *options, enum restante_option option)
{
	const char *value = option_text_or_null(options, option);

	return value != NULL ? value : "";
}

bool
option_is_yes(const struct restante_options *options, enum restante_option option)
{
	return strcmp(option_text(options, option), "yes") == 0;
}

uint64_t
option_number(const struct restante_options *options, enum restante_option option)
{
	uint64_t number = 0;

	number_parse(option_text(options, option), &number);
	return number;
}

struct restante_options *
options_copy(const struct restante_options *options)
{
	struct restante_options *copy = restante_options_new();

	for (size_t i = 0; copy != NULL && i < RESTANTE_OPTION_COUNT; i++) {
		if (options->values[i] == NULL)
			continue;
		copy->values[i] = strdup(options->values[i]);
		if (copy->values[i] == NULL) {
			restante_options_free(copy);
			return NULL;
		}
	}
	return copy;
}

int
restante_options_set_url(struct restante_options *options, const char *url)
{
	struct restante_options *changed;
	struct pop_url parsed;
	char port[NUMBER_DIGITS_MAX + 1];
	int result;

	if (pop_url_parse(&parsed, url, &options->error) != 0)
		return -1;
	changed = options_copy(options);
	if (changed == NULL)
		return error_set(&options->error, ERROR_TEMPORARY, "no memory");
	*number_put(port, parsed.port) = '\0';
	result = restante_options_set(changed, RESTANTE_HOST, parsed.host) != 0 ||
	    restante_options_set(changed, RESTANTE_SECURITY, parsed.tls ? "tls" : "stls") != 0 ||
	    restante_options_set(changed, RESTANTE_PORT, parsed.port != 0 ? port : NULL) != 0 ||
	    (parsed.user[0] != '\0' && restante_options_set(changed, RESTANTE_USER, parsed.user) != 0) ||
	    (parsed.mechanism[0] != '\0' && restante_options_set(changed, RESTANTE_MECHANISMS,
	    parsed.mechanism[0] == '+' ? parsed.mechanism + 1 : parsed.mechanism) != 0) ? -1 : 0;
	if (result == 0) {
		struct restante_options before = *options;

		*options = *changed;
		*changed = before;
	} else
		options->error = changed->error;
	restante_options_free(changed);
	return result;
}

char *
restante_options_url(const struct restante_options *options)
{
	const char *mechanisms = option_text(options, RESTANTE_MECHANISMS);
	struct pop_url url = { .tls = strcmp(option_text(options, RESTANTE_SECURITY), "tls") == 0 };
	char text[2048];
	struct writer writer;

	if (options->values[RESTANTE_HOST] == NULL)
		return NULL;
	writer_init(&writer, url.host, sizeof(url.host) - 1, NULL, NULL);
	writer_text(&writer, option_text(options, RESTANTE_HOST));
	writer_init(&writer, url.user, sizeof(url.user) - 1, NULL, NULL);
	writer_text(&writer, option_text(options, RESTANTE_USER));
	if (options->values[RESTANTE_PORT] != NULL)
		url.port = (unsigned)option_number(options, RESTANTE_PORT);
	/* A URL has room for one. */
	if (options->values[RESTANTE_MECHANISMS] != NULL && strchr(mechanisms, ' ') == NULL) {
		writer_init(&writer, url.mechanism, sizeof(url.mechanism) - 1, NULL, NULL);
		writer_printf(&writer, "%s%s", strcasecmp(mechanisms, "APOP") == 0 ? "+" : "", mechanisms);
		if (writer.failed)
			url.mechanism[0] = '\0';
	}
	writer_init(&writer, text, sizeof(text) - 1, NULL, NULL);
	if (!pop_url_write(&url, &writer))
		return NULL;
	text[writer.used] = '\0';
	return strdup(text);
}
