/* A secret from whoever runs the program, or from whoever started it. The caller wipes it. */
#pragma once

#include <stddef.h>

#include "base/error.h"

/*
 * The next line of a descriptor, without its end; nothing behind it is read. ERROR_PERMANENT: there is
 * none, it is too long, or it holds NUL.
 */
int secret_read(int descriptor, char *secret, size_t size, struct error *);
/*
 * The same from a terminal, without echo, behind "question: ". A signal that would end or stop the
 * program meanwhile takes its course when the echo is on again. One at a time.
 */
int secret_ask(int terminal, const char *question, char *secret, size_t size, struct error *);
/* The terminal of this process, to be closed; ERROR_GONE: there is none. */
int terminal_open(struct error *);
