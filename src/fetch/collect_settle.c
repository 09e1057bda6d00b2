/* What has come is stored, and what is stored may leave the server: the steps that must not change places. */

#include "fetch/collect_inside.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "fetch/outcome.h"

/* More in a row are not put off for what they are: the rest need not be fetched in vain. */
#define PUT_OFF_MAX 10

void
collect_not_stored(struct collect *collect, size_t index, bool alone, const struct error *error)
{
	collect->sums.failed_count++;
	collect_problem(collect, outcome_of_error(error->kind), "message %llu was not stored: %s",
	    (unsigned long long)collect->lists.survey.messages[index].number, error->text);
	collect->put_off_count += error->kind != ERROR_DENIED;
	if (!alone || collect->put_off_count == PUT_OFF_MAX)
		collect->is_ending = collect->is_target_over = true;
}

static void
settle_one(struct collect *collect, struct parcel *parcel, size_t index)
{
	const struct survey_message *message = &collect->lists.survey.messages[index];
	const struct policy_message told = {
		.is_stored = true,
		.stored_time = collect->policy.now,
		.newer_count = collect->lists.survey.count - 1 - index,
	};
	struct state_message described;
	struct error error;

	if (parcel_result(parcel, &error) != 0) {
		collect_not_stored(collect, index, parcel_failed_alone(parcel), &error);
		return;
	}
	memset(&described, 0, sizeof(described));
	parcel_describe(parcel, &described);
	collect->put_off_count = 0;
	collect->progress_count++;
	collect->sums.fetched_count++;
	collect->sums.fetched_octets += described.octets;
	report_event(collect->settings.report, REPORT_FETCHED, collect->settings.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("number", message->number), FIELD_NUMBER("octets", described.octets),
		FIELD_TEXT("uidl", message->uidl)),
	    "message %llu is stored (%llu octets)", (unsigned long long)message->number,
	    (unsigned long long)described.octets);
	if (policy_lets_go(&collect->policy, &told))
		queue_put(&collect->removals, index);
	else
		collect->sums.left_count++;
}

void
collect_settle(struct collect *collect)
{
	struct error error;

	if (collect->batch_count == 0)
		return;
	if (parcels_settle(collect->state, collect->target, collect->batch, collect->batch_count, &error) !=
	    0) {
		/* What became of them the next recovery finds out; until then the server keeps everything. */
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
		collect->is_ending = true;
		collect->may_delete = false;
	}
	for (size_t i = 0; i < collect->batch_count; i++) {
		if (collect->may_delete)
			settle_one(collect, collect->batch[i], collect->batch_indexes[i]);
		parcel_end(collect->batch[i]);
	}
	collect->batch_count = collect->proven_count = 0;
	collect->batch_octets = 0;
}

static void
report_deleted(struct collect *collect, size_t index)
{
	const struct survey_message *message = &collect->lists.survey.messages[index];

	report_event(collect->settings.report, REPORT_DELETED, collect->settings.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("number", message->number), FIELD_TEXT("uidl", message->uidl)),
	    "message %llu is deleted on the server", (unsigned long long)message->number);
}

void
collect_deleted(struct collect *collect)
{
	struct state_message *told = calloc(collect->confirmed_count + 1, sizeof(*told));
	const struct state_message **pointers = calloc(collect->confirmed_count + 1, sizeof(*pointers));
	struct error error;
	size_t count = 0;

	for (size_t i = 0; i < collect->confirmed_count; i++) {
		const char *uidl = collect->lists.survey.messages[collect->confirmed[i]].uidl;

		collect->sums.deleted_count++;
		report_deleted(collect, collect->confirmed[i]);
		/* What the filter has deleted the state need not know: it is gone. */
		if (told == NULL || pointers == NULL || state_find(collect->state, uidl) == NULL)
			continue;
		told[count].uidl = uidl;
		pointers[count] = &told[count];
		count++;
	}
	if (count > 0 && collect->may_delete && state_deleted(collect->state, pointers, count, &error) != 0)
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
	free(told);
	free(pointers);
}
