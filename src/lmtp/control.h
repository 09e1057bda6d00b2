/* What the parent says, and what auth answers. */
#pragma once

#include "base/error.h"

struct lmtp;

int control_open(struct lmtp *, int descriptor, struct error *);
