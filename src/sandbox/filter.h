/* Inside sandbox: the wall around system calls. */
#pragma once

#include "sandbox/sandbox.h"

/* From here on this process, and what it starts, makes the calls of calls.h and no others. */
int filter_enter(enum sandbox_role, struct error *);
