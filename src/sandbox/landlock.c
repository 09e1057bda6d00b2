/*
 * Landlock, by its three system calls: the C library has no functions for them, and the kernel
 * headers of Debian 12 stop at the second of its versions ("ABI"), so the numbers stand here.
 *
 * A path gives rights to what lies below it. Stating a file is not something that Landlock can
 * forbid: where that matters, the system call filter does.
 */

#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/sanitizer.h"

#define FS_TRUNCATE           (1ULL << 14)
#define FS_IOCTL_DEVICE       (1ULL << 15)
#define NET_BIND_TCP          (1ULL << 0)
#define NET_CONNECT_TCP       (1ULL << 1)
#define SCOPE_ABSTRACT_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL          (1ULL << 1)

/* struct landlock_ruleset_attr of ABI 6. Older kernels take it as long as what they miss is 0. */
struct ruleset {
	uint64_t handled_fs, handled_net, scoped;
};

/* What each version brought. All that is handled is forbidden unless a path allows it. */
static const struct ruleset versions[] = {
	{ .handled_fs = (1ULL << 13) - 1 },
	{ .handled_fs = LANDLOCK_ACCESS_FS_REFER },
	{ .handled_fs = FS_TRUNCATE },
	{ .handled_net = NET_BIND_TCP | NET_CONNECT_TCP },
	{ .handled_fs = FS_IOCTL_DEVICE },
	{ .scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL },
};

#define RIGHTS_OF_A_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

/* Nobody may execute anything, nor make devices, sockets, pipes and symbolic links. */
static const uint64_t rights[] = {
	[SANDBOX_READ] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	[SANDBOX_READ_WRITE] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
	    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER |
	    FS_TRUNCATE,
};

static int
allow_path(int ruleset, const struct sandbox_path *path, uint64_t handled, struct error *error)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access = handled & rights[path->access] };
	struct stat status;
	int result = 0;

	beneath.parent_fd = open(path->path, O_PATH | O_CLOEXEC);
	if (beneath.parent_fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return error_errno(error, ERROR_PERMANENT, "cannot open %s", path->path);
	}
	if (fstat(beneath.parent_fd, &status) != 0)
		result = error_errno(error, ERROR_PERMANENT, "cannot look at %s", path->path);
	else if (!S_ISDIR(status.st_mode))
		beneath.allowed_access &= RIGHTS_OF_A_FILE;
	if (result == 0 && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
	    &beneath, 0) != 0)
		result = error_errno(error, ERROR_PERMANENT, "cannot allow %s", path->path);
	close(beneath.parent_fd);
	return result;
}

static int
restrict_self(const struct ruleset *wanted, const struct sandbox_path paths[], size_t count,
    struct error *error)
{
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, wanted, sizeof(*wanted), 0);
	int result = 0;

	if (ruleset < 0)
		return error_errno(error, ERROR_PERMANENT, "cannot make a Landlock ruleset");
	for (size_t i = 0; i < count && result == 0; i++)
		result = allow_path(ruleset, &paths[i], wanted->handled_fs, error);
#ifdef SANDBOX_SANITIZED
	/* The leak checker looks at the process's own threads. */
	if (result == 0)
		result = allow_path(ruleset, &(struct sandbox_path){ "/proc/self", SANDBOX_READ },
		    wanted->handled_fs, error);
#endif
	if (result == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		result = error_errno(error, ERROR_PERMANENT, "cannot enter the Landlock ruleset");
	close(ruleset);
	return result;
}

int
landlock_enter(const struct sandbox_path paths[], size_t count, struct error *error)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset wanted = { 0 };

	if (abi < 1) {
		LOG(LOG_LEVEL_WARNING, "no-landlock",
		    LOG_TEXT("effect", "files are guarded by the uid alone"));
		return 0;
	}
	for (size_t i = 0; i < (size_t)abi && i < sizeof(versions) / sizeof(versions[0]); i++) {
		wanted.handled_fs |= versions[i].handled_fs;
		wanted.handled_net |= versions[i].handled_net;
		wanted.scoped |= versions[i].scoped;
	}
	return restrict_self(&wanted, paths, count, error);
}
