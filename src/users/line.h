/* One line of the users file taken apart. For src/users only. */
#pragma once

#include "users/users.h"

/*
 * line: NUL-terminated without its line end, changed in place; lent to *user. NULL: *user is
 * filled. Otherwise what is wrong with the line.
 */
const char *line_take_user(char *line, struct user *user);
/* A comment or an empty line. */
bool line_is_comment(const char *line);
