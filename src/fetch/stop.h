/* Somebody wants the program to stop: what is in hand is finished, nothing new is begun. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct stop {
	atomic_bool is_asked;
	int event; /* readable from then on */
};

int stop_init(struct stop *, struct error *);
void stop_destroy(struct stop *);
/* From any thread. */
void stop_ask(struct stop *);
bool stop_is_asked(struct stop *);
/* Waits so long; returns at once when asked to stop, and then true. */
bool stop_wait(struct stop *, uint64_t milliseconds);
