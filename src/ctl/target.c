/* Whose maildrop it is: see migration.h. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "ctl/ctl.h"
#include "ctl/migration.h"
#include "users/place.h"
#include "users/users.h"

#define MAILDIR_SCHEME "maildir:"

int
target_status(const struct error *error)
{
	static const int statuses[ERROR_KIND_COUNT] = {
		[ERROR_TEMPORARY] = EX_TEMPFAIL,
		[ERROR_PERMANENT] = EX_DATAERR,
		[ERROR_BUSY] = EX_TEMPFAIL,
		[ERROR_DENIED] = EX_NOPERM,
		[ERROR_GONE] = EX_NOINPUT,
		[ERROR_PROTOCOL] = EX_PROTOCOL,
		[ERROR_FULL] = EX_CANTCREAT,
	};

	return statuses[error->kind];
}

static bool
is_printable(char c)
{
	return c >= 0x20 && c < 0x7f;
}

void
target_clean(char *text)
{
	for (; *text != '\0'; text++)
		if (!is_printable(*text))
			*text = '?';
}

void
target_print(const char *text)
{
	for (; *text != '\0'; text++)
		putchar(is_printable(*text) ? *text : '?');
}

int
target_of_directory(const char *name, const char *path, const struct stat *status,
    target_visitor visit, void *context)
{
	struct target target = { .name = name, .uid = status->st_uid, .gid = status->st_gid };
	struct error error;

	if (snprintf(target.place, sizeof(target.place), MAILDIR_SCHEME "%s", path) <
	    (int)sizeof(target.place))
		return visit(context, &target, NULL);
	error_set(&error, ERROR_PERMANENT, "too long a path");
	return visit(context, &target, &error);
}

static int
target_of_path(const char *name, const char *path, target_visitor visit, void *context)
{
	struct target target = { .name = name };
	struct stat status;
	struct error error;

	if (lstat(path, &status) == 0)
		return target_of_directory(name, path, &status, visit, context);
	error_errno(&error, errno == ENOENT ? ERROR_GONE : ERROR_PERMANENT, "cannot be looked at");
	return visit(context, &target, &error);
}

static int
target_of_user(const struct config *config, const struct user *user, target_visitor visit,
    void *context)
{
	struct target target = { .name = user->name, .uid = user->uid, .gid = user->gid };
	struct error error;

	if (place_expand(target.place, config->mail_place, user, &error) != 0)
		return visit(context, &target, &error);
	return visit(context, &target, NULL);
}

/* NULL, and has said why; the caller frees the table. */
static struct users *
users_get(const struct config *config)
{
	struct users *users;
	struct error error;

	if (users_read(&users, config->users_file, NULL, NULL, &error) == 0)
		return users;
	ctl_fail(EX_NOINPUT, "%s", error.text);
	return NULL;
}

int
target_of_word(const struct config *config, const char *word, target_visitor visit, void *context)
{
	const struct user *user;
	struct users *users;
	int result;

	if (strncmp(word, MAILDIR_SCHEME, strlen(MAILDIR_SCHEME)) == 0)
		return target_of_path(word, word + strlen(MAILDIR_SCHEME), visit, context);
	if (strchr(word, '/') != NULL)
		return target_of_path(word, word, visit, context);
	users = users_get(config);
	if (users == NULL)
		return EX_NOINPUT;
	user = users_find(users, word);
	if (user != NULL)
		result = target_of_user(config, user, visit, context);
	else
		result = ctl_fail(EX_NOUSER, "%s: there is no user %s", config->users_file, word);
	users_free(users);
	return result;
}

int
target_all_users(const struct config *config, target_visitor visit, void *context)
{
	struct users *users = users_get(config);
	int result = 0;

	if (users == NULL)
		return EX_NOINPUT;
	for (size_t i = 0; i < users_count(users) && result == 0; i++)
		result = target_of_user(config, users_at(users, i), visit, context);
	users_free(users);
	return result;
}
