/* The words of a server's line. */
#pragma once

/*
 * Cuts off the first word of *rest, and the spaces and tabs on both sides of it; "" at the end. The word is
 * NUL-terminated in place, and what is behind it is the new rest.
 */
char *word_take(char **rest);
