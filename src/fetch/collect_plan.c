/* Which messages on the server are known, and what is to become of each. */

#include "fetch/collect_inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "fetch/headers.h"
#include "fetch/outcome.h"

/* What the server does not list any more is remembered so long: a list that was wrong once does no harm. */
#define ABSENT_SECONDS (30 * 86400)

static const char *
plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void
note(struct collect *collect, size_t count, const char *words)
{
	if (count > 0)
		report_event(collect->settings.report, REPORT_NOTE, collect->settings.account->name,
		    REPORT_FIELDS(FIELD_NUMBER("count", count)), "%zu message%s %s", count, plural(count),
		    words);
}

static void
note_lists(struct collect *collect)
{
	const struct survey *survey = &collect->lists.survey;

	if (!survey_fits(survey)) {
		collect_problem(collect, EX_PROTOCOL,
		    "the lists of the server (LIST and UIDL) contradict each other: nobody "
		    "can tell which message is which, so nothing was fetched");
		collect->is_ending = true;
		return;
	}
	note(collect, survey->nameless_count,
	    "listed without a UIDL: left alone, since nobody can tell whether they were fetched before");
	note(collect, survey->sizeless_count,
	    "with a UIDL that LIST does not have: taken as it is, of unknown size");
	note(collect, survey->same_count,
	    "with the UIDL of another: each is fetched, as \"UIDL (2)\" and so on");
}

static const struct state_message *
known(const struct collect *collect, const struct survey_message *message)
{
	const struct state_message *found =
	    message->uidl != NULL ? state_find(collect->state, message->uidl) : NULL;

	if (found == NULL || !found->is_stored)
		return NULL;
	/* Who is known by his header alone and is deleted may come again as another, equal message. */
	return collect->is_by_header && found->is_deleted ? NULL : found;
}

static size_t
known_count(const struct collect *collect)
{
	size_t count = 0;

	for (size_t i = 0; i < collect->lists.survey.count; i++)
		count += known(collect, &collect->lists.survey.messages[i]) != NULL;
	return count;
}

/* Without UIDL a message is who its header says; equal ones are counted (survey_end()). */
static enum restante_result
name_by_headers(struct collect *collect)
{
	struct survey *survey = &collect->lists.survey;
	struct header_digests *digests = calloc(survey->count + 1, sizeof(*digests));
	enum restante_result result = RESTANTE_MEMORY;
	struct error error;

	if (digests != NULL)
		result = headers_look(collect->settings.link, survey, digests);
	for (size_t i = 0; result == RESTANTE_OK && i < survey->count; i++) {
		char name[8 + 2 * LOOK_DIGEST_SIZE] = "header ";

		if (!header_is_known(&digests[i]))
			continue;
		for (size_t k = 0; k < LOOK_DIGEST_SIZE; k++)
			snprintf(name + 7 + 2 * k, 3, "%02x", digests[i].header[k]);
		survey->messages[i].uidl = strdup(name);
	}
	free(digests);
	if (result == RESTANTE_OK && survey_end(survey, &error) != 0)
		result = RESTANTE_MEMORY;
	return result;
}

/* The server has no UIDL, or has it and does not answer just now. */
static enum restante_result
without_uidl(struct collect *collect)
{
	enum restante_result result = collect->lists.uidl;
	bool has_capa = (restante_client_capabilities(collect->settings.link->client) & RESTANTE_HAS_UIDL) != 0;

	if (result != RESTANTE_REFUSED || has_capa) {
		collect_failure(collect, result, collect->lists.text);
		collect->is_ending = true;
	} else if (collect->policy.keep != KEEP_NONE) {
		collect_problem(collect, EX_UNAVAILABLE,
		    "the server has no UIDL, without which nobody can tell what was "
		    "fetched before; it can be collected from where nothing is kept on it: say `keep = none` "
		    "if you want that");
		collect->is_ending = true;
	} else {
		collect->is_by_header = true;
		report_event(collect->settings.report, REPORT_NOTE, collect->settings.account->name,
		    REPORT_FIELDS(),
		    "the server has no UIDL: messages are told from each other by their headers");
		return name_by_headers(collect);
	}
	return RESTANTE_OK;
}

/*
 * Stored messages of which no list has told yet that they are gone; removable: whose removal was due, or is the
 * server's to do.
 */
struct remembered {
	struct match_message *messages;
	size_t count, expected_count, removable_count;
};

static void
remember(struct remembered *remembered, const struct collect *collect)
{
	const struct state_message *message = NULL;
	bool removes_all = strcmp(state_value(collect->state, "expire"), "0") == 0;

	remembered->messages = calloc(state_count(collect->state) + 1, sizeof(*remembered->messages));
	while (remembered->messages != NULL && (message = state_next(collect->state, message)) != NULL) {
		const struct policy_message told = { .stored_time = message->stored_time };
		struct match_message *copy = &remembered->messages[remembered->count];

		if (!message->is_stored || message->is_deleted || message->absent_time != 0)
			continue;
		copy->uidl = message->uidl;
		copy->octets = message->octets;
		memcpy(copy->message_id_digest, message->message_id_digest, LOOK_DIGEST_SIZE);
		memcpy(copy->header_digest, message->header_digest, LOOK_DIGEST_SIZE);
		remembered->count++;
		if (removes_all || (!message->is_skipped && policy_lets_go(&collect->policy, &told)))
			remembered->removable_count++;
		else
			remembered->expected_count++;
	}
}

static int
move(struct collect *collect, const struct match_pair pairs[], size_t count, struct error *error)
{
	struct state_move *moves = calloc(count + 1, sizeof(*moves));
	int outcome;

	if (moves == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory");
	for (size_t i = 0; i < count; i++)
		moves[i] = (struct state_move){ pairs[i].old_uidl, pairs[i].new_uidl };
	outcome = count > 0 ? state_moved(collect->state, moves, count, error) : 0;
	free(moves);
	return outcome;
}

/* A dry run does not write what it has found out: it can only say so. */
static void
conclude_match(
    struct collect *collect, const struct remembered *remembered, const struct match_pair pairs[], size_t count)
{
	size_t listed_count = collect->lists.survey.count;
	struct error error;

	if (!policy_goes_on(count, remembered->expected_count)) {
		collect_problem(collect, EX_DATAERR,
		    "all UIDLs on the server are new, though %zu message%s fetched before "
		    "should be there, and not one could be recognized: another maildrop, or all mail was "
		    "removed by "
		    "another program. Nothing was fetched; with --refetch everything is, and what is there "
		    "twice then is yours "
		    "to remove",
		    remembered->expected_count, plural(remembered->expected_count));
		collect->is_ending = true;
		return;
	}
	if (count > 0)
		report_event(collect->settings.report, REPORT_NOTE, collect->settings.account->name,
		    REPORT_FIELDS(FIELD_NUMBER("recognized", count), FIELD_NUMBER("new", listed_count - count)),
		    "all UIDLs on the server are new, as after a move to another server: %zu message%s "
		    "recognized by size, "
		    "Message-ID and header, %zu new",
		    count, plural(count), listed_count - count);
	if (collect->settings.is_dry && count > 0)
		collect->is_ending = true;
	else if (!collect->settings.is_dry && move(collect, pairs, count, &error) != 0) {
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
		collect->is_ending = true;
	}
}

static enum restante_result
match(struct collect *collect, const struct remembered *remembered)
{
	const struct survey *survey = &collect->lists.survey;
	struct header_digests *digests = calloc(survey->count + 1, sizeof(*digests));
	struct match_message *listed = calloc(survey->count + 1, sizeof(*listed));
	struct match_pair *pairs = calloc(remembered->count + 1, sizeof(*pairs));
	enum restante_result result = RESTANTE_MEMORY;
	size_t count = 0;
	ptrdiff_t pair_count = -1;

	if (digests != NULL && listed != NULL && pairs != NULL)
		result = headers_look(collect->settings.link, survey, digests);
	for (size_t i = 0; result == RESTANTE_OK && i < survey->count; i++) {
		if (survey->messages[i].uidl == NULL)
			continue;
		listed[count].uidl = survey->messages[i].uidl;
		listed[count].octets = survey->messages[i].octets;
		memcpy(listed[count].message_id_digest, digests[i].message_id, LOOK_DIGEST_SIZE);
		memcpy(listed[count].header_digest, digests[i].header, LOOK_DIGEST_SIZE);
		count++;
	}
	if (result == RESTANTE_OK)
		pair_count = match_messages(remembered->messages, remembered->count, listed, count, pairs);
	if (pair_count >= 0)
		conclude_match(collect, remembered, pairs, (size_t)pair_count);
	else if (result == RESTANTE_OK)
		result = RESTANTE_MEMORY;
	free(digests);
	free(listed);
	free(pairs);
	return result;
}

/* All new, though something is known? Then who is who? */
static enum restante_result
recognize(struct collect *collect)
{
	struct remembered remembered = { 0 };
	enum restante_result result = RESTANTE_OK;
	size_t known = known_count(collect);

	if (known == 0)
		remember(&remembered, collect);
	if (policy_is_strange(&collect->policy, collect->lists.survey.count, known, remembered.expected_count,
		remembered.removable_count))
		result = match(collect, &remembered);
	free(remembered.messages);
	return result;
}

/* The state learns what the server still has, where the list can be believed. */
static void
tell_state(struct collect *collect)
{
	const struct survey *survey = &collect->lists.survey;
	struct error error;

	if (collect->settings.is_dry || survey->nameless_count > 0)
		return;
	state_list_begin(collect->state);
	for (size_t i = 0; i < survey->count; i++)
		if (survey->messages[i].uidl != NULL)
			state_list_add(collect->state, survey->messages[i].uidl);
	if (state_list_end(collect->state, collect->policy.now, ABSENT_SECONDS, &error) != 0) {
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
		collect->is_ending = true;
	}
}

static void
decide(struct collect *collect, size_t index)
{
	const struct survey_message *message = &collect->lists.survey.messages[index];
	const struct state_message *found = known(collect, message);
	const struct policy_message told = {
		.octets = message->octets,
		.newer_count = collect->lists.survey.count - 1 - index,
		.is_stored = found != NULL,
		.is_skipped = found != NULL && found->is_skipped,
		.stored_time = found != NULL ? found->stored_time : 0,
	};
	enum policy_step step = message->uidl != NULL ? policy_step(&collect->policy, &told) : POLICY_LEAVE;

	collect->sums.left_count += step == POLICY_LEAVE;
	collect->sums.too_big_count += step == POLICY_TOO_BIG;
	if (step == POLICY_DELETE)
		queue_put(&collect->removals, index);
	else if (step == POLICY_FETCH)
		queue_put(&collect->messages, index);
	else if (step == POLICY_ASK)
		queue_put(&collect->headers, index);
	if (step == POLICY_FETCH || step == POLICY_ASK) {
		collect->message_count++;
		collect->octets += message->octets;
	}
}

static bool
queues_make(struct collect *collect)
{
	size_t count = collect->lists.survey.count + 1;

	collect->headers.indexes = calloc(count, sizeof(size_t));
	collect->messages.indexes = calloc(count, sizeof(size_t));
	collect->removals.indexes = calloc(count, sizeof(size_t));
	collect->confirmed = calloc(count, sizeof(size_t));
	return collect->headers.indexes != NULL && collect->messages.indexes != NULL &&
	       collect->removals.indexes != NULL && collect->confirmed != NULL;
}

/* The numbers are those of this connection: what an earlier one has done is in the sums. */
static void
decide_all(struct collect *collect)
{
	const struct survey *survey = &collect->lists.survey;

	collect->sums.left_count = collect->sums.too_big_count = 0;
	collect->message_count = collect->message_done_count;
	collect->octets = collect->octets_done;
	for (size_t i = 0; i < survey->count; i++)
		decide(collect, i);
	report_event(collect->settings.report, REPORT_LISTED, collect->settings.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("messages", survey->count),
		FIELD_NUMBER("new", collect->messages.count + collect->headers.count),
		FIELD_NUMBER("to_delete", collect->removals.count),
		FIELD_NUMBER("left", collect->sums.left_count)),
	    "%zu message%s on the server, %zu new, %zu to delete", survey->count, plural(survey->count),
	    collect->messages.count + collect->headers.count, collect->removals.count);
}

enum restante_result
collect_plan(struct collect *collect)
{
	enum restante_result result = RESTANTE_OK;

	if (!queues_make(collect))
		return RESTANTE_MEMORY;
	if (collect->lists.list != RESTANTE_OK) {
		collect_failure(collect, collect->lists.list, collect->lists.text);
		collect->is_ending = true;
		return RESTANTE_OK;
	}
	if (collect->lists.uidl != RESTANTE_OK)
		result = without_uidl(collect);
	else
		note_lists(collect);
	if (result == RESTANTE_OK && !collect->is_ending)
		result = recognize(collect);
	if (result != RESTANTE_OK || collect->is_ending)
		return result;
	tell_state(collect);
	if (!collect->is_ending)
		decide_all(collect);
	return RESTANTE_OK;
}
