/* What the texts of an account mean, and what they mean together. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "config/account_text.h"

struct checking {
	struct account_text *text;
	struct account *account;
	const uint32_t *lines;
	int end; /* the line where the section ends */
	struct problems *problems;
};

/* Where the key was set, or else where the section ends. */
static int
key_line(const struct checking *checking, const char *name)
{
	uint32_t line = checking->lines[key_find(account_keys, name) - account_keys];

	return line != 0 ? (int)line : checking->end;
}

/* "host", "host:port", "[v6]:port" or an address of IPv6 alone. False: none of them. */
static bool
server_split(const char *server, char host[HOST_SIZE], uint64_t *port)
{
	const char *start = server, *end = server + strcspn(server, ":"), *behind;

	if (server[0] == '[') {
		start = server + 1;
		end = start + strcspn(start, "]");
		if (*end == '\0')
			return false;
		behind = end + 1;
	} else {
		/* Two colons and no bracket: an address of IPv6. */
		if (*end == ':' && strchr(end + 1, ':') != NULL)
			end = server + strlen(server);
		behind = end;
	}
	*port = 0;
	if (*behind != '\0' &&
	    (*behind != ':' || !number_parse(behind + 1, port) || *port < 1 || *port > 65535))
		return false;
	if (end == start || (size_t)(end - start) >= HOST_SIZE ||
	    memchr(start, ' ', (size_t)(end - start)) != NULL ||
	    memchr(start, '/', (size_t)(end - start)) != NULL)
		return false;
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	return true;
}

static void
check_server(const struct checking *checking)
{
	struct account *account = checking->account;
	const char *server = checking->text->server;

	if (server[0] == '\0')
		problem_add(checking->problems, key_line(checking, "server"),
		    "account `%s` has no server; name the host that has the mail", account->name);
	else if (!server_split(server, account->host, &account->port))
		problem_add(checking->problems, key_line(checking, "server"),
		    "server = `%.100s` is no host; write it as in pop.example.org or pop.example.org:995",
		    server);
	if (account->user[0] == '\0' && account->certificate_file[0] == '\0')
		problem_add(checking->problems, key_line(checking, "user"),
		    "account `%s` has no user; say who logs in", account->name);
	if (account->key_file[0] != '\0' && account->certificate_file[0] == '\0')
		problem_add(checking->problems, key_line(checking, "key"),
		    "account `%s` has a key without a certificate; name the PEM file with it", account->name);
}

/* 64 hexadecimal digits, or the base64 of 32 octets. */
static void
check_pin(const struct checking *checking)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *pin = checking->account->pin;
	size_t length = strlen(pin);

	if (length == 0 || (length == 64 && strspn(pin, hex) == 64) ||
	    (length == 44 && strspn(pin, base64) == 43 && pin[43] == '='))
		return;
	problem_add(checking->problems, key_line(checking, "pin"),
	    "pin is no SHA-256 of a key; write 64 hexadecimal digits, as `restante capabilities' shows them");
}

/* "all", "none", "N days", "newest N". */
static bool
keep_parse(const char *text, uint64_t *keep, uint64_t *number)
{
	char digits[TEXT_SIZE];
	size_t length = strspn(text, "0123456789");

	*number = 0;
	*keep = strcmp(text, "all") == 0 ? KEEP_ALL : KEEP_NONE;
	if (strcmp(text, "all") == 0 || strcmp(text, "none") == 0)
		return true;
	if (strncmp(text, "newest ", 7) == 0) {
		*keep = KEEP_NEWEST;
		return number_parse(text + 7, number) && *number >= 1 && *number <= 1000000000;
	}
	*keep = KEEP_DAYS;
	snprintf(digits, sizeof(digits), "%.*s", (int)length, text);
	return (strcmp(text + length, " days") == 0 || strcmp(text + length, " day") == 0) &&
	       number_parse(digits, number) && *number >= 1 && *number <= 36500;
}

static void
check_keep(const struct checking *checking)
{
	if (!keep_parse(checking->text->keep, &checking->account->keep, &checking->account->keep_number))
		problem_add(checking->problems, key_line(checking, "keep"),
		    "keep = `%s` is not known; it can be all, none, \"30 days\" or \"newest 100\"",
		    checking->text->keep);
}

/* Digits, and K, M or G for 1024, its square and its cube. */
static void
check_size_max(const struct checking *checking)
{
	static const char units[] = "KMG";
	const char *text = checking->text->size_max;
	size_t length = strspn(text, "0123456789");
	const char *unit = text[length] != '\0' ? strchr(units, text[length]) : NULL;
	char digits[TEXT_SIZE];
	uint64_t number;

	snprintf(digits, sizeof(digits), "%.*s", (int)length, text);
	if ((text[length] != '\0' && (unit == NULL || text[length + 1] != '\0')) ||
	    !number_parse(digits, &number) || number > UINT64_C(1) << 33) {
		problem_add(checking->problems, key_line(checking, "size_max"),
		    "size_max = `%s` is no size; write octets, or a number and K, M or G, as in 20M", text);
		return;
	}
	checking->account->size_max = unit == NULL ? number : number << (10 * (unit - units + 1));
}

static const char *
fd_problem(const char *value)
{
	uint64_t descriptor;

	return number_parse(value, &descriptor) && descriptor < 1024
		   ? NULL
		   : "is no descriptor; write its number, as in password_fd = 3";
}

static const char *
keyring_problem(const char *value)
{
	const char *colon = strchr(value, ':');

	if (colon != NULL && colon[1] != '\0' &&
	    (strncmp(value, "kernel:", 7) == 0 || strncmp(value, "desktop:", 8) == 0))
		return NULL;
	return "names no keyring; write kernel: or desktop: before the name of the key";
}

static const char *
credential_problem(const char *value)
{
	return strchr(value, '/') == NULL && value[0] != '.'
		   ? NULL
		   : "is no credential; write the name that LoadCredential= of the service gives it";
}

/* The ways to say where the password is: at most one of them. */
static const struct {
	const char *key;
	enum account_secret kind;
	size_t offset;
	const char *(*problem)(const char *value);
} ways[] = {
	{ "password", ACCOUNT_SECRET_TEXT, offsetof(struct account_text, password), NULL },
	{ "password_command", ACCOUNT_SECRET_COMMAND, offsetof(struct account_text, password_command), NULL },
	{ "password_file", ACCOUNT_SECRET_FILE, offsetof(struct account_text, password_file), NULL },
	{ "password_fd", ACCOUNT_SECRET_FD, offsetof(struct account_text, password_fd), fd_problem },
	{ "password_keyring", ACCOUNT_SECRET_KEYRING, offsetof(struct account_text, password_keyring),
	    keyring_problem },
	{ "password_credential", ACCOUNT_SECRET_CREDENTIAL, offsetof(struct account_text, password_credential),
	    credential_problem },
	{ "password_netrc", ACCOUNT_SECRET_NETRC, offsetof(struct account_text, password_netrc), NULL },
	{ "token_command", ACCOUNT_SECRET_NONE, offsetof(struct account_text, account.token_command), NULL },
	{ "oauth", ACCOUNT_SECRET_NONE, offsetof(struct account_text, account.oauth), NULL },
};

static void
check_secret(const struct checking *checking)
{
	struct account *account = checking->account;
	const char *before = NULL;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const char *value = (const char *)checking->text + ways[i].offset;
		const char *problem;

		if (value[0] == '\0')
			continue;
		if (before != NULL)
			problem_add(checking->problems, key_line(checking, ways[i].key),
			    "%s and %s both say how account `%s` logs in; keep one of them", before,
			    ways[i].key, account->name);
		before = ways[i].key;
		problem = ways[i].problem != NULL ? ways[i].problem(value) : NULL;
		if (problem != NULL)
			problem_add(checking->problems, key_line(checking, ways[i].key), "%s = `%.100s` %s",
			    ways[i].key, value, problem);
		if (ways[i].kind == ACCOUNT_SECRET_NONE)
			continue;
		account->secret = ways[i].kind;
		account->secret_line = (uint32_t)key_line(checking, ways[i].key);
		snprintf(account->secret_value, sizeof(account->secret_value), "%s", value);
	}
}

/* The name is part of the names of files, among them NAME for the state and NAME.token. */
static bool
name_is_sound(const char *name)
{
	size_t length = strlen(name);

	for (const char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.@+", *p) == NULL)
			return false;
	return length > 0 && name[0] != '.' && name[0] != '-' &&
	       (length < 6 || strcmp(name + length - 6, ".token") != 0);
}

static void
check_name(const struct checking *checking)
{
	const char *name = checking->account->name;

	if (!name_is_sound(name))
		problem_add(checking->problems, checking->end,
		    "`%s` is no name for an account; write letters, digits, and - _ . @ + between them, and no "
		    ".token "
		    "at the end",
		    name);
}

void
account_complete(struct account_text *text, int line, const uint32_t lines[], struct problems *problems)
{
	const struct checking checking = {
		.text = text, .account = &text->account, .lines = lines, .end = line, .problems = problems
	};

	check_name(&checking);
	check_server(&checking);
	check_pin(&checking);
	check_secret(&checking);
	account_check_place(&text->account, key_line(&checking, "deliver_to"), problems);
	check_keep(&checking);
	check_size_max(&checking);
}
