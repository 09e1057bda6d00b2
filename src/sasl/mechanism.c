/*
 * The names of the mechanisms, without the mechanisms: for login, which announces them and passes
 * them on, and does not link libgsasl.
 */

#include "sasl/mechanism.h"

#include <stddef.h>
#include <strings.h>

/* In the same order: what is true of each name. */
static const bool plaintext[] = { true, true };
const char *const sasl_mechanisms[] = { "PLAIN", "LOGIN", NULL };

_Static_assert(sizeof(plaintext) / sizeof(plaintext[0]) + 1 ==
		   sizeof(sasl_mechanisms) / sizeof(sasl_mechanisms[0]),
    "one row for each name");

bool
sasl_mechanism_known(const char *name)
{
	for (size_t i = 0; sasl_mechanisms[i] != NULL; i++)
		if (strcasecmp(sasl_mechanisms[i], name) == 0)
			return true;
	return false;
}

bool
sasl_mechanism_plaintext(const char *name)
{
	for (size_t i = 0; sasl_mechanisms[i] != NULL; i++)
		if (strcasecmp(sasl_mechanisms[i], name) == 0)
			return plaintext[i];
	return true;
}
