/* See setup_write.h. */

#include "fetch/setup_write.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/writer.h"
#include "fetch/directory.h"
#include "fetch/secret_file.h"

/* In single quotes libconfuse takes all as it is but the quote and the backslash: no ${NAME}. */
static void
value_write(struct writer *writer, const char *value)
{
	writer_put(writer, "'", 1);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\'' || *p == '\\')
			writer_put(writer, "\\", 1);
		writer_put(writer, p, 1);
	}
	writer_put(writer, "'", 1);
}

/* Plain words and numbers need no quotes, and read better without. */
static bool
is_plain(const char *value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:@/~";

	/* "//" would begin a comment. */
	return value[strspn(value, letters)] == '\0' && value[0] != '/' && strstr(value, "//") == NULL;
}

int
section_write(char text[SECTION_SIZE], const char *name, const struct setting settings[], struct error *error)
{
	struct writer writer;

	writer_init(&writer, text, SECTION_SIZE - 1, NULL, NULL);
	writer_printf(&writer, "account \"%s\" {\n", name);
	for (; settings->key != NULL; settings++) {
		if (settings->value[0] == '\0')
			continue;
		writer_printf(&writer, "\t%s = ", settings->key);
		if (is_plain(settings->value))
			writer_text(&writer, settings->value);
		else
			value_write(&writer, settings->value);
		writer_text(&writer, "\n");
	}
	writer_text(&writer, "}\n");
	if (writer.failed)
		return error_set(error, ERROR_PERMANENT, "the account is too long to be written");
	text[writer.used] = '\0';
	return 0;
}

/* Reads what would be, from a file that nobody else sees. */
static int
whole_check(const char *path, const char *before, const char *text, struct error *error)
{
	char part[PATH_SIZE + 8];
	struct accounts accounts;
	struct error trouble;
	int file, result = 0;

	snprintf(part, sizeof(part), "%s.XXXXXX", path);
	file = mkostemp(part, O_CLOEXEC);
	if (file < 0)
		return error_errno(error, ERROR_PERMANENT, "%s", path);
	if (!text_write(file, before) || !text_write(file, text))
		result = error_errno(error, ERROR_PERMANENT, "%s", path);
	close(file);
	if (result == 0 && accounts_read(&accounts, part, NULL, 0, &trouble) == 0)
		accounts_free(&accounts);
	else if (result == 0)
		/* Its name is not the one that somebody knows. */
		result =
		    error_set(error, ERROR_PERMANENT, "%s would be wrong%s", path, trouble.text + strlen(part));
	unlink(part);
	return result;
}

/* At the end of what is there, or not at all. */
static int
text_append(int file, const char *path, const char *text, struct error *error)
{
	off_t end = lseek(file, 0, SEEK_END);

	if (end >= 0 && text_write(file, text))
		return 0;
	error_errno(error, ERROR_PERMANENT, "%s", path);
	if (end >= 0 && ftruncate(file, end) != 0)
		return error_set(error, ERROR_PERMANENT,
		    "%.150s has an account at its end that is not whole; remove it", path);
	return -1;
}

int
section_append(const char *path, const char *text, struct error *error)
{
	char *before = secret_file_read(path, false, error), *separated = NULL;
	bool is_new = before == NULL && error->kind == ERROR_GONE;
	int file = -1, result;

	if (before == NULL && !is_new)
		return -1;
	if (is_new && directory_make_for(path, error) != 0)
		return -1;
	/* A line of its own, whatever the last one ends with. */
	if (asprintf(&separated, "%s%s", is_new || before[0] == '\0' ? "" : "\n\n", text) < 0)
		separated = NULL;
	result = separated == NULL ? error_set(error, ERROR_TEMPORARY, "no memory for an account")
				   : whole_check(path, is_new ? "" : before, separated, error);
	if (result == 0) {
		file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | (is_new ? O_CREAT | O_EXCL : 0), 0600);
		result = file < 0 ? error_errno(error, ERROR_PERMANENT, "%s", path)
				  : text_append(file, path, separated, error);
	}
	if (file >= 0)
		close(file);
	secret_text_free(before);
	free(separated);
	return result;
}
