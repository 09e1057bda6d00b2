/* See collect.h: state, target, and as many connections as it takes. */

#include "fetch/collect_inside.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <time.h>

#include "base/clock.h"
#include "config/value.h"
#include "fetch/outcome.h"
#include "fetch/schedule.h"
#include "fetch/text.h"

/* There was no connection, and why was said. */
#define TOLD RESTANTE_RESULT_COUNT

void
queue_put(struct queue *queue, size_t index)
{
	queue->indexes[queue->count++] = index;
}

bool
queue_is_empty(const struct queue *queue)
{
	return queue->next == queue->count;
}

void
collect_problem(struct collect *collect, int status, const char *format, ...)
{
	char text[1000];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	collect->status = outcome_worse(collect->status, status);
	report_event(collect->settings.report, REPORT_PROBLEM, collect->settings.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("status", status)), "%s", text);
}

void
collect_failure(struct collect *collect, enum restante_result result, const char *text)
{
	const char *advice = outcome_advice(result);

	collect_problem(collect, outcome_of_result(result), "%s%s%s", text, advice != NULL ? ": " : "",
	    advice != NULL ? advice : "");
}

void
collect_progress(struct collect *collect)
{
	const struct progress_numbers numbers = {
		.message_count = collect->message_count,
		.message_done_count = collect->message_done_count,
		.octets = collect->octets,
		.octets_done = collect->octets_done,
		.begin_milliseconds = collect->begin_milliseconds,
	};

	report_progress(
	    collect->settings.report, collect->settings.slot, collect->settings.account->name, &numbers);
}

static void
policy_make(struct collect *collect)
{
	const struct account *account = collect->settings.account;
	const struct fetch_context *context = collect->settings.context;

	collect->policy = (struct policy){
		.keep = context->has_keep ? context->keep : (enum account_keep)account->keep,
		.keep_number = context->has_keep ? context->keep_number : account->keep_number,
		.size_max = account->size_max,
		.has_filter = *account->filter != '\0',
		.is_refetch = collect->settings.is_refetch,
		.now = time(NULL),
	};
}

/* "~" is the home directory in what --to says, too. */
static int
target_make(struct collect *collect, struct error *error)
{
	const struct account *account = collect->settings.account;
	const char *place =
	    collect->settings.context->place != NULL ? collect->settings.context->place : account->place;
	const char *path = strchr(place, ':');
	char expanded[PLACE_SIZE], home[PLACE_SIZE];
	const struct target_settings settings = {
		.place = expanded,
		.recipient = account->recipient,
		.sender = account->sender,
		.trace = account->trace != 0,
		.account = account->name,
		.server = account->host,
		.batch_max = collect->settings.batch_max,
	};

	snprintf(expanded, sizeof(expanded), "%s", place);
	if (path != NULL && path[1] == '~') {
		if (!home_expand(home, sizeof(home), path + 1) ||
		    (size_t)snprintf(expanded, sizeof(expanded), "%.*s:%s", (int)(path - place), place, home) >=
			sizeof(expanded))
			return error_set(
			    error, ERROR_PERMANENT, "%s: there is no home directory, or it is too long", place);
	}
	return target_open(&collect->target, &settings, error);
}

static void
report_recovery(struct collect *collect, const struct recovery *recovery)
{
	if (recovery->arrived_count + recovery->not_arrived_count + recovery->unknown_count == 0)
		return;
	report_event(collect->settings.report, REPORT_NOTE, collect->settings.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("arrived", recovery->arrived_count),
		FIELD_NUMBER("not_arrived", recovery->not_arrived_count),
		FIELD_NUMBER("unknown", recovery->unknown_count)),
	    "the last run was cut off: of what it had in hand %zu arrived and %zu not; for %zu nobody can "
	    "tell, so "
	    "they are fetched again and may be there twice",
	    recovery->arrived_count, recovery->not_arrived_count, recovery->unknown_count);
}

/* State and target, as the last run has left them. */
static int
open_all(struct collect *collect, struct error *error)
{
	const char *account = collect->settings.account->name;
	struct recovery recovery = { 0 };

	if (state_open(&collect->state, collect->settings.context->state_directory, account,
		collect->settings.is_dry, error) != 0)
		return -1;
	if (collect->settings.is_dry)
		return 0;
	if (target_make(collect, error) != 0 ||
	    recovery_run(collect->state, collect->target, &recovery, error) != 0)
		return -1;
	report_recovery(collect, &recovery);
	if (collect->settings.is_refetch && state_forget_all(collect->state, error) != 0)
		return -1;
	/* Forgotten for good: what a second connection of this run stores is not fetched once more. */
	collect->policy.is_refetch = false;
	return 0;
}

/* The server says how often; the state knows when the last time was. */
static bool
is_too_early(struct collect *collect)
{
	int64_t delay = strtoll(state_value(collect->state, "login-delay"), NULL, 10);
	int64_t wait = policy_login_wait(
	    strtoll(state_value(collect->state, "login-time"), NULL, 10), delay, collect->policy.now);

	collect->is_inexact = strcmp(state_value(collect->state, "sizes"), "inexact") == 0;
	collect->login_delay_seconds = delay > 0 ? (uint64_t)delay : 0;
	if (wait == 0)
		return false;
	collect_problem(collect, EX_TEMPFAIL,
	    "the server wants %" PRId64 " seconds between two logins (LOGIN-DELAY), "
	    "so nothing was asked: come again in %" PRId64 " seconds",
	    delay, wait);
	return true;
}

static void
connection_end(struct collect *collect)
{
	parcel_end(collect->parcel);
	collect->parcel = NULL;
	free(collect->headers.indexes);
	free(collect->messages.indexes);
	free(collect->removals.indexes);
	free(collect->confirmed);
	free(collect->header);
	survey_free(&collect->lists.survey);
	memset(&collect->headers, 0, sizeof(collect->headers));
	memset(&collect->messages, 0, sizeof(collect->messages));
	memset(&collect->removals, 0, sizeof(collect->removals));
	collect->confirmed = NULL;
	collect->header = NULL;
	collect->header_size = collect->confirmed_count = 0;
	collect->asked_first = collect->asked_count = collect->reading_count = 0;
	collect->reading_octets = collect->parcel_octets = 0;
	collect->unproven_count = collect->retrieved_count = 0;
	collect->refused = NULL;
	collect->unproven_octets = 0;
	collect->is_dropped = false;
	collect->doubt = DOUBT_NONE;
	collect->is_refused = collect->has_header = collect->is_quit_asked = collect->is_quit = false;
	link_close(collect->settings.link);
}

/* What is only said when it is not as it was at the last login. */
static void
note_server(struct collect *collect)
{
	struct restante_client *client = collect->settings.link->client;
	const char *account = collect->settings.account->name;
	long days = (restante_client_capabilities(client) & RESTANTE_HAS_EXPIRE) != 0
			? restante_client_expire_days(client)
			: RESTANTE_NEVER;
	char text[256], value[32];
	struct error error;

	report_event(collect->settings.report, REPORT_LOGIN, account,
	    REPORT_FIELDS(FIELD_TEXT("mechanism", restante_client_mechanism(client)),
		FIELD_TEXT("protection", restante_client_protection(client)),
		FIELD_TEXT("implementation", restante_client_implementation(client))),
	    "logged in by %s%s%s", restante_client_mechanism(client),
	    *restante_client_protection(client) != '\0' ? " under " : ", without TLS",
	    restante_client_protection(client));
	snprintf(value, sizeof(value), "%ld", days);
	if (strcmp(value, state_value(collect->state, "expire")) == 0)
		return;
	if (policy_expire_note(&collect->policy, days, text, sizeof(text)) != NULL)
		report_event(collect->settings.report, REPORT_NOTE, account,
		    REPORT_FIELDS(FIELD_NUMBER("days", days)), "%s", text);
	if (!collect->settings.is_dry && state_value_set(collect->state, "expire", value, &error) != 0)
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
}

/* Kept only where the server cares: a run without it writes nothing more. */
static void
note_login(struct collect *collect)
{
	long delay = restante_client_login_delay_seconds(collect->settings.link->client);
	char time_text[32], delay_text[32];
	struct error error;

	collect->login_delay_seconds = delay > 0 ? (uint64_t)delay : 0;
	note_server(collect);
	if (collect->settings.is_dry || (delay <= 0 && *state_value(collect->state, "login-delay") == '\0'))
		return;
	snprintf(time_text, sizeof(time_text), "%" PRId64, (int64_t)time(NULL));
	snprintf(delay_text, sizeof(delay_text), "%ld", delay > 0 ? delay : 0);
	if (state_value_set(collect->state, "login-time", time_text, &error) != 0 ||
	    state_value_set(collect->state, "login-delay", delay_text, &error) != 0)
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
}

/* One connection, from its beginning to its end. */
static enum restante_result
connection(struct collect *collect)
{
	struct link *link = collect->settings.link;
	enum restante_result result;
	struct error error;

	if (credentials_get(collect->settings.credentials, collect->settings.account,
		collect->settings.context->state_directory, &error) != 0 ||
	    link_open(link, collect->settings.credentials, &error) != 0) {
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
		return TOLD;
	}
	collect_progress(collect);
	result = lists_read(link, &collect->lists);
	if (collect->lists.is_logged_in)
		note_login(collect);
	if (result == RESTANTE_OK)
		result = collect_plan(collect);
	if (result == RESTANTE_OK)
		result = collect_messages(collect);
	return result;
}

/* A token may have ended before its time: there may be another. */
static bool
may_renew(struct collect *collect, enum restante_result result, bool *is_renewed)
{
	struct credentials *credentials = collect->settings.credentials;

	if (result != RESTANTE_DENIED || !credentials->is_there || !credentials->is_token || *is_renewed)
		return false;
	return *is_renewed = credentials->is_new_token_wanted = true;
}

/* What came whole and was not proven when the server made no sense: once more, message by message. */
static bool
may_prove(struct collect *collect)
{
	if (!collect->is_dropped || collect->is_careful || collect->login_delay_seconds > 0 ||
	    stop_is_asked(collect->settings.stop) || collect->is_ending)
		return false;
	return collect->is_careful = true;
}

/* Is it to be tried again? Waits before it is. */
static bool
is_worth_another(struct collect *collect, enum restante_result result, unsigned *failure_count)
{
	uint32_t chance = 0;

	if (collect->progress_count > 0)
		*failure_count = 0;
	collect->progress_count = 0;
	if (!outcome_may_pass(result) || *failure_count >= collect->settings.context->retries ||
	    collect->login_delay_seconds > 0 || stop_is_asked(collect->settings.stop) || collect->is_ending)
		return false;
	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		chance = 0;
	report_event(collect->settings.report, REPORT_NOTE, collect->settings.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("attempt", *failure_count + 1)), "%s; going on with another connection",
	    restante_client_error(collect->settings.link->client));
	connection_end(collect);
	return !stop_wait(collect->settings.stop, schedule_retry((*failure_count)++, chance));
}

static void
connections(struct collect *collect)
{
	unsigned failure_count = 0;
	bool is_renewed = false;

	for (;;) {
		enum restante_result result = connection(collect);

		if (result == RESTANTE_OK || result == TOLD)
			break;
		if (may_renew(collect, result, &is_renewed) || may_prove(collect)) {
			connection_end(collect);
			continue;
		}
		if (is_worth_another(collect, result, &failure_count))
			continue;
		collect_failure(collect, result, restante_client_error(collect->settings.link->client));
		break;
	}
	connection_end(collect);
}

static void
put_sum(struct writer *out, uint64_t count, const char *words)
{
	if (count > 0)
		writer_printf(out, "%s%" PRIu64 " %s", out->used > 0 ? ", " : "", count, words);
}

/* "3 messages (12.0 kB) fetched, 2 deleted on the server". */
static void
report_sums(struct collect *collect)
{
	const struct collect_sums *sums = &collect->sums;
	char text[300];
	struct writer out;

	writer_init(&out, text, sizeof(text) - 1, NULL, NULL);
	if (sums->fetched_count > 0) {
		writer_printf(
		    &out, "%" PRIu64 " message%s (", sums->fetched_count, sums->fetched_count == 1 ? "" : "s");
		text_octets(&out, sums->fetched_octets);
		writer_text(&out, collect->settings.is_dry ? ") to fetch" : ") fetched");
	}
	put_sum(&out, sums->deleted_count,
	    collect->settings.is_dry ? "to delete on the server" : "deleted on the server");
	put_sum(&out, sums->skipped_count, "skipped");
	put_sum(&out, sums->too_big_count, "too big");
	put_sum(&out, sums->failed_count, "failed");
	if (out.used == 0 && collect->status == EX_OK)
		writer_printf(&out, "nothing new; %" PRIu64 " on the server", sums->left_count);
	else if (out.used == 0)
		writer_text(&out, "nothing was done");
	text[out.used] = '\0';
	report_event(collect->settings.report,
	    sums->fetched_count + sums->deleted_count + sums->skipped_count + sums->failed_count > 0 ||
		    collect->settings.is_dry
		? REPORT_DONE
		: REPORT_IDLE,
	    collect->settings.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("status", collect->status), FIELD_NUMBER("fetched", sums->fetched_count),
		FIELD_NUMBER("octets", sums->fetched_octets), FIELD_NUMBER("deleted", sums->deleted_count),
		FIELD_NUMBER("skipped", sums->skipped_count), FIELD_NUMBER("too_big", sums->too_big_count),
		FIELD_NUMBER("failed", sums->failed_count), FIELD_NUMBER("left", sums->left_count)),
	    "%s", text);
}

static void
run(struct collect *collect)
{
	struct error error;

	policy_make(collect);
	collect->may_delete = true;
	if (open_all(collect, &error) != 0)
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
	else if (!is_too_early(collect))
		connections(collect);
	if (collect->state != NULL && !collect->settings.is_dry && collect->may_delete &&
	    state_compact_if_due(collect->state, &error) != 0)
		collect_problem(collect, outcome_of_error(error.kind), "%s", error.text);
	report_sums(collect);
	report_progress(collect->settings.report, collect->settings.slot, NULL, NULL);
	target_close(collect->target);
	state_close(collect->state);
}

void
collect_account(const struct collect_settings *settings, struct collect_result *result)
{
	struct collect *collect = calloc(1, sizeof(*collect));

	memset(result, 0, sizeof(*result));
	if (collect == NULL) {
		result->status = EX_OSERR;
		return;
	}
	collect->settings = *settings;
	run(collect);
	credentials_rest(settings->credentials, settings->account);
	result->status = collect->status;
	result->login_delay_seconds = collect->login_delay_seconds;
	result->sums = collect->sums;
	free(collect);
}
