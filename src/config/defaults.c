/* What holds where the file says nothing. Apart from reading, so that only who reads links libconfuse. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/value.h"

void
config_defaults(struct config *config)
{
	struct problems none = { .count = 0 };

	memset(config, 0, sizeof(*config));
	config->magic = CONFIG_MAGIC;
	for (const struct config_key *key = config_keys; key->name != NULL; key++)
		value_parse(config, key, key->fallback, 0, &none);
	if (gethostname(config->hostname, sizeof(config->hostname) - 1) < 0)
		snprintf(config->hostname, sizeof(config->hostname), "localhost");
	config_check(config, &(struct section_lines){ .listeners = { 0 } }, &none);
}
