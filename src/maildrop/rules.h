/*
 * What the configuration says about sessions. Immutable; a session keeps the rules under which it
 * began, so that a reload changes nothing in the middle of a talk.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "config/config.h"

struct rules {
	atomic_uint references;
	uint64_t idle_milliseconds;	/* RFC 1939, section 3: ten minutes at least */
	uint64_t write_milliseconds;
	uint64_t bad_commands_max;
	uint64_t bad_command_delay_milliseconds;
	enum config_takeover takeover;
	uint64_t takeover_milliseconds;	/* CONFIG_TAKEOVER_SILENT: for how long */
	bool last;			/* LAST of RFC 1460 is answered */
	char implementation[TEXT_SIZE];
};

/* With one reference; NULL: no memory. */
struct rules *rules_new(const struct config *);
struct rules *rules_reference(struct rules *);
void rules_release(struct rules *);
