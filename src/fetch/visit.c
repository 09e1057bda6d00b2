/* See visit.h. */

#include "fetch/visit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "fetch/outcome.h"
#include "fetch/policy.h"

void
visit_failure(struct visit *visit, enum restante_result result, const char *text)
{
	const char *advice = outcome_advice(result);

	visit->status = outcome_of_result(result);
	report_event(visit->report, REPORT_PROBLEM, visit->link.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("status", visit->status)), "%s%s%s", text, advice != NULL ? ": " : "",
	    advice != NULL ? advice : "");
}

static int
fail(struct visit *visit, const struct error *error)
{
	visit->status = outcome_of_error(error->kind);
	report_event(visit->report, REPORT_PROBLEM, visit->link.account->name,
	    REPORT_FIELDS(FIELD_NUMBER("status", visit->status)), "%s", error->text);
	return -1;
}

static int
obey_delay(struct visit *visit)
{
	int64_t wait = policy_login_wait(strtoll(state_value(visit->state, "login-time"), NULL, 10),
	    strtoll(state_value(visit->state, "login-delay"), NULL, 10), time(NULL));
	struct error error;

	if (wait == 0)
		return 0;
	error_set(&error, ERROR_TEMPORARY,
	    "the server wants pauses between two logins (LOGIN-DELAY), so nothing was "
	    "asked: come again in %" PRId64 " seconds",
	    wait);
	return fail(visit, &error);
}

int
visit_begin(struct visit *visit, const struct fetch_context *context, struct report *report,
    const struct account *account)
{
	enum restante_result result;
	struct error error;

	memset(visit, 0, sizeof(*visit));
	visit->context = context;
	visit->report = report;
	link_init(&visit->link, account, report);
	if (state_open(&visit->state, context->state_directory, account->name, true, &error) != 0)
		return fail(visit, &error);
	if (obey_delay(visit) != 0)
		return -1;
	if (credentials_get(&visit->credentials, account, context->state_directory, &error) != 0 ||
	    link_open(&visit->link, &visit->credentials, &error) != 0)
		return fail(visit, &error);
	result = lists_read(&visit->link, &visit->lists);
	if (result == RESTANTE_OK && visit->lists.list == RESTANTE_OK)
		return 0;
	visit_failure(visit, result != RESTANTE_OK ? result : visit->lists.list,
	    result != RESTANTE_OK ? restante_client_error(visit->link.client) : visit->lists.text);
	return -1;
}

void
visit_end(struct visit *visit)
{
	if (visit->link.session != NULL && visit->lists.is_logged_in)
		restante_session_quit(visit->link.session);
	link_destroy(&visit->link);
	credentials_wipe(&visit->credentials);
	survey_free(&visit->lists.survey);
	state_close(visit->state);
}
