/* What the two halves of calls.h share. */
#pragma once

#include <stdatomic.h>

#include "replay/calls.h"

#define CALL(result, name, ...)                                                                  \
	result __real_##name(__VA_ARGS__);                                                       \
	result __wrap_##name(__VA_ARGS__)
/* With 64-bit offsets the library has two names for one function. */
#define ALSO(result, name, other, ...)                                                           \
	result __wrap_##other(__VA_ARGS__) __attribute__((alias("__wrap_" #name)))


extern struct calls_fault calls_fault;
extern atomic_bool calls_watching;
/* The recorder's own calls are not looked at. */
extern _Thread_local bool calls_inside;

/* Counts; true: it is this one's turn (errno is set). */
bool calls_is_turn(const char *name);
/* And it fails, rather than being short. */
bool calls_fails(const char *name);
void calls_blocks_forget(void);
