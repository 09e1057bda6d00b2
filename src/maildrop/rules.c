/* See rules.h. */

#include "maildrop/rules.h"

#include <stdio.h>
#include <stdlib.h>

struct rules *
rules_new(const struct config *config)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	if (rules == NULL)
		return NULL;
	rules->references = 1;
	rules->idle_milliseconds = config->idle_timeout_seconds * 1000;
	rules->write_milliseconds = config->write_timeout_seconds * 1000;
	rules->bad_commands_max = config->bad_commands_max;
	rules->bad_command_delay_milliseconds = config->bad_command_delay_milliseconds;
	rules->takeover = (enum config_takeover)config->takeover;
	rules->takeover_milliseconds = config->takeover_silent_seconds * 1000;
	rules->last = config->last != 0;
	snprintf(rules->implementation, sizeof(rules->implementation), "%s", config->implementation);
	return rules;
}

struct rules *
rules_reference(struct rules *rules)
{
	atomic_fetch_add(&rules->references, 1);
	return rules;
}

void
rules_release(struct rules *rules)
{
	if (rules != NULL && atomic_fetch_sub(&rules->references, 1) == 1)
		free(rules);
}
