/*
 * Reading the file with libconfuse. All values are strings to libconfuse and are understood by
 * value_parse(), so that every problem reads alike. libconfuse ends at the first key it does not
 * know: the key is then noted, declared, and the file read again, so that all problems of a file
 * are found at once.
 *
 * libconfuse keeps its lexer in global variables; so does this file its one reading.
 */

#include <confuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/value.h"

#define UNKNOWN_MAX 16
#define KEYS_MAX    (CONFIG_KEYS_MAX + UNKNOWN_MAX)

static struct reading {
	struct config config;
	struct section_lines lines;
	struct problems problems; /* of this pass */
	struct problems unknown;  /* of all passes */
	char unknown_names[UNKNOWN_MAX][64];
	size_t unknown_count;
	bool again;    /* the pass ended at a key that is declared next time */
	bool complete; /* it came to the end of the file */

	/* The section that is being read. */
	union {
		struct config_listener listener;
		struct config_certificate certificate;
	} section;
	int section_lines[8]; /* by row of its keys */
} reading;

static const struct config_section {
	const char *name;
	const struct config_key *keys;
} sections[] = {
	{ "listener", config_listener_keys },
	{ "certificate", config_certificate_keys },
};

static const struct config_key section_names[] = {
	{ .name = "listener" },
	{ .name = "certificate" },
	{ .name = NULL },
};

static bool
is_unknown(const char *name)
{
	for (size_t i = 0; i < reading.unknown_count; i++)
		if (strcmp(reading.unknown_names[i], name) == 0)
			return true;
	return false;
}

static const struct config_key *
keys_of(const cfg_t *cfg)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (cfg->title != NULL && strcmp(cfg->name, sections[i].name) == 0)
			return sections[i].keys;
	return config_keys;
}

static const struct config_section *
section_with_key(const char *name)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (key_find(sections[i].keys, name) != NULL)
			return &sections[i];
	return NULL;
}

static void
unknown_report(const cfg_t *cfg, const char *name)
{
	const struct config_key *keys = keys_of(cfg);
	const char *meant = suggest_key(name, keys);

	if (keys == config_keys && meant == NULL)
		meant = suggest_key(name, section_names);
	if (keys == config_keys && section_with_key(name) != NULL)
		problem_add(&reading.unknown, cfg->line,
		    "key `%s` does not stand alone; it belongs in a section %s", name,
		    section_with_key(name)->name);
	else if (keys != config_keys && key_find(config_keys, name) != NULL)
		problem_add(&reading.unknown, cfg->line,
		    "key `%s` does not belong in a section %s; put it outside", name, cfg->name);
	else if (meant != NULL)
		problem_add(&reading.unknown, cfg->line, "unknown key `%s`; did you mean `%s`?",
		    name, meant);
	else
		problem_add(&reading.unknown, cfg->line,
		    "unknown key `%s`; restanted.conf(5) lists those there are", name);
}

static void
unknown_found(cfg_t *cfg, const char *name)
{
	size_t length = strlen(name);

	unknown_report(cfg, name);
	if (reading.unknown_count == UNKNOWN_MAX || length >= sizeof(reading.unknown_names[0]))
		return;
	memcpy(reading.unknown_names[reading.unknown_count++], name, length + 1);
	reading.again = true;
}

/* What libconfuse says with a name or a token in it, and what it leaves out: how it would be right. */
static const struct {
	const char *format, *before, *after;
} complaints[] = {
	{ "missing equal sign after option '%s'", "no = behind `", "`; write key = value" },
	{ "missing title for section '%s'", "section `",
	    "` has no title; write a name before the {" },
	{ "missing opening brace for section '%s'", "no { behind the title of section `",
	    "`; put its keys between { and }" },
	{ "found duplicate title '%s'", "there is a section with the title `",
	    "` already; give this one another" },
	{ "unexpected token '%s'", "unexpected `",
	    "`; a line is key = value, or begins or ends a section" },
};

static void
complain(cfg_t *cfg, const char *format, va_list arguments)
{
	char text[200];

	if (strcmp(format, "no such option '%s'") == 0) {
		unknown_found(cfg, va_arg(arguments, const char *));
		return;
	}
	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
		const char *name;

		if (strcmp(format, complaints[i].format) != 0)
			continue;
		name = va_arg(arguments, const char *);
		/* A section that is not known looks like a key without a value; it was reported. */
		if (i > 0 || !is_unknown(name))
			problem_add(&reading.problems, cfg->line, "%s%s%s", complaints[i].before,
			    name, complaints[i].after);
		return;
	}
	vsnprintf(text, sizeof(text), format, arguments);
	problem_add(&reading.problems, cfg->line, "%s", text);
}

/* Takes one value; lines[] remembers where each row was set. Always 0: go on reading. */
static void
take_value(cfg_t *cfg, cfg_opt_t *option, void *base, const struct config_key keys[],
    uint32_t *line_before)
{
	const struct config_key *key = key_find(keys, cfg_opt_name(option));

	if (*line_before != 0)
		problem_add(&reading.problems, cfg->line,
		    "%s was set before, in line %u; keep one of them", key->name, *line_before);
	*line_before = (uint32_t)cfg->line;
	value_parse(base, key, cfg_opt_getstr(option), cfg->line, &reading.problems);
}

static int
key_seen(cfg_t *cfg, cfg_opt_t *option)
{
	const struct config_key *key = key_find(config_keys, cfg_opt_name(option));

	if (key != NULL)
		take_value(cfg, option, &reading.config, config_keys,
		    &reading.config.lines[key - config_keys]);
	return 0;
}

static int
section_key_seen(cfg_t *cfg, cfg_opt_t *option)
{
	const struct config_key *keys = keys_of(cfg);
	const struct config_key *key = key_find(keys, cfg_opt_name(option));

	if (key != NULL) {
		uint32_t before = (uint32_t)reading.section_lines[key - keys];

		take_value(cfg, option, &reading.section, keys, &before);
		reading.section_lines[key - keys] = (int)before;
	}
	return 0;
}

/* The defaults of a section; those that depend on others are completed by config_check(). */
static void
section_reset(void)
{
	memset(&reading.section, 0, sizeof(reading.section));
	memset(reading.section_lines, 0, sizeof(reading.section_lines));
}

static bool
title_copy(cfg_t *cfg, cfg_opt_t *option, char *title, size_t size, uint32_t count, uint32_t max)
{
	const char *given = cfg_title(cfg_opt_getnsec(option, cfg_opt_size(option) - 1));

	if (count == max) {
		problem_add(&reading.problems, cfg->line,
		    "more than %u sections %s; leave some out", max, cfg_opt_name(option));
		return false;
	}
	if ((size_t)snprintf(title, size, "%s", given) >= size) {
		problem_add(&reading.problems, cfg->line,
		    "the title of this section %s is too long", cfg_opt_name(option));
		return false;
	}
	return true;
}

/* Has the section listener that was read this key? */
static bool
is_given(const char *key)
{
	return reading.section_lines[key_find(config_listener_keys, key) - config_listener_keys] != 0;
}

static int
listener_seen(cfg_t *cfg, cfg_opt_t *option)
{
	struct config_listener *listener = &reading.section.listener;
	uint32_t *count = &reading.config.listener_count;

	if (title_copy(cfg, option, listener->title, sizeof(listener->title), *count,
		CONFIG_LISTENERS_MAX)) {
		reading.lines.listeners[*count] = cfg->line;
		reading.lines.address_given[*count] = is_given("address");
		reading.lines.port_given[*count] = is_given("port");
		reading.lines.tls_given[*count] = is_given("tls");
		reading.lines.mode_given[*count] = is_given("mode") || is_given("group");
		/* Also where it could not be read, which has been said. */
		if (listener->mode[0] == '\0')
			snprintf(listener->mode, sizeof(listener->mode), "%s",
			    key_find(config_listener_keys, "mode")->fallback);
		reading.config.listeners[(*count)++] = *listener;
	}
	section_reset();
	return 0;
}

static int
certificate_seen(cfg_t *cfg, cfg_opt_t *option)
{
	struct config_certificate *certificate = &reading.section.certificate;
	uint32_t *count = &reading.config.certificate_count;

	if (title_copy(cfg, option, certificate->title, sizeof(certificate->title), *count,
		CONFIG_CERTIFICATES_MAX)) {
		reading.lines.certificates[*count] = cfg->line;
		reading.config.certificates[(*count)++] = *certificate;
	}
	section_reset();
	return 0;
}

/* The rows as libconfuse wants them declared, and behind them what was found to be unknown. */
static size_t
declare(cfg_opt_t options[KEYS_MAX + 3], const struct config_key keys[])
{
	size_t count = 0;

	for (const struct config_key *key = keys; key->name != NULL; key++)
		options[count++] = (cfg_opt_t)CFG_STR(key->name, NULL, CFGF_NODEFAULT);
	for (size_t i = 0; i < reading.unknown_count; i++)
		if (key_find(keys, reading.unknown_names[i]) == NULL)
			options[count++] =
			    (cfg_opt_t)CFG_STR(reading.unknown_names[i], NULL, CFGF_NODEFAULT);
	options[count] = (cfg_opt_t)CFG_END();
	return count;
}

static cfg_t *
reader_new(void)
{
	static cfg_opt_t options[KEYS_MAX + 3], listener[KEYS_MAX + 3], certificate[KEYS_MAX + 3];
	const cfg_flag_t flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
	size_t count = declare(options, config_keys);

	declare(listener, config_listener_keys);
	declare(certificate, config_certificate_keys);
	options[count++] = (cfg_opt_t)CFG_SEC("listener", listener, flags);
	options[count++] = (cfg_opt_t)CFG_SEC("certificate", certificate, flags);
	options[count] = (cfg_opt_t)CFG_END();
	return cfg_init(options, CFGF_NONE);
}

static void
reader_listen(cfg_t *cfg)
{
	char name[96];

	cfg_set_error_function(cfg, complain);
	for (const struct config_key *key = config_keys; key->name != NULL; key++)
		cfg_set_validate_func(cfg, key->name, key_seen);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		for (const struct config_key *key = sections[i].keys; key->name != NULL; key++) {
			snprintf(name, sizeof(name), "%s|%s", sections[i].name, key->name);
			cfg_set_validate_func(cfg, name, section_key_seen);
		}
	}
	cfg_set_validate_func(cfg, "listener", listener_seen);
	cfg_set_validate_func(cfg, "certificate", certificate_seen);
}

static void
say_nothing(cfg_t *cfg, const char *format, va_list arguments)
{
	(void)cfg;
	(void)format;
	(void)arguments;
}

/* libconfuse takes the end of the file for the end of a section. One brace more is then not too many. */
static bool
section_left_open(const char *text)
{
	size_t size = strlen(text) + sizeof("\n}\n");
	char *longer = malloc(size);
	cfg_t *cfg = reader_new();
	bool open = false;

	if (longer != NULL && cfg != NULL) {
		snprintf(longer, size, "%s\n}\n", text);
		cfg_set_error_function(cfg, say_nothing);
		open = cfg_parse_buf(cfg, longer) == CFG_SUCCESS;
	}
	if (cfg != NULL)
		cfg_free(cfg);
	free(longer);
	return open;
}

/* One pass over the text of the file. */
static void
pass(const char *text)
{
	cfg_t *cfg;

	reading.again = reading.complete = false;
	reading.problems.count = 0;
	memset(&reading.lines, 0, sizeof(reading.lines));
	section_reset();
	config_defaults(&reading.config);
	reading.config.listener_count = 0;
	cfg = reader_new();
	if (cfg == NULL) {
		problem_add(&reading.problems, 0, "no memory to read it");
		return;
	}
	reader_listen(cfg);
	reading.complete = cfg_parse_buf(cfg, text) == CFG_SUCCESS;
	if (reading.complete && section_left_open(text))
		problem_add(&reading.problems, cfg->line,
		    "the file ends inside a section; close it with }");
	if (!reading.complete && !reading.again &&
	    reading.problems.count + reading.unknown.count == 0)
		problem_add(&reading.problems, 0, "it cannot be understood");
	cfg_free(cfg);
}

int
config_read(struct config *config, const char *path, char *problems, size_t size)
{
	char *text = source_read(path, problems, size);

	if (text == NULL)
		return -1;
	memset(&reading, 0, sizeof(reading));
	do
		pass(text);
	while (reading.again);
	free(text);
	/* An empty host name means the host's own, as if it had not been set. */
	if (reading.config.hostname[0] == '\0')
		gethostname(reading.config.hostname, sizeof(reading.config.hostname) - 1);
	if (reading.complete)
		config_check(&reading.config, &reading.lines, &reading.problems);
	for (size_t i = 0; i < reading.unknown.count; i++)
		problem_add(&reading.problems, reading.unknown.list[i].line, "%s",
		    reading.unknown.list[i].text);
	problems_write(&reading.problems, path, problems, size);
	if (reading.problems.count > 0)
		return -1;
	*config = reading.config;
	return 0;
}
