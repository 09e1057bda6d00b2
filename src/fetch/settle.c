/* See settle.h. */

#include "fetch/settle.h"

#include <stdio.h>

/* Describes those that have not failed, and says which they are. */
static size_t
good_describe(struct parcel *const parcels[], size_t count, struct state_message messages[],
    const struct state_message *described[], bool is_good[])
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		struct error error;

		is_good[i] = parcel_result(parcels[i], &error) == 0;
		if (!is_good[i])
			continue;
		parcel_describe(parcels[i], &messages[used]);
		described[used] = &messages[used];
		used++;
	}
	return used;
}

/* Those that were intended, by what became of them. */
static int
outcomes_tell(struct state *state, struct parcel *const parcels[], size_t count, const bool was_intended[],
    struct error *error)
{
	const struct state_message *stored[TARGET_BATCH_MAX], *not_stored[TARGET_BATCH_MAX];
	struct state_message messages[TARGET_BATCH_MAX];
	size_t stored_count = 0, not_stored_count = 0;

	for (size_t i = 0; i < count; i++) {
		struct error problem;

		if (!was_intended[i])
			continue;
		parcel_describe(parcels[i], &messages[i]);
		if (parcel_result(parcels[i], &problem) == 0)
			stored[stored_count++] = &messages[i];
		else
			not_stored[not_stored_count++] = &messages[i];
	}
	if (state_stored(state, stored, stored_count, error) != 0)
		return -1;
	return state_not_stored(state, not_stored, not_stored_count, error);
}

/* What is on the disk of the state is not known: what did not arrive must still look so. */
static int
parcels_leave(struct parcel *const parcels[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		parcel_leave(parcels[i]);
	return -1;
}

static int
some_settle(struct state *state, struct target *target, struct parcel *const parcels[], size_t count,
    struct error *error)
{
	const struct state_message *described[TARGET_BATCH_MAX];
	struct state_message messages[TARGET_BATCH_MAX];
	bool was_intended[TARGET_BATCH_MAX];
	size_t good;

	target_prepare(target, parcels, count);
	good = good_describe(parcels, count, messages, described, was_intended);
	if (state_intend(state, described, good, error) != 0)
		return parcels_leave(parcels, count);
	target_commit(target, parcels, count);
	return outcomes_tell(state, parcels, count, was_intended, error) == 0 ? 0 : parcels_leave(parcels, count);
}

int
parcels_settle(struct state *state, struct target *target, struct parcel *const parcels[], size_t count,
    struct error *error)
{
	size_t max = target_batch_max(target);

	for (size_t at = 0; at < count; at += max)
		if (some_settle(state, target, parcels + at, count - at < max ? count - at : max, error) != 0)
			return -1;
	return 0;
}

/*
 * What it is becomes known to the state before the next is asked for, and before anything is removed: what
 * is not in tmp/ any more counts as arrived.
 */
static int
message_recover(struct state *state, struct target *target, const struct state_message *message,
    struct recovery *recovery, struct error *error)
{
	char mark[MARK_OCTETS_MAX + 1];
	enum target_answer answer;
	int result;

	snprintf(mark, sizeof(mark), "%s", message->mark);
	if (target_ask(target, mark, &answer, error) != 0)
		return -1;
	recovery->arrived_count += answer == TARGET_ARRIVED;
	recovery->not_arrived_count += answer == TARGET_NOT_ARRIVED;
	recovery->unknown_count += answer == TARGET_UNKNOWN;
	if (answer == TARGET_ARRIVED)
		result = state_stored(state, &message, 1, error);
	else
		result = state_not_stored(state, &message, 1, error);
	if (result == 0)
		target_clear(target, mark);
	return result;
}

int
recovery_run(struct state *state, struct target *target, struct recovery *recovery, struct error *error)
{
	const struct state_message *message = NULL;

	*recovery = (struct recovery){ .arrived_count = 0 };
	while (state_intended_count(state) > 0 && (message = state_next(state, message)) != NULL)
		if (message->is_intended && message_recover(state, target, message, recovery, error) != 0)
			return -1;
	return 0;
}
