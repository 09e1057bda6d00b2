/*
 * The children's binaries are opened once, at the start: a child needs no path to its program,
 * and an upgrade on disk never mixes two versions.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "parent/parent.h"

/* Above what a child is given, so that dup2() in the child never meets it. */
#define DESCRIPTOR_MIN 10

static const char *const names[IPC_ROLE_COUNT] = {
	[IPC_PARENT] = "restanted",
	[IPC_LOGIN] = "restante-login",
	[IPC_AUTH] = "restante-auth",
	[IPC_MAILDROP] = "restante-maildrop",
	[IPC_LMTP] = "restante-lmtp",
	[IPC_CTL] = "restantectl",
};

const char *
program_name(enum ipc_role role)
{
	return names[role];
}

static int
open_high(const char *path, int flags)
{
	int low = open(path, flags | O_CLOEXEC), high;

	if (low < 0)
		return -1;
	high = fcntl(low, F_DUPFD_CLOEXEC, DESCRIPTOR_MIN);
	close(low);
	return high;
}

int
programs_open(struct parent *parent, const char *directory, struct error *error)
{
	static const enum ipc_role roles[] = { IPC_LOGIN, IPC_AUTH, IPC_MAILDROP, IPC_LMTP };
	char path[PATH_SIZE + 32];

	parent->null = open_high("/dev/null", O_RDWR);
	if (parent->null < 0)
		return error_errno(error, ERROR_PERMANENT, "/dev/null");
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[roles[i]]);
		if (access(path, X_OK) < 0)
			return error_errno(error, ERROR_PERMANENT, "program %s", path);
		parent->programs[roles[i]] = open_high(path, O_PATH);
		if (parent->programs[roles[i]] < 0)
			return error_errno(error, ERROR_PERMANENT, "program %s", path);
	}
	return 0;
}
