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
	uint64_t message_octets_max;	/* of mail that is delivered; 0: no limit */
	unsigned quota_warning_percent;	/* 0: no warning */
	bool last;			/* LAST of RFC 1460 is answered */
	int index_directory;		/* as in store_open_with() */
	char implementation[TEXT_SIZE];
};

/*
 * Opens the directory for indexes that the process was given, for as long as it lives. NULL: they
 * are beside the mail. One that cannot be used is logged, and there are no indexes.
 */
int rules_index_directory(const char *path);
/* With one reference; NULL: no memory. */
struct rules *rules_new(const struct config *, int index_directory);
struct rules *rules_reference(struct rules *);
void rules_release(struct rules *);
