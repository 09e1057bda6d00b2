/* Names of the configuration to uids, and the uids that may have a maildrop process. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "base/number.h"
#include "parent/parent.h"

#define NOBODY 65534

static int
identity_find(struct identity *identity, const char *key, const char *name, struct error *error)
{
	const struct passwd *entry;
	uint64_t number;
	bool numeric = number_parse(name, &number) && number < UINT32_MAX;

	errno = 0;
	entry = numeric ? getpwuid((uid_t)number) : getpwnam(name);
	if (entry == NULL && !numeric)
		return error_set(error, ERROR_PERMANENT,
		    "%s = `%s`: there is no such user; run systemd-sysusers, which makes the "
		    "default ones, or useradd --system --no-create-home --shell "
		    "/usr/sbin/nologin %s, or name another",
		    key, name, name);
	identity->uid = entry != NULL ? entry->pw_uid : (uid_t)number;
	identity->gid = entry != NULL ? entry->pw_gid : (gid_t)number;
	if (identity->uid == 0)
		return error_set(error, ERROR_PERMANENT,
		    "%s = `%s` is root; name a user without rights", key, name);
	return 0;
}

int
identities_find(struct identities *identities, const struct config *config, struct error *error)
{
	struct identities found = { .lmtp = { 0, 0 } };

	if (identity_find(&found.login, "login_user", config->login_user, error) < 0 ||
	    identity_find(&found.auth, "auth_user", config->auth_user, error) < 0 ||
	    (config_speaks(config, CONFIG_LMTP) &&
	    identity_find(&found.lmtp, "lmtp_user", config->lmtp_user, error) < 0))
		return -1;
	*identities = found;
	return 0;
}

int
group_find(const struct config_listener *listener, gid_t *gid, struct error *error)
{
	const char *name = listener->group;
	const struct group *entry;
	uint64_t number;

	if (number_parse(name, &number) && number < UINT32_MAX) {
		*gid = (gid_t)number;
		return 0;
	}
	entry = getgrnam(name);
	if (entry == NULL)
		return error_set(error, ERROR_PERMANENT,
		    "listener `%s`: group = `%s`: there is no such group; name one of the MTA, such as postfix or "
		    "Debian-exim", listener->title, name);
	*gid = entry->gr_gid;
	return 0;
}

const char *
uid_problem(const struct config *config, uint32_t self, uint32_t uid, uint32_t gid)
{
	/* Without root's rights there is one uid only, whoever that is. */
	if (self != 0)
		return uid == self ? NULL
				   : "the server runs as another uid and cannot become this one";
	if (uid == 0 || gid == 0)
		return "root has no mail here";
	if (uid == NOBODY || uid == UINT32_MAX || gid == UINT32_MAX)
		return "nobody has no mail here";
	if (uid < config->first_uid)
		return "the uid is below first_uid";
	if (uid > config->last_uid)
		return "the uid is above last_uid";
	return NULL;
}
