/* The tables of calls.h become a seccomp filter. */

#include "sandbox/filter.h"

#include <errno.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/calls.h"
#include "sandbox/probe.h"

/* A name that this machine never had (open on arm64) is no error: there is nothing to allow. */
static int
allow(scmp_filter_ctx filter, const char *name, unsigned count, struct scmp_arg_cmp condition)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return -EINVAL;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, &condition);
}

/* Then a condition has nothing to add. */
static bool
is_in_a_group(enum sandbox_role role, const char *name)
{
	for (size_t i = 0; i < call_group_count; i++)
		for (size_t j = 0; call_groups[i].names[j] != NULL; j++)
			if ((call_groups[i].roles & 1u << role) != 0 &&
			    strcmp(call_groups[i].names[j], name) == 0)
				return true;
	return false;
}

static int
allow_conditionally(scmp_filter_ctx filter, enum sandbox_role role,
    const struct call_condition *row)
{
	const struct scmp_arg_cmp condition = { .arg = row->argument, .op = SCMP_CMP_MASKED_EQ,
		.datum_a = row->mask, .datum_b = row->value };

	if ((row->roles & 1u << role) == 0 || is_in_a_group(role, row->name))
		return 0;
	return allow(filter, row->name, 1, condition);
}

static int
add_calls(scmp_filter_ctx filter, enum sandbox_role role)
{
	static const struct scmp_arg_cmp none;
	/* abort() and raise(): signals to this process and no other. */
	const struct call_condition own_signals = { ~0u, "tgkill", 0, UINT32_MAX, (uint64_t)getpid() };
	int result = 0;

	for (size_t i = 0; i < call_group_count; i++)
		for (size_t j = 0; result == 0 && call_groups[i].names[j] != NULL; j++)
			if ((call_groups[i].roles & 1u << role) != 0)
				result = allow(filter, call_groups[i].names[j], 0, none);
	for (size_t i = 0; result == 0 && i < call_condition_count; i++)
		result = allow_conditionally(filter, role, &call_conditions[i]);
	if (result == 0)
		result = allow_conditionally(filter, role, &own_signals);
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return result;
}

int
filter_enter(enum sandbox_role role, struct error *error)
{
	scmp_filter_ctx filter = seccomp_init(probe_denial_action());
	int result;

	if (filter == NULL)
		return error_set(error, ERROR_PERMANENT, "cannot make a system call filter");
	/* A tree instead of a row of comparisons, for those calls that the kernel does not cache. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	result = add_calls(filter, role);
	if (result == 0)
		result = seccomp_load(filter);
	if (result != 0) {
		errno = -result;
		(void)error_errno(error, ERROR_PERMANENT, "cannot set up the system call filter");
	}
	seccomp_release(filter);
	malloc_trim(0);		/* the making of the filter took more than a maildrop process needs */
	return result == 0 ? 0 : -1;
}
