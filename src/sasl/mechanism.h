/* The names of the mechanisms, and what login must know of them. */
#pragma once

#include <stdbool.h>

/* NULL-ended names of the mechanisms that are built in, strongest first. */
extern const char *const sasl_mechanisms[];
bool sasl_mechanism_known(const char *name);
/* Must it be protected by TLS? True for PLAIN and LOGIN, and for what is not known. */
bool sasl_mechanism_plaintext(const char *name);
