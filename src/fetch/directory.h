/* Inside src/fetch: directories and files of somebody's own. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* Makes it, and those above it that are missing, mode 0700. */
int directory_make(const char *directory, struct error *);
/* The same for the directory that a file is to be in. */
int directory_make_for(const char *path, struct error *);
/* All of it, and on the disk. False: errno says why. */
bool text_write(int file, const char *text);
