/* See rules.h. */

#include "maildrop/rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/index_place.h"
#include "store/store.h"

int
rules_index_directory(const char *path)
{
	struct error error;
	int directory;

	if (path == NULL)
		return STORE_INDEX_BESIDE;
	directory = index_directory_open(path, &error);
	if (directory >= 0)
		return directory;
	LOG(LOG_LEVEL_WARNING, "no-indexes", LOG_REASON(&error),
	    LOG_TEXT("effect", "mail is read again at each login"));
	return STORE_INDEX_NONE;
}

struct rules *
rules_new(const struct config *config, int index_directory)
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
	rules->message_octets_max = config->lmtp_size_max_octets;
	rules->quota_warning_percent = (unsigned)config->quota_warning_percent;
	rules->last = config->last != 0;
	rules->index_directory = index_directory;
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
