/* Reading the server's file: its sections, and what follows from their keys. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/reader.h"

static struct config config_read_so_far;
static struct section_lines section_lines;

/* The section that is being read. */
static union {
	struct config_listener listener;
	struct config_certificate certificate;
} section;

static void
begin(void)
{
	memset(&section_lines, 0, sizeof(section_lines));
	config_defaults(&config_read_so_far);
	config_read_so_far.listener_count = 0;
}

/* Was this key of a section listener set? */
static bool
is_given(const uint32_t lines[], const char *key)
{
	return lines[key_find(config_listener_keys, key) - config_listener_keys] != 0;
}

static void
listener_seen(const char *title, int line, const uint32_t lines[])
{
	struct config_listener *listener = &section.listener;
	uint32_t *count = &config_read_so_far.listener_count;

	snprintf(listener->title, sizeof(listener->title), "%s", title);
	section_lines.listeners[*count] = line;
	section_lines.address_given[*count] = is_given(lines, "address");
	section_lines.port_given[*count] = is_given(lines, "port");
	section_lines.tls_given[*count] = is_given(lines, "tls");
	section_lines.mode_given[*count] = is_given(lines, "mode") || is_given(lines, "group");
	/* Also where it could not be read, which has been said. */
	if (listener->mode[0] == '\0')
		snprintf(listener->mode, sizeof(listener->mode), "%s",
		    key_find(config_listener_keys, "mode")->fallback);
	config_read_so_far.listeners[(*count)++] = *listener;
}

static void
certificate_seen(const char *title, int line, const uint32_t lines[])
{
	struct config_certificate *certificate = &section.certificate;
	uint32_t *count = &config_read_so_far.certificate_count;

	(void)lines;
	snprintf(certificate->title, sizeof(certificate->title), "%s", title);
	section_lines.certificates[*count] = line;
	config_read_so_far.certificates[(*count)++] = *certificate;
}

/* The defaults of a listener that depend on others are completed by config_check(). */
static const struct reader reader = {
	.manual = "restanted.conf(5)",
	.keys = config_keys,
	.base = &config_read_so_far,
	.lines = config_read_so_far.lines,
	.begin = begin,
	.sections = {
		{ "listener", config_listener_keys, &section, sizeof(section), false,
		  sizeof(section.listener.title), CONFIG_LISTENERS_MAX, listener_seen },
		{ "certificate", config_certificate_keys, &section, sizeof(section), false,
		  sizeof(section.certificate.title), CONFIG_CERTIFICATES_MAX, certificate_seen },
		{ .name = NULL },
	},
};

int
config_read(struct config *config, const char *path, char *problems, size_t size)
{
	struct config *read = &config_read_so_far;
	char *text = source_read(path, problems, size);
	struct problems found = { .count = 0 };
	bool complete;

	if (text == NULL)
		return -1;
	complete = reader_run(&reader, text, &found);
	free(text);
	/* An empty host name means the host's own, as if it had not been set. */
	if (read->hostname[0] == '\0')
		gethostname(read->hostname, sizeof(read->hostname) - 1);
	if (complete)
		config_check(read, &section_lines, &found);
	problems_write(&found, path, problems, size);
	if (found.count > 0)
		return -1;
	*config = *read;
	return 0;
}
