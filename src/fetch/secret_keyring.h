/*
 * Inside src/fetch: the kernel's keyring, and the desktop's (GNOME Keyring, KWallet) by libsecret, which
 * is not linked but loaded where it is installed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A key of type "user" in the keyring of the session or of the user. ERROR_DENIED: there is none. */
int kernel_keyring_find(const char *name, char *secret, size_t size, struct error *);

/* Is libsecret here, and a session bus to ask? */
bool desktop_keyring_is_there(void);
/*
 * The secret of the item with the attributes service and user, as secret-tool(1) stores it. May wait for
 * somebody to open the keyring. ERROR_DENIED: there is none; ERROR_PERMANENT: there is no such keyring.
 */
int desktop_keyring_find(const char *service, const char *user, char *secret, size_t size, struct error *);
int desktop_keyring_store(const char *service, const char *user, const char *label, const char *secret,
    struct error *);
