/*
 * The text of a file, with blanks where its comments were: libconfuse 3.3 counts the lines of
 * comments twice, and a problem must name the line that an editor shows.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

#define SOURCE_SIZE_MAX (1 << 20)

/* The end of a quoted text that begins at p: behind its closing quote. */
static char *
quoted_skip(char *p)
{
	char quote = *p++;

	while (*p != '\0' && *p != quote)
		p += *p == '\\' && p[1] != '\0' ? 2 : 1;
	return *p == quote ? p + 1 : p;
}

static char *
blank_until(char *p, const char *end)
{
	for (; p < end; p++)
		if (*p != '\n')
			*p = ' ';
	return p;
}

static void
comments_blank(char *text)
{
	/* Within a word // and the like are ordinary: users_file = /srv//users. */
	bool word = false;

	for (char *p = text; *p != '\0';) {
		if (*p == '"' || *p == '\'') {
			p = quoted_skip(p);
			word = false;
		} else if (*p == '#' || (!word && strncmp(p, "//", 2) == 0)) {
			p = blank_until(p, p + strcspn(p, "\n"));
		} else if (!word && strncmp(p, "/*", 2) == 0) {
			char *end = strstr(p + 2, "*/");

			p = blank_until(p, end != NULL ? end + 2 : p + strlen(p));
		} else {
			word = strchr(" \t\r\n={}(),+", *p) == NULL;
			p++;
		}
	}
}

char *
source_read(const char *path, char *problem, size_t size)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t length = 0;

	if (file != NULL)
		text = malloc(SOURCE_SIZE_MAX + 1);
	if (text != NULL)
		length = fread(text, 1, SOURCE_SIZE_MAX + 1, file);
	if (text == NULL || ferror(file)) {
		snprintf(problem, size, "%s: %s", path, strerrordesc_np(errno));
	} else if (length > SOURCE_SIZE_MAX || memchr(text, '\0', length) != NULL) {
		snprintf(problem, size, "%s: this is not a text file of a sensible size", path);
	} else {
		text[length] = '\0';
		comments_blank(text);
		fclose(file);
		return text;
	}
	if (file != NULL)
		fclose(file);
	free(text);
	return NULL;
}
