/*
 * What secret_desktop.c calls of libsecret, over a file named by FAKE_LIBSECRET with one item in three
 * lines. "locked" as its name: every call fails. Built as libsecret-1.so.0 for secret_test.c.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct glib_error {
	unsigned domain;
	int code;
	char *message;
};

/* The head of SecretSchema: enough to see that it is one. */
struct schema {
	const char *name;
	int flags;
	struct {
		const char *name;
		int type;
	} attributes[32];
};

void
g_error_free(struct glib_error *error)
{
	free(error->message);
	free(error);
}

void
secret_password_free(char *secret)
{
	free(secret);
}

static int
fail(struct glib_error **error, const char *text)
{
	*error = calloc(1, sizeof(**error));
	if (*error != NULL)
		(*error)->message = strdup(text);
	return 0;
}

/* "service", its value, "user", its value, NULL. */
static int
attributes_take(
    const struct schema *schema, va_list arguments, const char *values[2], struct glib_error **error)
{
	for (int i = 0; i < 2; i++) {
		const char *name = va_arg(arguments, const char *);

		if (name == NULL || schema->attributes[i].name == NULL ||
		    strcmp(name, schema->attributes[i].name) != 0)
			return fail(error, "another attribute was expected");
		values[i] = va_arg(arguments, const char *);
	}
	if (va_arg(arguments, const char *) != NULL || schema->attributes[2].name != NULL)
		return fail(error, "too many attributes");
	if (strcmp(getenv("FAKE_LIBSECRET"), "locked") == 0)
		return fail(error, "it is locked");
	return 1;
}

char *
secret_password_lookup_sync(const struct schema *schema, void *cancellable, struct glib_error **error, ...)
{
	char service[256] = "", user[256] = "", secret[9000] = "";
	const char *wanted[2];
	va_list arguments;
	FILE *file;
	int good;

	(void)cancellable;
	va_start(arguments, error);
	good = attributes_take(schema, arguments, wanted, error);
	va_end(arguments);
	file = good ? fopen(getenv("FAKE_LIBSECRET"), "r") : NULL;
	if (file == NULL)
		return NULL;
	good = fscanf(file, "%255[^\n]\n%255[^\n]\n%8999[^\n]", service, user, secret) == 3;
	fclose(file);
	return good && strcmp(service, wanted[0]) == 0 && strcmp(user, wanted[1]) == 0 ? strdup(secret) : NULL;
}

int
secret_password_store_sync(const struct schema *schema, const char *collection, const char *label,
    const char *secret, void *cancellable, struct glib_error **error, ...)
{
	const char *given[2];
	va_list arguments;
	FILE *file;
	int good;

	(void)collection;
	(void)cancellable;
	if (label == NULL || label[0] == '\0')
		return fail(error, "a label is necessary");
	va_start(arguments, error);
	good = attributes_take(schema, arguments, given, error);
	va_end(arguments);
	file = good ? fopen(getenv("FAKE_LIBSECRET"), "w") : NULL;
	if (file == NULL)
		return 0;
	fprintf(file, "%s\n%s\n%s\n", given[0], given[1], secret);
	return fclose(file) == 0;
}
