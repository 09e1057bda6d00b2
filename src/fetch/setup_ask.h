/* Inside src/fetch: questions on standard error, whose answers are lines of standard input. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/*
 * A line, without blanks around it; the usual answer where it is empty, or too long, which is said. False:
 * standard input has ended.
 */
bool ask_text(char *answer, size_t size, const char *usual, const char *question);
/* An empty line, or the end of standard input, is no. */
bool ask_yes(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, but an empty line is yes. */
bool ask_yes_first(const char *question);
