/* What the parent says, and what it is answered. */
#pragma once

struct error;
struct login;

int control_open(struct login *, int descriptor, struct error *);
