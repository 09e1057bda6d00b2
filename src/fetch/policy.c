/* See policy.h. */

#include "fetch/policy.h"

#include <stdio.h>

#define DAY_SECONDS 86400

static bool
is_old(const struct policy *policy, const struct policy_message *message)
{
	/* A clock that was wrong when it was stored removes nothing. */
	if (message->stored_time <= 0 || message->stored_time > policy->now)
		return false;
	return (uint64_t)(policy->now - message->stored_time) / DAY_SECONDS >= policy->keep_number;
}

bool
policy_lets_go(const struct policy *policy, const struct policy_message *message)
{
	if (policy->keep == KEEP_DAYS)
		return is_old(policy, message);
	if (policy->keep == KEEP_NEWEST)
		return message->newer_count >= policy->keep_number;
	return policy->keep == KEEP_NONE;
}

enum policy_step
policy_step(const struct policy *policy, const struct policy_message *message)
{
	if (message->is_skipped && !policy->is_refetch)
		return POLICY_LEAVE;
	if (message->is_stored && !policy->is_refetch)
		return policy_lets_go(policy, message) ? POLICY_DELETE : POLICY_LEAVE;
	if (policy->size_max > 0 && message->octets > policy->size_max)
		return POLICY_TOO_BIG;
	return policy->has_filter ? POLICY_ASK : POLICY_FETCH;
}

bool
policy_is_strange(const struct policy *policy, size_t listed_count, size_t known_count, size_t expected_count,
    size_t pending_count)
{
	return !policy->is_refetch && listed_count > 0 && known_count == 0 &&
	       expected_count + pending_count > 0;
}

bool
policy_goes_on(size_t matched_count, size_t expected_count)
{
	return matched_count > 0 || expected_count == 0;
}

int64_t
policy_login_wait(int64_t last_login, int64_t delay_seconds, int64_t now)
{
	/* A login in the future: the clock was set since. */
	if (last_login <= 0 || delay_seconds <= 0 || last_login > now || now - last_login >= delay_seconds)
		return 0;
	return delay_seconds - (now - last_login);
}

const char *
policy_expire_note(const struct policy *policy, long days, char *text, size_t size)
{
	if (days < 0 || policy->keep == KEEP_NONE)
		return NULL;
	if (days == 0)
		snprintf(text, size,
		    "the server removes each message once it was fetched (EXPIRE 0), "
		    "so nothing can be kept there");
	else if (policy->keep == KEEP_DAYS && policy->keep_number <= (uint64_t)days)
		return NULL;
	else
		snprintf(text, size,
		    "the server removes mail after %ld day%s by itself (EXPIRE), "
		    "whatever is to be kept there",
		    days, days == 1 ? "" : "s");
	return text;
}
