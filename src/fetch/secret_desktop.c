/*
 * The desktop's keyring; see secret_keyring.h. libsecret brings GLib and D-Bus along: too much to link for
 * those who have no desktop. The few declarations are those of its documented interface, version 0.18 and
 * later, which has not changed since.
 */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/secret.h"
#include "fetch/secret_keyring.h"

struct secret_attribute {
	const char *name;
	int type; /* 0: a string */
};

struct secret_schema {
	const char *name;
	int flags; /* 2: items that were stored without this schema are found, too */
	struct secret_attribute attributes[32];
	int reserved;
	void *reserved_too[7];
};

struct glib_error {
	unsigned domain;
	int code;
	char *message;
};

static const struct secret_schema schema = {
	.name = "org.restante.Secret",
	.flags = 2,
	.attributes = { { "service", 0 }, { "user", 0 } },
};

static struct {
	void *library;
	char *(*lookup)(const struct secret_schema *, void *cancellable, struct glib_error **, ...);
	int (*store)(const struct secret_schema *, const char *collection, const char *label,
	    const char *secret, void *cancellable, struct glib_error **, ...);
	void (*secret_free)(char *);
	void (*error_free)(struct glib_error *);
} libsecret;

static bool
library_load(void)
{
	if (libsecret.library != NULL)
		return true;
	libsecret.library = dlopen("libsecret-1.so.0", RTLD_NOW | RTLD_LOCAL);
	if (libsecret.library == NULL)
		return false;
	/* dlsym() gives objects where these are functions; POSIX has it this way. */
	*(void **)&libsecret.lookup = dlsym(libsecret.library, "secret_password_lookup_sync");
	*(void **)&libsecret.store = dlsym(libsecret.library, "secret_password_store_sync");
	*(void **)&libsecret.secret_free = dlsym(libsecret.library, "secret_password_free");
	*(void **)&libsecret.error_free = dlsym(libsecret.library, "g_error_free");
	if (libsecret.lookup != NULL && libsecret.store != NULL && libsecret.secret_free != NULL &&
	    libsecret.error_free != NULL)
		return true;
	dlclose(libsecret.library);
	libsecret.library = NULL;
	return false;
}

/* Without a bus libsecret would try to start one. */
static bool
bus_is_there(void)
{
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS"), *directory = getenv("XDG_RUNTIME_DIR");
	char path[PATH_SIZE];

	if (address != NULL && address[0] != '\0')
		return true;
	return directory != NULL && (size_t)snprintf(path, sizeof(path), "%s/bus", directory) < sizeof(path) &&
	       access(path, F_OK) == 0;
}

bool
desktop_keyring_is_there(void)
{
	return bus_is_there() && library_load();
}

static int
keyring_check(struct error *error)
{
	if (!bus_is_there())
		return error_set(error, ERROR_PERMANENT,
		    "there is no desktop session here whose keyring could be asked; a timer of systemd has one "
		    "only "
		    "while its user is logged in");
	if (!library_load())
		return error_set(error, ERROR_PERMANENT,
		    "the desktop's keyring needs the library libsecret; on Debian: apt-get install "
		    "libsecret-1-0");
	return 0;
}

static int
problem_tell(struct glib_error *problem, struct error *error)
{
	error_set(error, ERROR_DENIED, "the desktop's keyring: %s", problem->message);
	libsecret.error_free(problem);
	return -1;
}

int
desktop_keyring_find(const char *service, const char *user, char *secret, size_t size, struct error *error)
{
	struct glib_error *problem = NULL;
	char *found;
	int result = 0;

	if (keyring_check(error) != 0)
		return -1;
	found = libsecret.lookup(&schema, NULL, &problem, "service", service, "user", user, (char *)NULL);
	if (problem != NULL)
		return problem_tell(problem, error);
	if (found == NULL)
		return error_set(error, ERROR_DENIED,
		    "the desktop's keyring has no such password; store it with: secret-tool store --label=Mail "
		    "service "
		    "%s user %s",
		    service, user);
	if (strlen(found) < size)
		memcpy(secret, found, strlen(found) + 1);
	else
		result = error_set(error, ERROR_DENIED,
		    "the password in the desktop's keyring has more than %zu octets", size - 1);
	secret_wipe(found, strlen(found));
	libsecret.secret_free(found);
	return result;
}

int
desktop_keyring_store(
    const char *service, const char *user, const char *label, const char *secret, struct error *error)
{
	struct glib_error *problem = NULL;
	int stored;

	if (keyring_check(error) != 0)
		return -1;
	stored = libsecret.store(
	    &schema, NULL, label, secret, NULL, &problem, "service", service, "user", user, (char *)NULL);
	if (problem != NULL)
		return problem_tell(problem, error);
	return stored ? 0 : error_set(error, ERROR_DENIED, "the desktop's keyring did not take it");
}
