/*
 * Signals as something to poll(2) for. They are handled, not blocked: a command that is started while the
 * program runs begins with none blocked.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct signals {
	bool is_stop;   /* SIGTERM, SIGINT. The second ends the program at once */
	bool is_reload; /* SIGHUP */
};

/* Returns a descriptor that is readable when one has come. Once in a program. */
int signals_open(bool has_reload, struct error *);
void signals_take(int descriptor, struct signals *);
