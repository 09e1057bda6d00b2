/*
 * Inside sandbox: hooks of the whole-program tests, compiled in with RESTANTE_TEST_HOOKS only.
 *
 * RESTANTE_NO_SANDBOX=1: no walls (for valgrind). RESTANTE_PROBE=1: once inside, try the walls and
 * log what happened. RESTANTE_SANDBOX_TRAP=1: log each system call that is refused, by number.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/sandbox.h"

#ifdef RESTANTE_TEST_HOOKS

bool probe_is_disarmed(void);
uint32_t probe_denial_action(void);
void probe_walls(enum sandbox_role);

#else

#include <errno.h>
#include <seccomp.h>

#define probe_is_disarmed()   false
#define probe_denial_action() SCMP_ACT_ERRNO(EPERM)
#define probe_walls(role)     ((void)(role))

#endif
