/*
 * What providers answer and what becomes of it; what is kept of it, and who gets it. The network and the
 * time are the test's: http_post(), clock_nanosleep() and clock_milliseconds() are wrapped.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "fetch/http.h"
#include "fetch/oauth.h"

#define TOKEN_URL  "https://login.example.org/token"
#define DEVICE_URL "https://login.example.org/device"

static char directory[] = "/tmp/oauth_test_XXXXXX";

/* The answers that are still to come, and the forms that were sent. */
static const struct answer {
	long status;	/* 0: there is no answer */
	const char *body;
} *answers;
static char forms[4096];
static uint64_t now_milliseconds, slept_seconds;

int __wrap_http_post(const char *, bool, const struct http_field[], long *, char *, struct error *);
int __wrap_clock_nanosleep(clockid_t, int, const struct timespec *, struct timespec *);
uint64_t __wrap_clock_milliseconds(void);

int
__wrap_http_post(const char *url, bool is_plain, const struct http_field fields[], long *status, char *body,
    struct error *error)
{
	size_t used = strlen(forms);

	assert_false(is_plain);
	used += (size_t)snprintf(forms + used, sizeof(forms) - used, "%s", strrchr(url, '/'));
	for (; fields->name != NULL; fields++)
		if (fields->value[0] != '\0')
			used += (size_t)snprintf(forms + used, sizeof(forms) - used, " %s=%s", fields->name, fields->value);
	snprintf(forms + used, sizeof(forms) - used, "\n");
	assert_non_null(answers->body);
	if (answers->status == 0)
		return error_set(error, ERROR_TEMPORARY, "%s", answers++->body);
	*status = answers->status;
	snprintf(body, HTTP_BODY_SIZE, "%s", answers++->body);
	return 0;
}

int
__wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *duration, struct timespec *rest)
{
	(void)clock;
	(void)flags;
	(void)rest;
	slept_seconds = (uint64_t)duration->tv_sec;
	now_milliseconds += slept_seconds * 1000;
	return 0;
}

uint64_t
__wrap_clock_milliseconds(void)
{
	return now_milliseconds;
}

static const struct oauth_settings settings = {
	.provider = "example",
	.device_url = DEVICE_URL,
	.token_url = TOKEN_URL,
	.scope = "pop offline",
	.client_id = "id",
};

static void
expect_answers(const struct answer list[])
{
	answers = list;
	forms[0] = '\0';
}

#define CODE "{\"device_code\": \"dc\", \"user_code\": \"AB-CD\", \"verification_uri\": \"https://e.org/d\""

static const struct {
	struct answer answers[2];
	enum error_kind kind;	/* ERROR_NONE: good */
	const char *text;
	unsigned seconds, interval_seconds;
} begins[] = {
	{ { { 200, CODE ", \"expires_in\": 600, \"interval\": 7}" } }, ERROR_NONE, "", 600, 7 },
	{ { { 200, CODE "}" } }, ERROR_NONE, "", 900, 5 },
	{ { { 200, CODE ", \"expires_in\": \"600\", \"interval\": \"7\"}" } }, ERROR_NONE, "", 600, 7 },
	{ { { 200, CODE ", \"expires_in\": 1e99, \"interval\": 1e99}" } }, ERROR_NONE, "", 3600, 60 },
	{ { { 200, CODE ", \"expires_in\": -1, \"interval\": 0}" } }, ERROR_NONE, "", 900, 5 },
	{ { { 200, "{\"device_code\": \"dc\", \"user_code\": \"AB-CD\", \"verification_url\": \"https://e.org/d\"}" } },
	    ERROR_NONE, "", 900, 5 },
	{ { { 200, "{\"device_code\": \"dc\", \"user_code\": \"AB-CD\"}" } }, ERROR_PERMANENT,
	    "example answers with something that is no code to log in with", 0, 0 },
	{ { { 200, "{\"device_code\": \"dc\", \"user_code\": \"A\\u001b[2J\", \"verification_uri\": \"https://e.org\"}" } },
	    ERROR_PERMANENT, "example answers with something that is no code to log in with", 0, 0 },
	{ { { 200, "{\"device_code\": 7, \"user_code\": \"AB\", \"verification_uri\": \"https://e.org\"}" } },
	    ERROR_PERMANENT, "example answers with something that is no code to log in with", 0, 0 },
	{ { { 200, "<html>" } }, ERROR_PERMANENT,
	    DEVICE_URL " answers 200 and no JSON: is that the address for this?", 0, 0 },
	{ { { 502, "<html>" } }, ERROR_TEMPORARY,
	    DEVICE_URL " answers 502 and no JSON: is that the address for this?", 0, 0 },
	{ { { 400, "{\"error\": \"invalid_client\", \"error_description\": \"who\\r\\nis that\"}" } }, ERROR_PERMANENT,
	    "example: oauth_client_id or oauth_client_secret is not known there (who  is that)", 0, 0 },
	{ { { 400, "{\"error\": \"odd\"}" } }, ERROR_PERMANENT, "example answers 400 odd", 0, 0 },
	{ { { 503, "{}" } }, ERROR_TEMPORARY, "example answers 503 and nothing that OAuth 2 has", 0, 0 },
	{ { { 0, "no route" } }, ERROR_TEMPORARY, "no route", 0, 0 },
};

static void
test_begin(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		struct oauth_device device;
		struct error error = { .kind = ERROR_NONE };

		expect_answers(begins[i].answers);
		assert_int_equal(
		    oauth_device_begin(&device, &settings, &error), begins[i].kind == ERROR_NONE ? 0 : -1);
		assert_int_equal(error.kind, begins[i].kind);
		assert_string_equal(error.text, begins[i].text);
		assert_string_equal(forms, "/device client_id=id scope=pop offline\n");
		if (begins[i].kind != ERROR_NONE)
			continue;
		assert_string_equal(device.code, "dc");
		assert_string_equal(device.user_code, "AB-CD");
		assert_string_equal(device.url, "https://e.org/d");
		assert_int_equal(device.seconds, begins[i].seconds);
		assert_int_equal(device.interval_seconds, begins[i].interval_seconds);
	}
}

#define PENDING  { 400, "{\"error\": \"authorization_pending\"}" }
#define SLOW     { 400, "{\"error\": \"slow_down\"}" }
#define GRANTED  { 200, "{\"access_token\": \"at\", \"token_type\": \"Bearer\", \"refresh_token\": \"rt\", \"expires_in\": 60}" }
#define NOTHING  { 0, "no route" }

static const struct {
	struct answer answers[12];
	enum error_kind kind;
	const char *text;
	unsigned asked, seconds;	/* so often, in so long */
} waits[] = {
	{ { GRANTED }, ERROR_NONE, "", 1, 5 },
	{ { PENDING, PENDING, GRANTED }, ERROR_NONE, "", 3, 15 },
	/* RFC 8628, section 3.5: five seconds more from then on. */
	{ { PENDING, SLOW, PENDING, GRANTED }, ERROR_NONE, "", 4, 30 },
	{ { SLOW, SLOW, GRANTED }, ERROR_NONE, "", 3, 30 },
	{ { PENDING, NOTHING, GRANTED }, ERROR_NONE, "", 3, 20 },
	{ { PENDING, { 400, "{\"error\": \"access_denied\"}" } }, ERROR_DENIED,
	    "example: somebody said no in the browser", 2, 10 },
	{ { { 400, "{\"error\": \"expired_token\"}" } }, ERROR_DENIED, "example: the code was good for so long only", 1, 5 },
	{ { NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, GRANTED }, ERROR_TEMPORARY, "no route", 5, 75 },
	{ { NOTHING, NOTHING, NOTHING, PENDING, NOTHING, GRANTED }, ERROR_NONE, "", 6, 95 },
	/* The code is good for 100 seconds. */
	{ { SLOW, SLOW, SLOW, SLOW, SLOW, SLOW, SLOW, SLOW }, ERROR_DENIED,
	    "example: nobody said yes while the code was good", 6, 105 },
	{ { { 200, "{\"access_token\": \"a\\r\\nb\"}" } }, ERROR_PERMANENT,
	    "example answers with something that is no token", 1, 5 },
	{ { { 200, "{\"access_token\": \"\"}" } }, ERROR_PERMANENT, "example answers with something that is no token", 1, 5 },
	{ { { 200, "{}" } }, ERROR_PERMANENT, "example answers with something that is no token", 1, 5 },
	{ { { 200, "{\"access_token\": \"a\", \"token_type\": \"mac\"}" } }, ERROR_PERMANENT,
	    "example answers with a token of another kind than Bearer", 1, 5 },
	{ { { 200, "[]" } }, ERROR_PERMANENT, TOKEN_URL " answers 200 and no JSON: is that the address for this?", 1, 5 },
};

static void
test_wait(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct oauth_device device = { .code = "dc", .seconds = 100, .interval_seconds = 5 };
		static struct oauth_tokens tokens;
		struct error error = { .kind = ERROR_NONE };
		unsigned asked = 0;

		memset(&tokens, 0, sizeof(tokens));
		now_milliseconds = 1000;
		expect_answers(waits[i].answers);
		if (oauth_device_wait(&tokens, &device, &settings, &error) != (waits[i].kind == ERROR_NONE ? 0 : -1))
			fail_msg("case %zu: %s", i, error.text);
		if (waits[i].kind != ERROR_NONE) {
			assert_int_equal(error.kind, waits[i].kind);
			assert_string_equal(error.text, waits[i].text);
			assert_string_equal(tokens.access, "");
		} else {
			assert_string_equal(tokens.access, "at");
			assert_string_equal(tokens.refresh, "rt");
		}
		for (const char *p = forms; *p != '\0'; p += strcspn(p, "\n") + 1, asked++)
			assert_memory_equal(p,
			    "/token grant_type=urn:ietf:params:oauth:grant-type:device_code device_code=dc client_id=id\n", 89);
		assert_int_equal(asked, waits[i].asked);
		assert_int_equal((now_milliseconds - 1000) / 1000, waits[i].seconds);
	}
}

static struct account
account_of(const char *name)
{
	struct account account;

	account_defaults(&account, name);
	snprintf(account.user, sizeof(account.user), "anna");
	snprintf(account.oauth, sizeof(account.oauth), "example");
	snprintf(account.oauth_token_url, sizeof(account.oauth_token_url), TOKEN_URL);
	snprintf(account.oauth_client_id, sizeof(account.oauth_client_id), "id");
	return account;
}

static void
path_of(char path[PATH_SIZE], const char *name)
{
	snprintf(path, PATH_SIZE, "%s/state/%s", directory, name);
}

static char *
state_directory(void)
{
	static char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/state", directory);
	return path;
}

static void
expect_token(const struct account *account, bool is_forced, const char *token)
{
	char buffer[64];
	struct error error = { .kind = ERROR_NONE };

	if (account_token(account, state_directory(), is_forced, buffer, sizeof(buffer), &error) != 0)
		fail_msg("%s", error.text);
	assert_string_equal(buffer, token);
}

static void
expect_no_token(const struct account *account, bool is_forced, enum error_kind kind, const char *text)
{
	char buffer[64] = "untouched";
	struct error error;

	assert_int_equal(account_token(account, state_directory(), is_forced, buffer, sizeof(buffer), &error), -1);
	assert_string_equal(error.text, text);
	assert_int_equal(error.kind, kind);
	assert_int_equal(buffer[0], '\0');
}

static void
tokens_keep(const struct account *account, const char *access, const char *refresh, long seconds)
{
	struct oauth_tokens tokens = { .end_time = time(NULL) + seconds };
	struct error error;
	char place[PATH_SIZE], path[PATH_SIZE];

	snprintf(tokens.access, sizeof(tokens.access), "%s", access);
	snprintf(tokens.refresh, sizeof(tokens.refresh), "%s", refresh);
	assert_int_equal(oauth_tokens_save(&tokens, account, &settings, state_directory(), place, &error), 0);
	path_of(path, "a.token");
	assert_string_equal(place, path);
}

/* From none to one that is kept, one that has ended, one that is refused, one that is replaced. */
static void
test_life(void **state)
{
	static const struct answer second[] = {
		{ 200, "{\"access_token\": \"two\", \"expires_in\": \"3600\"}" }, { 0, NULL }
	};
	static const struct answer third[] = {
		{ 200, "{\"access_token\": \"three\", \"refresh_token\": \"rt2\", \"expires_in\": 3600}" }, { 0, NULL }
	};
	static const struct answer refused[] = {
		{ 400, "{\"error\": \"invalid_grant\", \"error_description\": \"revoked\"}" }, { 0, NULL }
	};
	static const struct answer away[] = { NOTHING, { 0, NULL } };
	struct account account = account_of("a"), other;
	struct stat status;
	char path[PATH_SIZE];

	(void)state;
	expect_no_token(&account, false, ERROR_DENIED,
	    "account a: there is no OAuth 2 login yet; run: restante login a");
	tokens_keep(&account, "one", "rt", 3600);
	path_of(path, "a.token");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	expect_answers(second);
	expect_token(&account, false, "one");
	assert_string_equal(forms, "");
	/* One that ends within the next minute has ended. The refresh token stays where no other comes. */
	tokens_keep(&account, "one", "rt", 59);
	expect_token(&account, false, "two");
	assert_string_equal(forms, "/token grant_type=refresh_token refresh_token=rt client_id=id\n");
	expect_token(&account, false, "two");
	expect_answers(third);
	expect_token(&account, true, "three");
	assert_string_equal(forms, "/token grant_type=refresh_token refresh_token=rt client_id=id\n");
	expect_answers(away);
	expect_no_token(&account, true, ERROR_TEMPORARY, "account a: no route");
	assert_string_equal(forms, "/token grant_type=refresh_token refresh_token=rt2 client_id=id\n");
	expect_token(&account, false, "three");
	expect_answers(refused);
	expect_no_token(&account, true, ERROR_DENIED,
	    "account a: example: the login no longer counts (revoked); run: restante login a");
	/* Nothing goes to another address or in another client's name. */
	expect_answers(second);
	other = account;
	snprintf(other.oauth_token_url, sizeof(other.oauth_token_url), "https://evil.example.org/token");
	expect_no_token(&other, true, ERROR_DENIED, "account a: there is no OAuth 2 login yet; run: restante login a");
	other = account;
	snprintf(other.oauth_client_id, sizeof(other.oauth_client_id), "other");
	expect_no_token(&other, true, ERROR_DENIED, "account a: there is no OAuth 2 login yet; run: restante login a");
	assert_string_equal(forms, "");
	tokens_keep(&account, "one", "", 0);
	expect_no_token(&account, false, ERROR_DENIED,
	    "account a: the OAuth 2 login has ended; run: restante login a");
}

/* What is not to be trusted is as good as nothing. */
static void
test_files(void **state)
{
	struct account account = account_of("a");
	char path[PATH_SIZE], text[PATH_SIZE * 2 + 128];
	FILE *file;

	(void)state;
	tokens_keep(&account, "one", "rt", 3600);
	path_of(path, "a.token");
	chmod(path, 0644);
	snprintf(text, sizeof(text), "account a: others can read %s (mode 0644); run: chmod 600 %s", path, path);
	expect_no_token(&account, false, ERROR_DENIED, text);
	chmod(path, 0600);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("{\"token_url\": \"" TOKEN_URL "\",", file);
	fclose(file);
	expect_no_token(&account, false, ERROR_DENIED,
	    "account a: there is no OAuth 2 login yet; run: restante login a");
}

/* What cannot be put in place leaves nothing behind: clean() looks. */
static void
test_failed_save(void **state)
{
	struct oauth_tokens tokens = { .access = "one", .refresh = "rt" };
	struct account account = account_of("a");
	char path[PATH_SIZE], text[PATH_SIZE + 64];
	struct error error;

	(void)state;
	path_of(path, "a.token");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(oauth_tokens_save(&tokens, &account, &settings, state_directory(), NULL, &error), -1);
	snprintf(text, sizeof(text), "%s: Is a directory", path);
	assert_string_equal(error.text, text);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_int_equal(rmdir(path), 0);
}

/* The desktop's keyring, where there is one: then the file has no refresh token. */
static void
test_keyring(void **state)
{
	static const struct answer second[] = {
		{ 200, "{\"access_token\": \"two\", \"expires_in\": 3600}" }, { 0, NULL }
	};
	struct oauth_tokens tokens = { .access = "one", .refresh = "rt", .end_time = time(NULL) };
	struct account account = account_of("a");
	char path[PATH_SIZE], place[PATH_SIZE], text[4096];
	struct error error;
	FILE *file;

	(void)state;
	setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent", 1);
	path_of(path, "keyring");
	setenv("FAKE_LIBSECRET", path, 1);
	assert_int_equal(oauth_tokens_save(&tokens, &account, &settings, state_directory(), place, &error), 0);
	assert_string_equal(place, "the desktop's keyring");
	path_of(path, "a.token");
	file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_null(strstr(text, "\"rt\""));
	expect_answers(second);
	expect_token(&account, false, "two");
	assert_string_equal(forms, "/token grant_type=refresh_token refresh_token=rt client_id=id\n");
	/* One that does not open does not keep the login from being kept. */
	setenv("FAKE_LIBSECRET", "locked", 1);
	assert_int_equal(oauth_tokens_save(&tokens, &account, &settings, state_directory(), place, &error), 0);
	assert_string_equal(place, path);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
}

static void
test_settings(void **state)
{
	struct account account = account_of("a");
	struct oauth_settings loaded;
	struct error error;

	(void)state;
	assert_int_equal(oauth_settings_load(&loaded, &account, &error), 0);
	assert_string_equal(loaded.token_url, TOKEN_URL);
	assert_string_equal(loaded.device_url, "");
	account.oauth_client_id[0] = '\0';
	assert_int_equal(oauth_settings_load(&loaded, &account, &error), -1);
	assert_string_equal(
	    error.text, "example must know the program that asks; register it there and set oauth_client_id");
	account.oauth_token_url[0] = '\0';
	assert_int_equal(oauth_settings_load(&loaded, &account, &error), -1);
	assert_string_equal(error.text, "no provider of OAuth 2 is called `example`; set oauth to one that "
					"providers.conf has, or oauth_token_url, oauth_device_url and oauth_scope");
}

/* cmocka does not count what a teardown finds. */
static int
clean(void)
{
	static const char *const names[] = { "a.token", "keyring" };
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_of(path, names[i]);
		unlink(path);
	}
	/* No part of a file is left. */
	return rmdir(state_directory()) != 0 ? 1 : rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begin),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_failed_save),
		cmocka_unit_test(test_keyring),
		cmocka_unit_test(test_settings),
	};
	int failed;

	if (mkdtemp(directory) == NULL)
		return 1;
	setenv("XDG_CONFIG_HOME", directory, 1);
	setenv("HOME", directory, 1);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	unsetenv("XDG_RUNTIME_DIR");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return clean() != 0 ? 1 : failed;
}
