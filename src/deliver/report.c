/*
 * What becomes of a message, for the system's log, as other local delivery agents tell it. Standard error is for
 * failures alone: getmail takes any line there for one.
 */

#include <paths.h>
#include <stdbool.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "deliver/deliver.h"

#define FIELDS_MAX 5

static bool has_log;

void
report_open(void)
{
	has_log = access(_PATH_LOG, W_OK) == 0;
	if (!has_log)
		return;
	/* The lines bear the local time, which cannot be read from its file later. */
	tzset();
	openlog("restante-deliver", LOG_PID | LOG_NDELAY, LOG_MAIL);
}

/* user: NULL where none was named. */
static void
report(int priority, const char *event, const char *user, const struct log_field fields[])
{
	struct log_field all[FIELDS_MAX + 1] = { { .key = NULL } };
	char line[LOG_LINE_SIZE];
	size_t count = 0;

	if (!has_log)
		return;
	if (user != NULL)
		all[count++] = (struct log_field)LOG_TEXT("user", user);
	while (fields->key != NULL && count < FIELDS_MAX)
		all[count++] = *fields++;
	log_format(line, sizeof(line), event, all);
	syslog(priority, "%s", line);
}

void
report_delivered(const char *user, const struct delivery *delivery, const struct append *append, uint64_t size)
{
	report(LOG_INFO, "delivered", user, (const struct log_field[]){ LOG_TEXT("place", delivery->place),
		LOG_NUMBER("octets", size), { .key = NULL } });
	if (append->quota_warns)
		report(LOG_WARNING, "quota-warning", user, (const struct log_field[]){
			LOG_TEXT("place", delivery->place), LOG_NUMBER("percent", append->quota_percent),
			{ .key = NULL } });
}

void
report_failed(const char *user, const char *place, const struct error *error)
{
	report(LOG_WARNING, "delivery-failed", user, (const struct log_field[]){ LOG_TEXT("place", place),
		LOG_TEXT("kind", error_kind_name(error->kind)), LOG_REASON(error), { .key = NULL } });
}
