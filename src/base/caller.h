/* Who runs the program, by the system's users. Any thread may ask. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * False: the system does not know the user, or it is longer than size; then the text is empty. May wait for
 * a server of the system's users (nsswitch.conf(5)).
 */
bool caller_name(char *name, size_t size);
/* The home directory of the users' database, whatever HOME says. */
bool caller_home(char *path, size_t size);
