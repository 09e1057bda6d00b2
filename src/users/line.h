/* One line of the users file taken apart. For src/users only. */
#pragma once

#include "users/users.h"

/*
 * line: NUL-terminated without its line end, changed in place; lent to *user. NULL: *user is
 * filled, and *doubt is what of the line could not be used, if there is anything. Otherwise what is wrong
 * with the line.
 */
const char *line_take_user(char *line, struct user *user, const char **doubt);
/* A comment or an empty line. */
bool line_is_comment(const char *line);
