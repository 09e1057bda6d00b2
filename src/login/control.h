/* What the parent says, and what it is answered. */
#pragma once

struct login;

/* -1: no memory. */
int control_open(struct login *, int descriptor);
