/* restante list: number, size, what is known of it, date, sender and subject of each message. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "fetch/options.h"
#include "fetch/outcome.h"
#include "fetch/summary.h"
#include "fetch/visit.h"
#include "fetch/wanted.h"

#define HEADER_OCTETS (64 << 10)

static const char *
known_as(const struct visit *visit, const struct survey_message *message)
{
	const struct state_message *found =
	    message->uidl != NULL ? state_find(visit->state, message->uidl) : NULL;

	if (found == NULL || !found->is_stored)
		return "new";
	return found->is_skipped ? "skipped" : found->is_deleted ? "deleted" : "stored";
}

static void
show(const struct visit *visit, const struct survey_message *message, const struct summary *summary)
{
	const char *known = known_as(visit, message);

	report_event(visit->report, REPORT_MESSAGE, visit->link.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("number", message->number), FIELD_NUMBER("octets", message->octets),
		FIELD_TEXT("uidl", message->uidl != NULL ? message->uidl : ""), FIELD_TEXT("state", known),
		FIELD_TEXT("date", summary->date), FIELD_TEXT("from", summary->from),
		FIELD_TEXT("subject", summary->subject)),
	    "%6" PRIu64 " %10" PRIu64 "  %-7s  %.31s  %s  %s", message->number, message->octets, known,
	    summary->date, summary->from, summary->subject);
}

/* Up to the DONE of the command; a header that is refused leaves the summary empty. */
static enum restante_result
header_read(struct visit *visit, unsigned long command, char *header, size_t *used)
{
	const struct restante_event *event;
	enum restante_event_type type;

	*used = 0;
	while ((type = restante_session_next(visit->link.session, &event)) != RESTANTE_EVENT_END) {
		if (restante_event_command(event) != command)
			continue;
		if (type == RESTANTE_EVENT_DATA) {
			size_t size;
			const void *data = restante_event_data(event, &size);

			size = size < HEADER_OCTETS - *used ? size : HEADER_OCTETS - *used;
			memcpy(header + *used, data, size);
			*used += size;
		} else if (type == RESTANTE_EVENT_DONE) {
			return RESTANTE_OK;
		}
	}
	return restante_event_result(event) != RESTANTE_OK ? restante_event_result(event) : RESTANTE_CLOSED;
}

static void
list(struct visit *visit, char *header)
{
	const struct survey *survey = &visit->lists.survey;
	unsigned long replies[LINK_WINDOW];
	size_t asked = 0;

	for (size_t index = 0; index < survey->count; index++) {
		struct summary summary;
		enum restante_result result;
		size_t size;

		for (; asked < survey->count && asked < index + LINK_WINDOW; asked++)
			replies[asked % LINK_WINDOW] =
			    restante_client_top(visit->link.client, survey->messages[asked].number, 0);
		result = header_read(visit, replies[index % LINK_WINDOW], header, &size);
		if (result != RESTANTE_OK) {
			visit_failure(visit, result, restante_client_error(visit->link.client));
			return;
		}
		summary_take(&summary, header, size);
		show(visit, &survey->messages[index], &summary);
	}
}

static int
list_account(const struct fetch_context *context, struct report *report, const struct account *account)
{
	char *header = malloc(HEADER_OCTETS);
	struct visit visit;

	if (header == NULL)
		return command_fail(EX_OSERR, "no memory");
	if (visit_begin(&visit, context, report, account) == 0)
		list(&visit, header);
	visit_end(&visit);
	free(header);
	return visit.status;
}

int
command_list(struct fetch_context *context, int argc, char **argv)
{
	struct report *report;
	struct wanted wanted;
	struct error error;
	char **words;
	int count, status = options_read(context, command_find("list"), argc, argv, &words, &count);

	if (status == OPTIONS_GO_ON)
		status = wanted_read(&wanted, context, words, count);
	if (status != WANTED_GO_ON)
		return status;
	if (report_open(&report, context, 0, &error) != 0) {
		wanted_free(&wanted);
		return command_fail(EX_CANTCREAT, "%s", error.text);
	}
	status = EX_OK;
	for (size_t i = 0; i < wanted.count; i++)
		status = outcome_worse(status, list_account(context, report, wanted.all[i]));
	report_close(report);
	wanted_free(&wanted);
	return status;
}
