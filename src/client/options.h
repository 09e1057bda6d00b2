/* What was set, seen from inside: with the defaults of include/restante/options.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <restante/options.h>

/* Never NULL: the default, or "", where nothing was set. */
const char *option_text(const struct restante_options *, enum restante_option);
/* NULL where nothing was set and there is no default. */
const char *option_text_or_null(const struct restante_options *, enum restante_option);
bool option_is_yes(const struct restante_options *, enum restante_option);
uint64_t option_number(const struct restante_options *, enum restante_option);
/* NULL: no memory. */
struct restante_options *options_copy(const struct restante_options *);
