/* What the parent says. */
#pragma once

#include "base/error.h"

struct lmtp;

int control_open(struct lmtp *, int descriptor, struct error *);
