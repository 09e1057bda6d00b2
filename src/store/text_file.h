/* A file that lies in somebody's directory, as a whole, in memory. */
#pragma once

#include <stddef.h>

#include "base/error.h"

#define TEXT_FILE_SIZE_MAX ((size_t)256 * 1024 * 1024)

/*
 * 1: *text has *size octets and a NUL behind them; free it. 0: there is no such file. -1: it cannot
 * be read, is larger than TEXT_FILE_SIZE_MAX, or is no regular file; a symbolic link is none.
 */
int text_file_read(char **text, size_t *size, int directory, const char *name, struct error *);
