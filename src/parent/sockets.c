/*
 * Unix sockets that MTAs connect to. The path is the operator's: nobody else should be able to write in the
 * directory where it is.
 */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "parent/parent.h"

#define BACKLOG 4096

static const char *
path_of(const struct address *address)
{
	return ((const struct sockaddr_un *)&address->socket)->sun_path;
}

/* The socket of a server that has died is in the way; that of one that lives is not ours, nor is a file. */
static int
remove_stale(int descriptor, const struct address *address, struct error *error)
{
	const char *path = path_of(address);
	struct stat status;

	if (lstat(path, &status) < 0)
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return error_set(error, ERROR_PERMANENT,
		    "%s is there and no socket; remove it, or name another path", path);
	if (connect(descriptor, (const struct sockaddr *)&address->socket, address->size) == 0 ||
	    errno != ECONNREFUSED)
		return error_set(error, ERROR_PERMANENT,
		    "cannot listen on %s: another server has it (ss -lxp shows which)", path);
	if (unlink(path) < 0)
		return error_errno(error, ERROR_PERMANENT, "%s", path);
	return 0;
}

int
socket_adjust(const struct address *address, const struct config_listener *listener, struct error *error)
{
	const char *path = path_of(address);
	gid_t gid = (gid_t)-1;

	if (listener->group[0] != '\0' && group_find(listener, &gid, error) < 0)
		return -1;
	if (gid != (gid_t)-1 && lchown(path, (uid_t)-1, gid) < 0)
		return error_errno(error, ERROR_PERMANENT, "%s: group = %s", path, listener->group);
	if (chmod(path, config_mode(listener)) < 0)
		return error_errno(error, ERROR_PERMANENT, "%s: mode = %s", path, listener->mode);
	return 0;
}

/* What to do about a path that cannot be bound. */
static const char *
hint(int reason)
{
	if (reason == ENOENT || reason == ENOTDIR)
		return "; its directory has to be there, run_directory alone is made";
	if (reason == EACCES)
		return "; we have to be able to write in its directory: under systemd it has to be root's, as "
		       "/run/restante is";
	return "";
}

/* Nobody may connect before mode and group are what they shall be. */
static int
bind_closed(int descriptor, const struct address *address, struct error *error)
{
	mode_t mask = umask(0777);
	int status = bind(descriptor, (const struct sockaddr *)&address->socket, address->size);

	umask(mask);
	if (status < 0)
		return error_set(error, ERROR_PERMANENT, "cannot listen on %s: %s%s", path_of(address),
		    strerrordesc_np(errno), hint(errno));
	return 0;
}

int
socket_listen(const struct address *address, const struct config_listener *listener, struct error *error)
{
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (descriptor < 0)
		return error_errno(error, ERROR_TEMPORARY, "Unix socket");
	if (remove_stale(descriptor, address, error) == 0 && bind_closed(descriptor, address, error) == 0) {
		if (listen(descriptor, BACKLOG) < 0)
			error_errno(error, ERROR_PERMANENT, "cannot listen on %s", path_of(address));
		else if (socket_adjust(address, listener, error) == 0)
			return descriptor;
		socket_remove(address);
	}
	close(descriptor);
	return -1;
}

void
socket_remove(const struct address *address)
{
	(void)unlink(path_of(address));
}
