/* Directories that one child owns and no other user can look into. Only we can make them where they are. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parent/parent.h"

#define OWN_MODE 0700

/* A crash may have come between the two steps: what is still ours is given away again. */
int
directory_give(int above, const char *name, const struct identity *owner, const char *key,
    struct error *error)
{
	struct stat status;

	if (mkdirat(above, name, OWN_MODE) != 0 && errno != EEXIST)
		return error_errno(error, ERROR_TEMPORARY, "%s: cannot make %.150s", key, name);
	if (fstatat(above, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return error_errno(error, ERROR_TEMPORARY, "%s: cannot look at %.150s", key, name);
	if (!S_ISDIR(status.st_mode))
		return error_set(error, ERROR_PERMANENT, "%s: %.150s is no directory", key, name);
	if (status.st_uid == owner->uid)
		return 0;
	if (status.st_uid != geteuid())
		return error_set(error, ERROR_PERMANENT, "%s: %.150s belongs to uid %u and should to %u", key,
		    name, (unsigned)status.st_uid, (unsigned)owner->uid);
	if (fchownat(above, name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) != 0)
		return error_errno(error, ERROR_TEMPORARY, "%s: cannot give %.150s away", key, name);
	return 0;
}
