/* Inside sandbox: which system calls each role may make. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sandbox/sandbox.h"

#define CALL_NAMES_MAX 48

/* Calls that these roles may make with any arguments. */
struct call_group {
	unsigned roles;		/* set: 1u << SANDBOX_LOGIN | ... */
	const char *names[CALL_NAMES_MAX];
};

/* A call that these roles may make if (argument & mask) == value, or by another row. */
struct call_condition {
	unsigned roles;
	const char *name;
	unsigned argument;	/* counted from 0 */
	uint64_t mask, value;
};

extern const struct call_group call_groups[];
extern const size_t call_group_count;
extern const struct call_condition call_conditions[];
extern const size_t call_condition_count;
