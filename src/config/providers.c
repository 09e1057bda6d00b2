/* See providers.h. */

#include "config/providers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/network.h"
#include "config/accounts.h"
#include "config/reader.h"

#define ROW(field) offsetof(struct provider, field), sizeof(((struct provider *)0)->field)

const struct config_key provider_keys[] = {
	{ "device_url", CONFIG_TEXT, ROW(device_url), "", 0, 0, NULL, "where a login begins (RFC 8628)" },
	{ "token_url", CONFIG_TEXT, ROW(token_url), "", 0, 0, NULL, "where tokens come from" },
	{ "scope", CONFIG_TEXT, ROW(scope), "", 0, 0, NULL, "what is asked for" },
	{ "client_id", CONFIG_TEXT, ROW(client_id), "", 0, 0, NULL, "what the provider knows the client as" },
	{ "domains", CONFIG_TEXT, ROW(domains), "", 0, 0, NULL, "whose mail is there" },
	{ "server", CONFIG_TEXT, ROW(server), "", 0, 0, NULL, "the host that has it" },
	{ "note", CONFIG_TEXT, ROW(note), "", 0, 0, NULL, "what to know before a login" },
	{ .name = NULL },
};

static const struct config_key no_keys[] = { { .name = NULL } };

static struct provider section;
static struct providers so_far;
static uint32_t no_lines[1];

static void
begin(void)
{
	so_far.count = 0;
}

static void
provider_seen(const char *title, int line, const uint32_t lines[])
{
	(void)line;
	(void)lines;
	snprintf(section.name, sizeof(section.name), "%s", title);
	so_far.all[so_far.count++] = section;
}

static const struct reader reader = {
	.manual = "restante-config(5)",
	.keys = no_keys,
	.base = &section,
	.lines = no_lines,
	.begin = begin,
	.sections = {
		{ "provider", provider_keys, &section, sizeof(section), true, sizeof(section.name), PROVIDERS_MAX,
		  provider_seen },
		{ .name = NULL },
	},
};

int
providers_read(struct providers *providers, const char *path, struct error *error)
{
	struct problems found = { .count = 0 };
	char problems[1024];
	char *text;

	if (access(path, F_OK) != 0 && errno == ENOENT)
		return error_set(error, ERROR_GONE, "%s: %s", path, strerrordesc_np(ENOENT));
	text = source_read(path, problems, sizeof(problems));
	if (text == NULL)
		return error_set(error, ERROR_PERMANENT, "%s", problems);
	(void)reader_run(&reader, text, &found);
	free(text);
	problems_write(&found, path, problems, sizeof(problems));
	if (found.count > 0)
		return error_set(error, ERROR_PERMANENT, "%.*s", (int)strcspn(problems, "\n"), problems);
	for (size_t i = 0; i < so_far.count && providers->count < PROVIDERS_MAX; i++)
		providers->all[providers->count++] = so_far.all[i];
	return 0;
}

int
providers_load(struct providers *providers, struct error *error)
{
	char path[PATH_SIZE];

	providers->count = 0;
	if (accounts_path(path, error) != 0)
		return -1;
	/* Beside the accounts. */
	snprintf(strrchr(path, '/'), sizeof(path) - (size_t)(strrchr(path, '/') - path), "/providers.conf");
	if (providers_read(providers, path, error) != 0 && error->kind != ERROR_GONE)
		return -1;
	if (providers_read(providers, DATA_DIRECTORY "/providers.conf", error) != 0 &&
	    error->kind != ERROR_GONE)
		return -1;
	return 0;
}

const struct provider *
providers_find(const struct providers *providers, const char *name)
{
	for (size_t i = 0; i < providers->count; i++)
		if (strcmp(providers->all[i].name, name) == 0)
			return &providers->all[i];
	return NULL;
}

const struct provider *
providers_of_domain(const struct providers *providers, const char *domain)
{
	for (size_t i = 0; i < providers->count; i++) {
		const char *words = providers->all[i].domains;
		char word[HOST_SIZE];

		while (word_next(&words, word, sizeof(word)))
			if (strcasecmp(word, domain) == 0)
				return &providers->all[i];
	}
	return NULL;
}
