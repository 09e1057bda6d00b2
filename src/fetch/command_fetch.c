/* restante fetch and restante check: the same run, the second without a change to anything. */

#include <stdio.h>
#include <sysexits.h>

#include "fetch/jobs.h"
#include "fetch/options.h"

static int
run(struct fetch_context *context, char *const words[], int count, bool is_dry)
{
	struct jobs_settings settings = {
		.context = context, .words = words, .word_count = count, .is_dry = is_dry
	};
	struct wanted wanted;
	struct error error;
	int status = wanted_read(&wanted, context, words, count);

	if (status != WANTED_GO_ON)
		return status;
	if (report_open(&settings.report, context, jobs_parallel(context, &wanted), &error) != 0) {
		wanted_free(&wanted);
		return command_fail(EX_CANTCREAT, "%s", error.text);
	}
	status = jobs_run(&settings, &wanted);
	if (report_has_failed(settings.report) && status == EX_OK)
		status = command_fail(EX_IOERR, "cannot write what happened");
	report_close(settings.report);
	wanted_free(&wanted);
	return status;
}

int
command_fetch(struct fetch_context *context, int argc, char **argv)
{
	char **words;
	int count, status = options_read(context, command_find("fetch"), argc, argv, &words, &count);

	if (status != OPTIONS_GO_ON)
		return status;
	return run(context, words, count, context->is_dry_run);
}

int
command_check(struct fetch_context *context, int argc, char **argv)
{
	char **words;
	int count, status = options_read(context, command_find("check"), argc, argv, &words, &count);

	if (status != OPTIONS_GO_ON)
		return status;
	return run(context, words, count, true);
}
