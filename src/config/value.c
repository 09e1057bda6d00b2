/* One value: from its text to its field and back; and what is said about values. */

#include "config/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

void
problem_add(struct problems *problems, int line, const char *format, ...)
{
	struct problem *problem;
	va_list arguments;

	if (problems->count == PROBLEMS_MAX)
		return;
	problem = &problems->list[problems->count++];
	problem->line = line;
	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
}

static int
by_line(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;

	return x->line - y->line;
}

void
problems_write(struct problems *all, const char *path, char *text, size_t size)
{
	size_t used = 0;

	qsort(all->list, all->count, sizeof(all->list[0]), by_line);
	text[0] = '\0';
	for (size_t i = 0; i < all->count && used < size; i++) {
		const struct problem *problem = &all->list[i];
		char line[16] = "";

		if (problem->line > 0)
			snprintf(line, sizeof(line), ":%d", problem->line);
		used += (size_t)snprintf(text + used, size - used, "%s%s%s: %s", i == 0 ? "" : "\n",
		    path, line, problem->text);
	}
}

const struct config_key *
key_find(const struct config_key keys[], const char *name)
{
	for (const struct config_key *key = keys; key->name != NULL; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

uint64_t
value_number(const void *base, const struct config_key *key)
{
	uint64_t wide;
	uint32_t narrow;

	if (key->size == sizeof(narrow)) {
		memcpy(&narrow, (const char *)base + key->offset, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, (const char *)base + key->offset, sizeof(wide));
	return wide;
}

/* The limits of every row fit its field. */
static void
number_store(void *base, const struct config_key *key, uint64_t number)
{
	uint32_t narrow = (uint32_t)number;

	if (key->size == sizeof(narrow))
		memcpy((char *)base + key->offset, &narrow, sizeof(narrow));
	else
		memcpy((char *)base + key->offset, &number, sizeof(number));
}

static bool
number_accept(
    void *base, const struct config_key *key, const char *text, int line, struct problems *problems)
{
	uint64_t number;

	if (!number_parse(text, &number)) {
		problem_add(problems, line,
		    "%s = `%s` is not a number; write digits only, as in %s = %s", key->name, text,
		    key->name, key->fallback);
		return false;
	}
	if (number < key->minimum || number > key->maximum) {
		problem_add(problems, line,
		    "%s = %" PRIu64 " is out of range; it must be from %" PRIu64 " to %" PRIu64,
		    key->name, number, key->minimum, key->maximum);
		return false;
	}
	number_store(base, key, number);
	return true;
}

static bool
boolean_accept(
    void *base, const struct config_key *key, const char *text, int line, struct problems *problems)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", NULL };

	for (uint64_t i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], text) == 0) {
			number_store(base, key, i & 1);
			return true;
		}
	}
	problem_add(problems, line, "%s = `%s` is neither yes nor no", key->name, text);
	return false;
}

static void
words_list(const char *const words[], char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; words[i] != NULL && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s",
		    i == 0                 ? ""
		    : words[i + 1] == NULL ? " or "
					   : ", ",
		    words[i]);
}

static bool
choice_accept(
    void *base, const struct config_key *key, const char *text, int line, struct problems *problems)
{
	char words[128];

	for (uint64_t i = 0; key->choices[i] != NULL; i++) {
		if (strcmp(key->choices[i], text) == 0) {
			number_store(base, key, i);
			return true;
		}
	}
	words_list(key->choices, words, sizeof(words));
	problem_add(problems, line, "%s = `%s` is not known; it can be %s", key->name, text, words);
	return false;
}

/* What goes to clients must be printable ASCII; a path may hold any octets that are no controls. */
static bool
text_is_clean(const struct config_key *key, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f || (c > 0x7f && key->type == CONFIG_TEXT))
			return false;
	}
	return true;
}

static bool
words_are_known(const struct config_key *key, const char *text, int line, struct problems *problems)
{
	char copy[TEXT_SIZE], words[192];
	char *rest = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		size_t i = 0;

		while (key->choices[i] != NULL && strcmp(key->choices[i], word) != 0)
			i++;
		if (key->choices[i] != NULL)
			continue;
		words_list(key->choices, words, sizeof(words));
		problem_add(
		    problems, line, "%s: `%s` is not known; there is %s", key->name, word, words);
		return false;
	}
	return true;
}

static bool
text_accept(
    void *base, const struct config_key *key, const char *text, int line, struct problems *problems)
{
	size_t length = strlen(text);

	if (length >= key->size) {
		problem_add(problems, line, "%s is too long; it can have %zu characters", key->name,
		    key->size - 1);
		return false;
	}
	if (!text_is_clean(key, text)) {
		problem_add(problems, line, "%s holds a character that is not printable%s",
		    key->name, key->type == CONFIG_TEXT ? " ASCII" : "");
		return false;
	}
	if ((key->type == CONFIG_PATH || key->type == CONFIG_HOME_PATH) && text[0] != '/' &&
	    strcmp(text, key->fallback) != 0) {
		problem_add(problems, line, "%s = `%s` is not an absolute path; begin it with /",
		    key->name, text);
		return false;
	}
	if (key->choices != NULL && !words_are_known(key, text, line, problems))
		return false;
	memset((char *)base + key->offset, 0, key->size);
	memcpy((char *)base + key->offset, text, length);
	return true;
}

static bool
home_path_accept(
    void *base, const struct config_key *key, const char *text, int line, struct problems *problems)
{
	char path[PATH_SIZE];

	if (text[0] != '~')
		return text_accept(base, key, text, line, problems);
	if (!home_expand(path, sizeof(path), text)) {
		problem_add(problems, line,
		    "%s: there is no home directory for `%s`; write ~/ before a path of your own, or an "
		    "absolute path",
		    key->name, text);
		return false;
	}
	return text_accept(base, key, path, line, problems);
}

bool
value_parse(
    void *base, const struct config_key *key, const char *text, int line, struct problems *problems)
{
	static bool (*const accept[])(
	    void *, const struct config_key *, const char *, int, struct problems *) = {
		[CONFIG_TEXT] = text_accept,
		[CONFIG_NUMBER] = number_accept,
		[CONFIG_BOOLEAN] = boolean_accept,
		[CONFIG_CHOICE] = choice_accept,
		[CONFIG_PATH] = text_accept,
		[CONFIG_HOME_PATH] = home_path_accept,
		[CONFIG_FREE] = text_accept,
	};

	return accept[key->type](base, key, text, line, problems);
}

static void
text_quote(const char *value, char *text, size_t size)
{
	size_t used = 0;

	text[used++] = '"';
	for (const char *p = value; *p != '\0' && used + 4 < size; p++) {
		if (*p == '"' || *p == '\\')
			text[used++] = '\\';
		text[used++] = *p;
	}
	text[used++] = '"';
	text[used] = '\0';
}

void
config_value(const void *base, const struct config_key *key, char *text, size_t size)
{
	switch (key->type) {
	case CONFIG_NUMBER:
		snprintf(text, size, "%" PRIu64, value_number(base, key));
		break;
	case CONFIG_BOOLEAN:
		snprintf(text, size, "%s", value_number(base, key) != 0 ? "yes" : "no");
		break;
	case CONFIG_CHOICE:
		snprintf(text, size, "%s", key->choices[value_number(base, key)]);
		break;
	case CONFIG_TEXT:
	case CONFIG_PATH:
	case CONFIG_HOME_PATH:
	case CONFIG_FREE:
		text_quote((const char *)base + key->offset, text, size);
		break;
	}
}
