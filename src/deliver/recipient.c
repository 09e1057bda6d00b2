/* Whom the server is told that the message is for: see deliver.h. */

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "deliver/deliver.h"
#include "smtp/extension.h"

/* The users file may have names without a domain; the server looks for those in this one. */
#define OWN_DOMAIN "localhost"

static int
user_path(struct path *path, const char *user, struct error *error)
{
	char address[USER_SIZE + sizeof("@" OWN_DOMAIN)];
	const char *problem;

	if (strlen(user) >= USER_SIZE)
		return error_set(error, ERROR_GONE, "there is no user %.100s...", user);
	snprintf(address, sizeof(address), "%s%s", user, strchr(user, '@') != NULL ? "" : "@" OWN_DOMAIN);
	problem = path_parse(path, address);
	return problem == NULL ? 0 :
	    error_set(error, ERROR_GONE, "%.100s cannot be an address: %s", user, problem);
}

int
recipient_find(struct path *path, const char *user, const struct path *given, char delimiter,
    struct error *error)
{
	const struct passwd *caller = user == NULL && given == NULL ? getpwuid(getuid()) : NULL;
	char detail[DETAIL_SIZE];
	struct path base;

	if (user == NULL && given != NULL) {
		*path = *given;
		return 0;
	}
	if (user == NULL && caller == NULL)
		return error_set(error, ERROR_PERMANENT, "this uid has no name");
	if (user_path(path, user != NULL ? user : caller->pw_name, error) != 0)
		return -1;
	if (given == NULL)
		return 0;
	extension_split(given, delimiter, &base, detail);
	if (strcmp(base.local, path->local) == 0) {
		memcpy(path->local, given->local, sizeof(path->local));
		path->utf8 = path->utf8 || given->utf8;
	}
	return 0;
}
