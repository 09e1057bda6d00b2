/* See reader.h. */

#include "config/reader.h"

#include <confuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define UNKNOWN_MAX  16
#define KEYS_MAX     (CONFIG_KEYS_MAX + UNKNOWN_MAX)
#define SECTIONS_MAX (sizeof(((struct reader *)0)->sections) / sizeof(struct reader_section) - 1)

static struct reading {
	const struct reader *reader;
	struct problems problems; /* of this pass */
	struct problems unknown;  /* of all passes */
	char unknown_names[UNKNOWN_MAX][64];
	size_t unknown_count;
	bool again;    /* the pass ended at a key that is declared next time */
	bool complete; /* it came to the end of the file */
	uint32_t section_counts[SECTIONS_MAX];
	uint32_t section_lines[CONFIG_KEYS_MAX]; /* of the section that is being read, by row of its keys */
} reading;

static bool
is_unknown(const char *name)
{
	for (size_t i = 0; i < reading.unknown_count; i++)
		if (strcmp(reading.unknown_names[i], name) == 0)
			return true;
	return false;
}

/* The section that cfg is; NULL: it is the file. */
static const struct reader_section *
section_of(const cfg_t *cfg)
{
	const struct reader_section *section = reading.reader->sections;

	for (; section->name != NULL; section++)
		if (cfg->title != NULL && strcmp(cfg->name, section->name) == 0)
			return section;
	return NULL;
}

static const struct reader_section *
section_with_key(const char *name)
{
	const struct reader_section *section = reading.reader->sections;

	for (; section->name != NULL; section++)
		if (key_find(section->keys, name) != NULL)
			return section;
	return NULL;
}

/* The section whose name somebody may have meant; NULL: none. */
static const char *
suggest_section(const char *name)
{
	struct config_key names[SECTIONS_MAX + 1] = { { .name = NULL } };

	for (size_t i = 0; reading.reader->sections[i].name != NULL; i++)
		names[i].name = reading.reader->sections[i].name;
	return suggest_key(name, names);
}

static void
unknown_report(const cfg_t *cfg, const char *name)
{
	const struct reader *reader = reading.reader;
	const struct reader_section *section = section_of(cfg);
	const char *meant = suggest_key(name, section != NULL ? section->keys : reader->keys);

	if (section == NULL && meant == NULL)
		meant = suggest_section(name);
	if (section == NULL && section_with_key(name) != NULL)
		problem_add(&reading.unknown, cfg->line,
		    "key `%s` does not stand alone; it belongs in a section %s", name,
		    section_with_key(name)->name);
	else if (section != NULL && key_find(reader->keys, name) != NULL)
		problem_add(&reading.unknown, cfg->line,
		    "key `%s` does not belong in a section %s; put it outside", name, cfg->name);
	else if (meant != NULL)
		problem_add(&reading.unknown, cfg->line, "unknown key `%s`; did you mean `%s`?", name, meant);
	else
		problem_add(&reading.unknown, cfg->line, "unknown key `%s`; %s lists those there are", name,
		    reader->manual);
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
	{ "missing title for section '%s'", "section `", "` has no title; write a name before the {" },
	{ "missing opening brace for section '%s'", "no { behind the title of section `",
	    "`; put its keys between { and }" },
	{ "found duplicate title '%s'", "there is a section with the title `",
	    "` already; give this one another" },
	{ "unexpected token '%s'", "unexpected `", "`; a line is key = value, or begins or ends a section" },
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
			problem_add(&reading.problems, cfg->line, "%s%s%s", complaints[i].before, name,
			    complaints[i].after);
		return;
	}
	vsnprintf(text, sizeof(text), format, arguments);
	problem_add(&reading.problems, cfg->line, "%s", text);
}

/* Takes one value; *line_before remembers where the row was set. */
static void
take_value(cfg_t *cfg, cfg_opt_t *option, void *base, const struct config_key *key, uint32_t *line_before)
{
	char *value = (char *)cfg_opt_getstr(option); /* its own copy of the text */

	if (*line_before != 0)
		problem_add(&reading.problems, cfg->line, "%s was set before, in line %u; keep one of them",
		    key->name, *line_before);
	*line_before = (uint32_t)cfg->line;
	value_parse(base, key, value, cfg->line, &reading.problems);
	/* It may be a password, and nobody reads it again. */
	secret_wipe(value, strlen(value));
}

/* These are libconfuse's: 0 is "go on reading". */
static int
key_seen(cfg_t *cfg, cfg_opt_t *option)
{
	const struct reader *reader = reading.reader;
	const struct config_key *key = key_find(reader->keys, cfg_opt_name(option));

	if (key != NULL)
		take_value(cfg, option, reader->base, key, &reader->lines[key - reader->keys]);
	return 0;
}

static int
section_key_seen(cfg_t *cfg, cfg_opt_t *option)
{
	const struct reader_section *section = section_of(cfg);
	const struct config_key *key = key_find(section->keys, cfg_opt_name(option));

	if (key != NULL)
		take_value(cfg, option, section->base, key, &reading.section_lines[key - section->keys]);
	return 0;
}

static void
section_begin(const struct reader_section *section)
{
	struct problems none = { .count = 0 };

	memset(reading.section_lines, 0, sizeof(reading.section_lines));
	memset(section->base, 0, section->size);
	for (const struct config_key *key = section->keys; section->has_defaults && key->name != NULL; key++)
		value_parse(section->base, key, key->fallback, 0, &none);
}

static int
section_seen(cfg_t *cfg, cfg_opt_t *option)
{
	const struct reader_section *section = reading.reader->sections;
	const char *title = cfg_title(cfg_opt_getnsec(option, cfg_opt_size(option) - 1));
	uint32_t *count;

	while (strcmp(section->name, cfg_opt_name(option)) != 0)
		section++;
	count = &reading.section_counts[section - reading.reader->sections];
	if (*count == section->count_max)
		problem_add(&reading.problems, cfg->line, "more than %u sections %s; leave some out",
		    section->count_max, section->name);
	else if (strlen(title) >= section->title_size)
		problem_add(
		    &reading.problems, cfg->line, "the title of this section %s is too long", section->name);
	else {
		(*count)++;
		section->seen(title, cfg->line, reading.section_lines);
	}
	for (section = reading.reader->sections; section->name != NULL; section++)
		section_begin(section);
	return 0;
}

/* The rows as libconfuse wants them declared, and behind them what was found to be unknown. */
static size_t
declare(cfg_opt_t options[KEYS_MAX + SECTIONS_MAX + 1], const struct config_key keys[])
{
	size_t count = 0;

	for (const struct config_key *key = keys; key->name != NULL; key++)
		options[count++] = (cfg_opt_t)CFG_STR(key->name, NULL, CFGF_NODEFAULT);
	for (size_t i = 0; i < reading.unknown_count; i++)
		if (key_find(keys, reading.unknown_names[i]) == NULL)
			options[count++] = (cfg_opt_t)CFG_STR(reading.unknown_names[i], NULL, CFGF_NODEFAULT);
	options[count] = (cfg_opt_t)CFG_END();
	return count;
}

static cfg_t *
reader_new(void)
{
	static cfg_opt_t options[KEYS_MAX + SECTIONS_MAX + 1];
	static cfg_opt_t inner[SECTIONS_MAX][KEYS_MAX + SECTIONS_MAX + 1];
	const cfg_flag_t flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
	const struct reader_section *sections = reading.reader->sections;
	size_t count = declare(options, reading.reader->keys);

	for (size_t i = 0; sections[i].name != NULL; i++) {
		declare(inner[i], sections[i].keys);
		options[count++] = (cfg_opt_t)CFG_SEC(sections[i].name, inner[i], flags);
	}
	options[count] = (cfg_opt_t)CFG_END();
	return cfg_init(options, CFGF_NONE);
}

static void
reader_listen(cfg_t *cfg)
{
	const struct reader_section *section = reading.reader->sections;
	char name[96];

	cfg_set_error_function(cfg, complain);
	for (const struct config_key *key = reading.reader->keys; key->name != NULL; key++)
		cfg_set_validate_func(cfg, key->name, key_seen);
	for (; section->name != NULL; section++) {
		for (const struct config_key *key = section->keys; key->name != NULL; key++) {
			snprintf(name, sizeof(name), "%s|%s", section->name, key->name);
			cfg_set_validate_func(cfg, name, section_key_seen);
		}
		cfg_set_validate_func(cfg, section->name, section_seen);
	}
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
	if (longer != NULL)
		secret_wipe(longer, size);
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
	memset(reading.section_counts, 0, sizeof(reading.section_counts));
	reading.reader->begin();
	for (const struct reader_section *section = reading.reader->sections; section->name != NULL; section++)
		section_begin(section);
	cfg = reader_new();
	if (cfg == NULL) {
		problem_add(&reading.problems, 0, "no memory to read it");
		return;
	}
	reader_listen(cfg);
	reading.complete = cfg_parse_buf(cfg, text) == CFG_SUCCESS;
	if (reading.complete && section_left_open(text))
		problem_add(&reading.problems, cfg->line, "the file ends inside a section; close it with }");
	if (!reading.complete && !reading.again && reading.problems.count + reading.unknown.count == 0)
		problem_add(&reading.problems, 0, "it cannot be understood");
	cfg_free(cfg);
}

bool
reader_run(const struct reader *reader, const char *text, struct problems *problems)
{
	memset(&reading, 0, sizeof(reading));
	reading.reader = reader;
	do
		pass(text);
	while (reading.again);
	for (size_t i = 0; i < reading.problems.count; i++)
		problem_add(problems, reading.problems.list[i].line, "%s", reading.problems.list[i].text);
	for (size_t i = 0; i < reading.unknown.count; i++)
		problem_add(problems, reading.unknown.list[i].line, "%s", reading.unknown.list[i].text);
	return reading.complete;
}
