/* deliver_to: the kind of target, a colon, and what belongs to the kind. */

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "config/account_text.h"

/* Each returns what is wrong, or NULL. rest: what stands behind the colon. */
static const char *
path_problem(const char *rest)
{
	if (rest[0] != '/')
		return "is not an absolute path; begin it with / or ~/";
	if (!path_is_sound(rest))
		return "is not a path to deliver to; write it without //, . and ..";
	return NULL;
}

/* HOST:PORT, with brackets around an address of IPv6. */
static const char *
host_problem(const char *rest)
{
	const char *colon = strrchr(rest, ':');
	uint64_t port;

	if (colon == NULL || colon == rest || !number_parse(colon + 1, &port) || port < 1 || port > 65535)
		return "is no HOST:PORT; write it as in 127.0.0.1:25";
	if (rest[0] == '[' ? colon[-1] != ']' || colon == rest + 2
			   : memchr(rest, ':', (size_t)(colon - rest)) != NULL)
		return "has an address of IPv6 without brackets; write it as in [::1]:25";
	return NULL;
}

static const char *
lmtp_problem(const char *rest)
{
	if (strncmp(rest, "unix:", 5) == 0)
		return path_problem(rest + 5);
	return host_problem(rest) == NULL
		   ? NULL
		   : "is no LMTP server; write unix: and the path of its socket, or HOST:PORT";
}

static const char *
command_problem(const char *rest)
{
	return rest[strspn(rest, " \t")] == '\0' ? "has no command; write one behind the colon" : NULL;
}

static const struct kind {
	const char *prefix;
	const char *(*problem)(const char *rest);
} kinds[] = {
	{ "maildir:", path_problem },
	{ "mbox:", path_problem },
	{ "lmtp:", lmtp_problem },
	{ "smtp:", host_problem },
	{ "command:", command_problem },
};

static const struct kind *
kind_find(const char *place)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(place, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return &kinds[i];
	return NULL;
}

/* A ~ where the path of a file may begin. False: there is no home directory. */
static bool
place_expand_home(char place[PLACE_SIZE], size_t start)
{
	char path[PLACE_SIZE], whole[PLACE_SIZE];

	if (place[start] != '~')
		return true;
	if (!home_expand(path, sizeof(path), place + start) ||
	    (size_t)snprintf(whole, sizeof(whole), "%.*s%s", (int)start, place, path) >= sizeof(whole))
		return false;
	memcpy(place, whole, strlen(whole) + 1);
	return true;
}

void
account_check_place(struct account *account, int line, struct problems *problems)
{
	const struct kind *kind = kind_find(account->place);
	const char *problem;
	size_t start;

	if (kind == NULL) {
		problem_add(problems, line,
		    "deliver_to = `%.100s` names no kind of place; begin it with maildir:, mbox:, lmtp:, smtp: "
		    "or "
		    "command:",
		    account->place);
		return;
	}
	start = strlen(kind->prefix);
	if (kind->problem == lmtp_problem && strncmp(account->place + start, "unix:", 5) == 0)
		start += 5;
	if (kind->problem != command_problem && !place_expand_home(account->place, start)) {
		problem_add(problems, line,
		    "deliver_to: there is no home directory for `%.100s`; write ~/ before a path of your own",
		    account->place + start);
		return;
	}
	problem = kind->problem(account->place + strlen(kind->prefix));
	if (problem != NULL)
		problem_add(
		    problems, line, "deliver_to: `%.100s` %s", account->place + strlen(kind->prefix), problem);
}
