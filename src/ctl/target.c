/* Whose maildrop it is: see migration.h. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "ctl/ctl.h"
#include "ctl/migration.h"
#include "users/place.h"
#include "users/users.h"

#define MAILDIR_SCHEME "maildir:"
#define TREE_DESCRIPTORS 32

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

static int
target_of_path(const char *name, const char *path, target_visitor visit, void *context)
{
	struct target target = { .name = name };
	struct stat status;
	struct error error;

	if (snprintf(target.place, sizeof(target.place), MAILDIR_SCHEME "%s", path) >=
	    (int)sizeof(target.place)) {
		error_set(&error, ERROR_PERMANENT, "too long a path");
		return visit(context, &target, &error);
	}
	if (lstat(path, &status) != 0) {
		error_errno(&error, errno == ENOENT ? ERROR_GONE : ERROR_PERMANENT, "cannot be looked at");
		return visit(context, &target, &error);
	}
	target.uid = status.st_uid;
	target.gid = status.st_gid;
	return visit(context, &target, NULL);
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

/* nftw() takes no context: restantectl has one thread and walks one tree. */
static struct {
	target_visitor visit;
	void *context;
	int result;
} walk;

static bool
has_directory(const char *path, const char *name)
{
	char inside[PLACE_SIZE];
	struct stat status;

	return snprintf(inside, sizeof(inside), "%s/%s", path, name) < (int)sizeof(inside) &&
	    lstat(inside, &status) == 0 && S_ISDIR(status.st_mode);
}

/* A Maildir's own folders are no maildrops: what is inside one is left alone. */
static int
tree_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)where;
	if (type == FTW_DNR) {
		walk.result = ctl_fail(EX_NOPERM, "%s cannot be read", path);
		return FTW_STOP;
	}
	if (type != FTW_D)
		return FTW_CONTINUE;
	if (!has_directory(path, "new") || !has_directory(path, "cur"))
		return FTW_CONTINUE;
	walk.result = target_of_path(path, path, walk.visit, walk.context);
	return walk.result == 0 ? FTW_SKIP_SUBTREE : FTW_STOP;
}

int
target_tree(const char *directory, target_visitor visit, void *context)
{
	walk.visit = visit;
	walk.context = context;
	walk.result = 0;
	if (nftw(directory, tree_entry, TREE_DESCRIPTORS, FTW_PHYS | FTW_ACTIONRETVAL) < 0)
		return ctl_fail(EX_NOINPUT, "%s: %s", directory, strerrordesc_np(errno));
	return walk.result;
}
