/* What the account's filter says of a message, done. */

#include "fetch/collect_inside.h"

#include <sysexits.h>

#include "fetch/filter.h"
#include "fetch/outcome.h"

#define FILTER_SECONDS 60

static void
fetch(struct collect *collect, size_t index)
{
	queue_put(&collect->messages, index);
}

/* It stays on the server, and is not asked about again. */
static void
skip(struct collect *collect, size_t index)
{
	const struct survey_message *message = &collect->lists.survey.messages[index];
	const struct state_message told = {
		.uidl = message->uidl, .octets = message->octets, .is_skipped = true
	};
	const struct state_message *pointer = &told;
	struct error error;

	collect->sums.skipped_count++;
	collect->message_done_count++;
	collect->progress_count++;
	if (!collect->settings.is_dry && state_stored(collect->state, &pointer, 1, &error) != 0) {
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
		collect->is_ending = true;
		collect->may_delete = false;
	}
	report_event(collect->settings.report, REPORT_SKIPPED, collect->settings.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("number", message->number), FIELD_NUMBER("octets", message->octets),
		FIELD_TEXT("uidl", message->uidl)),
	    "message %llu is left on the server: the filter says skip", (unsigned long long)message->number);
}

static void delete (struct collect *collect, size_t index)
{
	collect->message_done_count++;
	if (collect->may_delete)
		queue_put(&collect->removals, index);
}

void
collect_verdict(struct collect *collect, size_t index)
{
	static void (*const steps[])(struct collect *, size_t) = {
		[FILTER_FETCH] = fetch,
		[FILTER_SKIP] = skip,
		[FILTER_DELETE] = delete,
	};
	const struct survey_message *message = &collect->lists.survey.messages[index];
	const struct account *account = collect->settings.account;
	enum filter_verdict verdict;
	struct error error;

	if (filter_ask(&verdict, account->filter, account->name, message->uidl, message->octets,
		collect->header != NULL ? collect->header : "", collect->header_size, FILTER_SECONDS,
		&error) == 0) {
		steps[verdict](collect, index);
		return;
	}
	collect->sums.failed_count++;
	collect->message_done_count++;
	collect_problem(collect, outcome_of_error(error.kind), "message %llu is left for the next run: %s",
	    (unsigned long long)message->number, error.text);
}
