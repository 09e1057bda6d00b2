/* Is what came the message that was asked for? See enum doubt in collect_inside.h. */

#include "fetch/collect_inside.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

#include "fetch/outcome.h"

static void
begin(struct collect *collect, const struct asked *asked, const struct survey_message *message)
{
	collect->doubt = DOUBT_WAITS;
	collect->doubt_position = asked->position;
	collect->doubt_octets = collect->parcel_octets;
	report_event(collect->settings.report, REPORT_LISTED, collect->settings.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("number", message->number), FIELD_NUMBER("octets", message->octets),
		FIELD_NUMBER("came", collect->parcel_octets)),
	    "message %" PRIu64 " has %" PRIu64 " octets and not %" PRIu64
	    " as LIST says: it is asked for once more, alone",
	    message->number, collect->parcel_octets, message->octets);
}

static void
remember_inexact(struct collect *collect)
{
	struct error error;

	collect->is_inexact = true;
	if (state_value_set(collect->state, "sizes", "inexact", &error) != 0) {
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
		collect->is_ending = true;
	}
}

/* It was asked for alone: what came now is an answer to that. */
static bool
conclude(struct collect *collect, const struct survey_message *message)
{
	collect->doubt = DOUBT_NONE;
	if (collect->parcel_octets == message->octets)
		return true;
	if (collect->parcel_octets == collect->doubt_octets) {
		remember_inexact(collect);
		return true;
	}
	collect->sums.failed_count++;
	collect->is_ending = true;
	collect_problem(collect, EX_PROTOCOL,
	    "the server sends message %" PRIu64 " with %" PRIu64 " octets and then with %" PRIu64
	    ": it cannot be believed, and nothing more is fetched in this run",
	    message->number, collect->doubt_octets, collect->parcel_octets);
	return false;
}

bool
collect_trusts(struct collect *collect, const struct asked *asked)
{
	const struct survey_message *message = &collect->lists.survey.messages[asked->index];

	if (collect->doubt == DOUBT_WAITS)
		return false;
	if (collect->doubt == DOUBT_ASKS)
		return conclude(collect, message);
	if (collect->is_inexact || !message->is_sized || collect->parcel_octets == message->octets)
		return true;
	begin(collect, asked, message);
	return false;
}

void
collect_doubt_go_on(struct collect *collect)
{
	if (collect->doubt != DOUBT_WAITS || collect->asked_count > 0)
		return;
	collect->messages.next = collect->doubt_position;
	collect->doubt = collect->is_ending ? DOUBT_NONE : DOUBT_ASKS;
}
