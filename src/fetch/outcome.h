/* What an end means: for the shell, as a status of sysexits.h, and for people, as what to do about it. */
#pragma once

#include <stdbool.h>

#include <restante/result.h>

#include "base/error.h"

int outcome_of_result(enum restante_result);
int outcome_of_error(enum error_kind);
/* May another connection, a little later, do better? */
bool outcome_may_pass(enum restante_result);
/* What to do, a sentence for people without a full stop; NULL: what was said is all there is to say. */
const char *outcome_advice(enum restante_result);
/*
 * Of two accounts' statuses the one that the whole run ends with: what needs somebody comes before what passes
 * by itself (EX_TEMPFAIL), and that before EX_OK; else the first.
 */
int outcome_worse(int first, int second);
