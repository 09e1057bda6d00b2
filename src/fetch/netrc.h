/* ~/.netrc: names and passwords of servers, as curl(1) and ftp(1) read it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The password of that user at that host in the text of such a file: of the first entry that names the
 * host, or is the default one, and names that user or none. "" as user: of the first one. The text is
 * changed in place. False: there is none, or it is longer than size allows; *secret is then untouched.
 */
bool netrc_find(char *text, const char *host, const char *user, char *secret, size_t size);
