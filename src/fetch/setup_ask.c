/* See setup_ask.h. What comes from elsewhere (a server's texts, names of DNS) is shown without its controls. */

#include "fetch/setup_ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 2048

static void
show(const char *format, va_list arguments)
{
	char text[LINE_SIZE];

	vsnprintf(text, sizeof(text), format, arguments);
	for (char *p = text; *p != '\0'; p++)
		if (((unsigned char)*p < ' ' && *p != '\n' && *p != '\t') || *p == 0x7F)
			*p = '?';
	fputs(text, stderr);
	fflush(stderr);
}

void
tell(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	show(format, arguments);
	va_end(arguments);
}

static bool
line_read(char line[LINE_SIZE])
{
	size_t length;

	if (fgets(line, LINE_SIZE, stdin) == NULL)
		return false;
	length = strlen(line);
	while (length > 0 && strchr(" \t\r\n", line[length - 1]) != NULL)
		line[--length] = '\0';
	memmove(line, line + strspn(line, " \t"), strlen(line + strspn(line, " \t")) + 1);
	return true;
}

bool
ask_text(char *answer, size_t size, const char *usual, const char *question)
{
	char line[LINE_SIZE];

	tell("%s%s%s%s: ", question, usual[0] != '\0' ? " [" : "", usual, usual[0] != '\0' ? "]" : "");
	if (!line_read(line))
		return false;
	if (strlen(line) >= size) {
		tell("That is too long.\n");
		line[0] = '\0';
	}
	snprintf(answer, size, "%s", line[0] != '\0' ? line : usual);
	return true;
}

static bool
is_yes(const char *line)
{
	return strcmp(line, "y") == 0 || strcmp(line, "Y") == 0 || strcmp(line, "yes") == 0;
}

bool
ask_yes(const char *format, ...)
{
	char line[LINE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	show(format, arguments);
	va_end(arguments);
	tell(" [y/N] ");
	return line_read(line) && is_yes(line);
}

bool
ask_yes_first(const char *question)
{
	char line[LINE_SIZE];

	tell("%s [Y/n] ", question);
	return line_read(line) && (line[0] == '\0' || is_yes(line));
}
