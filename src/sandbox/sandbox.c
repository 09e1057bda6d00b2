/* The order in which the walls go up: each needs rights that the next one takes away. */

#include "sandbox/sandbox.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/probe.h"

int
sandbox_enter(enum sandbox_role role, const struct sandbox_path paths[], size_t count,
    struct error *error)
{
	static const struct rlimit no_core = { 0, 0 };

	if (probe_is_disarmed()) {
		probe_walls(role);
		return 0;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    setrlimit(RLIMIT_CORE, &no_core) != 0)
		return error_errno(error, ERROR_PERMANENT, "cannot give up privileges");
	/* Landlock is inherited: around the parent it would confine all its children alike. */
	if (role != SANDBOX_PARENT && landlock_enter(paths, count, error) != 0)
		return -1;
	if (filter_enter(role, error) != 0)
		return -1;
	probe_walls(role);
	return 0;
}
