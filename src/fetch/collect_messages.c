/*
 * The conversation behind the lists: commands are asked for ahead of their answers, as far as a window goes,
 * and the answers are taken in their order. What the server has to wait for is asked as early as it can be.
 */

#include "fetch/collect_inside.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "fetch/outcome.h"

/* Octets that are on their way at most: whoever stops the program waits for them. */
#define AHEAD_OCTETS (8 << 20)
/* A batch is stored when it has so many octets (or TARGET_BATCH_MAX messages). */
#define BATCH_OCTETS (4 << 20)
/* A proof is asked for behind so many messages, or octets, at the most. */
#define PROOF_MESSAGES 32
#define PROOF_OCTETS   (1 << 20)
/* Of a header, for the filter; what is longer it does not see. */
#define HEADER_OCTETS (256 << 10)

static const struct survey_message *
message_of(const struct collect *collect, size_t index)
{
	return &collect->lists.survey.messages[index];
}

/* For two: some leave in pairs. */
static bool
is_room(const struct collect *collect)
{
	return collect->asked_count + 2 <= LINK_WINDOW;
}

/* What comes of it may be one more thing to ask for. */
static bool
is_reading(enum asked_kind kind)
{
	return kind <= ASKED_PROOF;
}

/* command 0: the connection is over, and its end is the next event. */
static bool
push(struct collect *collect, unsigned long command, enum asked_kind kind, size_t index, uint64_t octets)
{
	if (command == 0)
		return false;
	collect->asked[(collect->asked_first + collect->asked_count++) % LINK_WINDOW] =
	    (struct asked){ .command = command,
		    .kind = kind,
		    .index = index,
		    .position = collect->messages.next - 1,
		    .octets = octets };
	collect->reading_count += is_reading(kind);
	collect->reading_octets += octets;
	return true;
}

static bool
ask_removal(struct collect *collect)
{
	size_t index = collect->removals.indexes[collect->removals.next++];

	return push(collect,
	    restante_client_dele(collect->settings.link->client, message_of(collect, index)->number),
	    ASKED_DELETION, index, 0);
}

static size_t
proof_messages(const struct collect *collect)
{
	size_t most = target_batch_max(collect->target);

	return collect->is_careful ? 1 : most < PROOF_MESSAGES ? most : PROOF_MESSAGES;
}

/*
 * Behind the 1st, 3rd, 7th, ... message, then each 32nd: however early a line breaks off each time, half of what
 * has come is proven.
 */
static bool
is_proof_due(const struct collect *collect)
{
	return 2 * collect->unproven_count > collect->retrieved_count ||
	       collect->unproven_count >= proof_messages(collect) || collect->unproven_octets >= PROOF_OCTETS ||
	       queue_is_empty(&collect->messages);
}

static bool
ask_proof(struct collect *collect)
{
	size_t index = collect->unproven_index;

	collect->unproven_count = 0;
	collect->unproven_octets = 0;
	return push(collect,
	    restante_client_list(collect->settings.link->client, message_of(collect, index)->number),
	    ASKED_PROOF, index, 0);
}

static bool
ask_message(struct collect *collect)
{
	size_t index = collect->messages.indexes[collect->messages.next++];
	const struct survey_message *message = message_of(collect, index);

	if (!push(collect, restante_client_retr(collect->settings.link->client, message->number),
		ASKED_MESSAGE, index, message->octets < AHEAD_OCTETS ? message->octets : AHEAD_OCTETS))
		return false;
	collect->unproven_index = index;
	collect->unproven_octets += message->octets < PROOF_OCTETS ? message->octets : PROOF_OCTETS;
	collect->unproven_count++;
	collect->retrieved_count++;
	return is_proof_due(collect) ? ask_proof(collect) : true;
}

static bool
ask_header(struct collect *collect)
{
	struct restante_client *client = collect->settings.link->client;
	size_t index = collect->headers.indexes[collect->headers.next++];
	uint64_t number = message_of(collect, index)->number;

	return push(collect, restante_client_top(client, number, 0), ASKED_HEADER, index, 0) &&
	       push(collect, restante_client_list(client, number), ASKED_HEADER_PROOF, index, 0);
}

/* A dry run says what it would ask for. */
static void
tell(struct collect *collect, struct queue *queue, const char *word, uint64_t *count, uint64_t *octets)
{
	while (!queue_is_empty(queue)) {
		const struct survey_message *message = message_of(collect, queue->indexes[queue->next++]);

		++*count;
		*octets += message->octets;
		report_event(collect->settings.report, REPORT_MESSAGE, collect->settings.account->name,
		    REPORT_FIELDS(FIELD_TEXT("step", word), FIELD_NUMBER("number", message->number),
			FIELD_NUMBER("octets", message->octets), FIELD_TEXT("uidl", message->uidl)),
		    "%-6s %6llu %10llu  %s", word, (unsigned long long)message->number,
		    (unsigned long long)message->octets, message->uidl);
	}
}

static void
tell_all(struct collect *collect)
{
	uint64_t ignored = 0;

	tell(collect, &collect->removals, "delete", &collect->sums.deleted_count, &ignored);
	tell(collect, &collect->messages, "fetch", &collect->sums.fetched_count, &collect->sums.fetched_octets);
}

static bool
may_ask_message(const struct collect *collect)
{
	if (collect->doubt == DOUBT_WAITS || (collect->doubt == DOUBT_ASKS && collect->asked_count > 0))
		return false;
	return !queue_is_empty(&collect->messages) && !collect->is_ending &&
	       (collect->reading_octets < AHEAD_OCTETS || collect->reading_count == 0);
}

static bool
may_ask_header(const struct collect *collect)
{
	return !queue_is_empty(&collect->headers) && !collect->is_ending && collect->doubt == DOUBT_NONE;
}

static void
ask_more(struct collect *collect)
{
	bool is_open = true;

	if (collect->settings.is_dry)
		tell_all(collect);
	collect_doubt_go_on(collect);
	while (is_open && is_room(collect) && !collect->is_quit_asked) {
		if (!queue_is_empty(&collect->removals) && collect->doubt == DOUBT_NONE)
			is_open = ask_removal(collect);
		else if (may_ask_message(collect))
			is_open = ask_message(collect);
		else if (may_ask_header(collect))
			is_open = ask_header(collect);
		else
			break;
	}
}

/* Nothing comes any more that could be stored: the last batch, its removals, and QUIT right behind them. */
static void
ask_last(struct collect *collect)
{
	if (collect->reading_count > 0 || may_ask_message(collect) || may_ask_header(collect) ||
	    collect->doubt != DOUBT_NONE || collect->is_quit_asked)
		return;
	if (collect->unproven_count > 0) {
		ask_proof(collect);
		return;
	}
	collect_settle(collect);
	ask_more(collect);
	if (queue_is_empty(&collect->removals) && is_room(collect)) {
		push(collect, restante_client_quit(collect->settings.link->client), ASKED_QUIT, 0, 0);
		collect->is_quit_asked = true;
	}
}

/* The target cannot take this one; if it can take none, the server need not send more. */
static void
refuse(struct collect *collect, size_t index, const struct error *error)
{
	parcel_end(collect->parcel);
	collect->parcel = NULL;
	collect->is_refused = true;
	collect_not_stored(collect, index, error->kind == ERROR_DENIED, error);
}

/* The rest of a message that was refused; one that was asked for before the target took no more. */
static bool
is_unwanted(const struct collect *collect)
{
	return collect->is_refused || collect->is_target_over;
}

static void
take_data(struct collect *collect, const struct asked *asked, const struct restante_event *event)
{
	struct error error;
	size_t size;
	const void *data = restante_event_data(event, &size);

	if (asked->kind == ASKED_HEADER) {
		size_t room = HEADER_OCTETS - collect->header_size;

		if (collect->header == NULL)
			collect->header = malloc(HEADER_OCTETS);
		if (collect->header != NULL)
			memcpy(collect->header + collect->header_size, data, size < room ? size : room);
		collect->header_size += size < room ? size : room;
		return;
	}
	collect->parcel_octets += size;
	if (asked->kind != ASKED_MESSAGE || is_unwanted(collect) || collect->doubt == DOUBT_WAITS)
		return;
	/*
	 * LIST has let it pass. Where it counts a line's end as one octet that may be half the size; who says less
	 * and sends more may go on for ever: that ends here.
	 */
	if (collect->policy.size_max > 0 && collect->parcel_octets / 2 > collect->policy.size_max) {
		restante_client_abort(collect->settings.link->client, RESTANTE_BROKEN,
		    "a message is more than twice as big as `size_max`, though LIST says that it is not");
		return;
	}
	if (collect->begin_milliseconds == 0)
		collect->begin_milliseconds = clock_milliseconds();
	collect->octets_done += size;
	collect_progress(collect);
	if ((collect->parcel == NULL && parcel_begin(&collect->parcel, collect->target,
					    message_of(collect, asked->index)->uidl, &error) != 0) ||
	    parcel_write(collect->parcel, data, size, &error) != 0)
		refuse(collect, asked->index, &error);
}

/* One that has come whole joins the batch. An empty message had no data. */
static void
take_message(struct collect *collect, const struct asked *asked)
{
	const struct survey_message *message = message_of(collect, asked->index);
	struct error error;

	if (!collect_trusts(collect, asked)) {
		parcel_end(collect->parcel);
		collect->parcel = NULL;
		return;
	}
	collect->message_done_count++;
	if (is_unwanted(collect))
		return;
	if ((collect->parcel == NULL &&
		parcel_begin(&collect->parcel, collect->target, message->uidl, &error) != 0) ||
	    parcel_finish(collect->parcel, &error) != 0) {
		refuse(collect, asked->index, &error);
		return;
	}
	if (collect->batch_count == target_batch_max(collect->target)) {
		restante_client_abort(collect->settings.link->client, RESTANTE_BROKEN,
		    "the server knows none of the messages that it was asked about");
		return;
	}
	collect->batch[collect->batch_count] = collect->parcel;
	collect->batch_indexes[collect->batch_count++] = asked->index;
	collect->batch_octets += collect->parcel_octets;
	collect->parcel = NULL;
}

/* The server does not give out this one: the others may be well. */
static void
take_refusal(struct collect *collect, const struct asked *asked, const struct restante_event *event)
{
	static const char *const words[] = {
		[ASKED_HEADER] = "does not show the header of",
		[ASKED_HEADER_PROOF] = "has shown the header of, but does not list",
		[ASKED_MESSAGE] = "does not give out",
		[ASKED_DELETION] = "does not delete",
		[ASKED_QUIT] = "",
	};

	parcel_end(collect->parcel);
	collect->parcel = NULL;
	if (asked->kind == ASKED_MESSAGE)
		collect->refused = message_of(collect, asked->index);
	if (asked->kind == ASKED_MESSAGE && collect->doubt == DOUBT_WAITS)
		return;
	/* The one that was asked for alone; a doubt that waits is about more than what is refused here. */
	if (collect->doubt == DOUBT_ASKS)
		collect->doubt = DOUBT_NONE;
	if (asked->kind == ASKED_QUIT) {
		collect->is_quit = true;
		collect_problem(collect, outcome_of_result(restante_event_result(event)),
		    "the server does not confirm that it has deleted anything (%s); the next run tries again",
		    restante_event_text(event));
		return;
	}
	collect->sums.failed_count++;
	collect->message_done_count += asked->kind != ASKED_DELETION;
	collect_problem(collect, outcome_of_result(restante_event_result(event)),
	    "the server %s message %llu (%s); the next run tries again", words[asked->kind],
	    (unsigned long long)message_of(collect, asked->index)->number, restante_event_text(event));
}

/*
 * No proof. Of a message that was refused as well nothing else is to be expected: another has to prove what came
 * before. Else it may be an answer that nobody asked for, and the right one would be taken for the first line of
 * a message.
 */
static void
miss_proof(struct collect *collect, const struct asked *asked)
{
	if (message_of(collect, asked->index) != collect->refused) {
		restante_client_abort(collect->settings.link->client, RESTANTE_BROKEN,
		    "the server gives out a message and then does not know it");
	} else if (collect->unproven_count == 0 && collect->proven_count < collect->batch_count) {
		collect->unproven_count = 1;
		collect->unproven_index = collect->batch_indexes[collect->batch_count - 1];
	}
}

/* There is room in the batch for all that come before the next proof. */
static void
take_proof(struct collect *collect, const struct asked *asked, const struct restante_event *event)
{
	if (restante_event_result(event) != RESTANTE_OK) {
		miss_proof(collect, asked);
		return;
	}
	collect->proven_count = collect->batch_count;
	if (collect->batch_count + proof_messages(collect) > target_batch_max(collect->target) ||
	    collect->batch_octets >= BATCH_OCTETS)
		collect_settle(collect);
}

/* Of a header that was refused it proves nothing. */
static void
take_header_proof(struct collect *collect, const struct asked *asked, const struct restante_event *event)
{
	bool is_proven = restante_event_result(event) == RESTANTE_OK;

	if (collect->has_header && is_proven)
		collect_verdict(collect, asked->index);
	else if (collect->has_header)
		take_refusal(collect, asked, event);
	collect->has_header = false;
	collect->header_size = 0;
}

static void
take_done(struct collect *collect, const struct asked *asked, const struct restante_event *event)
{
	collect->reading_count -= is_reading(asked->kind);
	collect->reading_octets -= asked->octets;
	if (asked->kind == ASKED_HEADER_PROOF) {
		take_header_proof(collect, asked, event);
	} else if (asked->kind == ASKED_PROOF) {
		take_proof(collect, asked, event);
	} else if (restante_event_result(event) != RESTANTE_OK) {
		take_refusal(collect, asked, event);
	} else if (asked->kind == ASKED_MESSAGE) {
		take_message(collect, asked);
	} else if (asked->kind == ASKED_HEADER) {
		collect->has_header = true;
	} else if (asked->kind == ASKED_DELETION) {
		collect->confirmed[collect->confirmed_count++] = asked->index;
	} else {
		collect->is_quit = true;
		collect_deleted(collect);
	}
	collect->is_refused = false;
	collect->parcel_octets = 0;
}

/* False: the connection is over. */
static bool
take_event(struct collect *collect, enum restante_event_type type, const struct restante_event *event)
{
	struct asked asked;

	if (type == RESTANTE_EVENT_END)
		return false;
	if (collect->asked_count == 0)
		return true;
	asked = collect->asked[collect->asked_first];
	if (restante_event_command(event) != asked.command)
		return true;
	if (type == RESTANTE_EVENT_DATA)
		take_data(collect, &asked, event);
	if (type != RESTANTE_EVENT_DONE)
		return true;
	collect->asked_first = (collect->asked_first + 1) % LINK_WINDOW;
	collect->asked_count--;
	take_done(collect, &asked, event);
	return true;
}

/* What has come since the last proof may be anything, if the server makes no sense. */
static void
drop_unproven(struct collect *collect, enum restante_result result)
{
	collect->is_dropped = result == RESTANTE_BROKEN && collect->proven_count < collect->batch_count;
	while (collect->batch_count > collect->proven_count)
		parcel_end(collect->batch[--collect->batch_count]);
}

enum restante_result
collect_messages(struct collect *collect)
{
	const struct restante_event *event;
	enum restante_event_type type;
	enum restante_result result;

	do {
		collect->is_ending |= stop_is_asked(collect->settings.stop);
		ask_more(collect);
		ask_last(collect);
		type = restante_session_next(collect->settings.link->session, &event);
	} while (take_event(collect, type, event));
	result = restante_event_result(event);
	drop_unproven(collect, result);
	/* What came whole, and is proven, before the connection was lost need not come again. */
	collect_settle(collect);
	if (collect->is_quit)
		return RESTANTE_OK;
	return result != RESTANTE_OK ? result : RESTANTE_CLOSED;
}
