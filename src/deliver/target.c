/* Whose mail it is, and becoming its owner: see deliver.h. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "deliver/deliver.h"
#include "sandbox/sandbox.h"
#include "store/store.h"
#include "users/place.h"
#include "users/users.h"

#define NOBODY 65534

/* The caller as the users file would have it. Its strings are getpwuid()'s. */
static int
find_caller(struct user *user, struct error *error)
{
	const struct passwd *entry = getpwuid(getuid());

	if (entry == NULL)
		return error_set(error, ERROR_PERMANENT, "this uid has no name");
	*user = (struct user){ .name = entry->pw_name, .password = "", .home = entry->pw_dir,
		.uid = entry->pw_uid, .gid = entry->pw_gid };
	return 0;
}

static int
owner_check(const struct config *config, const struct user *user, struct error *error)
{
	if (geteuid() != 0 && user->uid != geteuid())
		return error_set(error, ERROR_PERMANENT, "only root may deliver to uid %u", user->uid);
	if (geteuid() == 0 && (user->uid < config->first_uid || user->uid > config->last_uid ||
	    user->gid == 0))
		return error_set(error, ERROR_PERMANENT,
		    "uid %u or gid %u may own no mail: see first_uid and last_uid", user->uid, user->gid);
	return 0;
}

/* May the caller hand mail to the server? Then that is the way. */
static bool
socket_find(struct target *target, const struct config *config)
{
	for (uint32_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener = &config->listeners[i];

		if (listener->protocol == CONFIG_LMTP && config_is_path(listener->address) &&
		    access(listener->address, W_OK) == 0) {
			snprintf(target->socket, sizeof(target->socket), "%s", listener->address);
			target->delimiter = config->lmtp_delimiter[0];
			target->by_server = true;
		}
	}
	return target->by_server;
}

static int
target_fill(struct target *target, const struct config *config, const struct user *user,
    struct error *error)
{
	if (geteuid() != 0 && user->uid != geteuid() && socket_find(target, config))
		return 0;
	if (owner_check(config, user, error) != 0 ||
	    place_expand(target->place, config->mail_place, user, error) != 0)
		return -1;
	target->has_owner = true;
	target->index_apart = config->index_directory[0] != '\0';
	target->quota = (struct quota){ .octets = user->quota.octets, .messages = user->quota.messages };
	if (!user->quota.given)
		target->quota = (struct quota){ .octets = config->quota_storage_max,
			.messages = config->quota_messages_max };
	target->quota.warning_percent = (unsigned)config->quota_warning_percent;
	target->over_quota_is_final = config->over_quota == CONFIG_OVER_QUOTA_PERMANENT;
	target->uid = user->uid;
	target->gid = user->gid;
	return 0;
}

static int
find_user(struct target *target, const struct config *config, const char *name, struct error *error)
{
	const struct user *user;
	struct users *users;
	int result;

	if (access(config->users_file, R_OK) != 0 && errno == EACCES && socket_find(target, config))
		return 0;
	if (users_read(&users, config->users_file, NULL, NULL, error) != 0)
		return -1;
	user = users_find(users, name);
	result = user != NULL ? target_fill(target, config, user, error) :
	    error_set(error, ERROR_GONE, "there is no user %.100s", name);
	users_free(users);
	return result;
}

int
target_find(struct target *target, const char *config_path, const char *name, struct error *error)
{
	struct config *config = malloc(sizeof(*config));
	char problems[256];
	struct user caller;
	int result;

	if (config == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory");
	if (config_read(config, config_path, problems, sizeof(problems)) != 0)
		result = error_set(error, ERROR_PERMANENT, "%.200s", problems);
	else if (name != NULL)
		result = find_user(target, config, name, error);
	else
		result = find_caller(&caller, error) != 0 ? -1 :
		    target_fill(target, config, &caller, error);
	free(config);
	return result;
}

static int
become(uid_t uid, gid_t gid, struct error *error)
{
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot become uid %u", uid);
	return 0;
}

/* Of a maildrop that is not there yet: its parent, where it is to be made. */
static int
reachable(char directory[PLACE_SIZE], const char *place, struct error *error)
{
	struct stat status;
	char *slash;

	if (store_root(directory, place) != 0)
		return error_set(error, ERROR_PERMANENT, "no store for the place %.150s", place);
	while ((slash = strrchr(directory, '/')) != NULL && slash != directory && slash[1] == '\0')
		*slash = '\0';
	if (stat(directory, &status) == 0 || slash == NULL)
		return 0;
	slash[slash == directory] = '\0';
	return 0;
}

int
target_enter(const struct target *target, struct error *error)
{
	char directory[PLACE_SIZE];
	struct sandbox_path path = { .path = directory, .access = SANDBOX_READ_WRITE };

	if (geteuid() == 0 && target->has_owner && become(target->uid, target->gid, error) != 0)
		return -1;
	if (reachable(directory, target->place, error) != 0)
		return -1;
	return sandbox_enter(SANDBOX_MAILDROP, &path, 1, error);
}

int
target_leave(struct error *error)
{
	if (geteuid() == 0 && become(NOBODY, NOBODY, error) != 0)
		return -1;
	return sandbox_enter(SANDBOX_MAILDROP, NULL, 0, error);
}
