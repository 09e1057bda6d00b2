/* Inside src/fetch: files that hold secrets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define SECRET_FILE_SIZE_MAX 65536

/*
 * The text of a file, for secret_text_free(). is_private: it must be the caller's own, or root's, and
 * nobody else may have any right to it. ERROR_GONE: it is not there; ERROR_DENIED: others can read it, or
 * it cannot be read.
 */
char *secret_file_read(const char *path, bool is_private, struct error *);
void secret_text_free(char *text);
/* The first line. ERROR_DENIED: it is empty or longer than size allows. path: for the text. */
int secret_first_line(const char *text, const char *path, char *secret, size_t size, struct error *);
