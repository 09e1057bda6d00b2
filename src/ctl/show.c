/* config: every value as it would be in force, with its origin, in the form of the file. */

#include <stdio.h>
#include <sysexits.h>

#include "ctl/ctl.h"

#define ORIGIN_COLUMN 56

static void
line_print(const char *name, const char *value, const char *path, unsigned line)
{
	int width = printf("%s = %s", name, value);

	printf("%*s# ", width < ORIGIN_COLUMN ? ORIGIN_COLUMN - width : 1, "");
	if (line == 0)
		puts("default");
	else
		printf("%s:%u\n", path, line);
}

static void
section_print(const char *name, const char *title, const void *base, const struct config_key keys[],
    const char *origin)
{
	char value[2 * PLACE_SIZE];
	int width = printf("%s %s {", name, title);

	printf("%*s# %s\n", width < ORIGIN_COLUMN ? ORIGIN_COLUMN - width : 1, "", origin);
	for (const struct config_key *key = keys; key->name != NULL; key++) {
		if (keys == config_listener_keys && !config_listener_has(base, key->name))
			continue;
		config_value(base, key, value, sizeof(value));
		printf("\t%s = %s\n", key->name, value);
	}
	puts("}");
}

int
ctl_config(int argc, char **argv)
{
	static struct config config;
	const char *path = ctl_config_path();
	char value[2 * PLACE_SIZE];
	int status;

	if (argc != 1)
		return ctl_usage(argv[0]);
	status = ctl_config_read(&config);
	if (status != EX_OK)
		return status;
	for (const struct config_key *key = config_keys; key->name != NULL; key++) {
		config_value(&config, key, value, sizeof(value));
		line_print(key->name, value, path, config.lines[key - config_keys]);
	}
	for (uint32_t i = 0; i < config.listener_count; i++)
		section_print("listener", config.listeners[i].title, &config.listeners[i],
		    config_listener_keys, i < config.listeners_from_file ? path : "default");
	for (uint32_t i = 0; i < config.certificate_count; i++)
		section_print("certificate", config.certificates[i].title, &config.certificates[i],
		    config_certificate_keys, path);
	return EX_OK;
}
