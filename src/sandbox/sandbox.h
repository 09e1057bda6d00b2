/*
 * Each program locks itself in as its first act.
 *
 * sandbox_enter() sets no_new_privs, forbids core dumps and tracing, restricts files and network
 * with Landlock and system calls with seccomp (what is not on the program's list fails with
 * EPERM). There is no way back. A kernel without Landlock leaves the uid and seccomp as the wall:
 * that is logged as a warning, once, by the program that meets it. The parent has no Landlock: its
 * children would inherit it. Call it before any thread is started.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum sandbox_role {
	SANDBOX_PARENT,
	SANDBOX_LOGIN,
	SANDBOX_AUTH,
	SANDBOX_MAILDROP,
	SANDBOX_LMTP,
	SANDBOX_ROLE_COUNT
};

enum sandbox_access { SANDBOX_READ, SANDBOX_READ_WRITE };

struct sandbox_path {
	/*
	 * A directory or a file; one that does not exist is skipped. A file that others replace by
	 * renaming needs its directory: the rule belongs to what is there now.
	 */
	const char *path;
	enum sandbox_access access;
};

int sandbox_enter(enum sandbox_role, const struct sandbox_path paths[], size_t count,
    struct error *);
