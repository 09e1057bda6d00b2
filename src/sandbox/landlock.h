/* Inside sandbox: the wall around files, TCP ports, abstract sockets and signals. */
#pragma once

#include "sandbox/sandbox.h"

/*
 * Confines this process to the given paths. Leaves out what the kernel's version of Landlock does
 * not know yet; without any Landlock it logs a warning and returns 0.
 */
int landlock_enter(const struct sandbox_path paths[], size_t count, struct error *);
