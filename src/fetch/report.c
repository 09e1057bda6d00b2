/* See report.h. */

#include "fetch/report.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "fetch/text.h"

#define SAID_SIZE 1024
#define LINE_SIZE 16384

enum audience {
	TO_OUTPUT, /* asked for: standard output, always */
	TO_OUTPUT_UNLESS_QUIET,
	TO_VERBOSE, /* standard error, with --verbose */
	TO_ERRORS_UNLESS_QUIET,
	TO_ERRORS,
};

static const struct {
	const char *name; /* as programs get it */
	enum audience audience;
	const char *colour;
} types[REPORT_TYPE_COUNT] = {
	[REPORT_LOGIN] = { "login", TO_VERBOSE, NULL },
	[REPORT_LISTED] = { "listed", TO_VERBOSE, NULL },
	[REPORT_FETCHED] = { "fetched", TO_VERBOSE, NULL },
	[REPORT_SKIPPED] = { "skipped", TO_VERBOSE, NULL },
	[REPORT_DELETED] = { "deleted", TO_VERBOSE, NULL },
	[REPORT_NOTE] = { "note", TO_ERRORS_UNLESS_QUIET, "\033[33m" },
	[REPORT_PROBLEM] = { "problem", TO_ERRORS, "\033[31m" },
	[REPORT_WATCH] = { "watch", TO_VERBOSE, NULL },
	[REPORT_MESSAGE] = { "message", TO_OUTPUT, NULL },
	[REPORT_ANSWER] = { "answer", TO_OUTPUT, NULL },
	[REPORT_DONE] = { "done", TO_OUTPUT_UNLESS_QUIET, "\033[32m" },
	[REPORT_IDLE] = { "done", TO_VERBOSE, NULL },
};

struct report {
	pthread_mutex_t lock;
	bool is_quiet, is_verbose, is_json;
	bool has_colour[2]; /* standard output, standard error */
	bool has_failed;
	struct progress *progress; /* NULL: not on a terminal */
	FILE *transcript;          /* NULL: none */
};

static bool
is_terminal(int descriptor)
{
	const char *term = getenv("TERM");

	return isatty(descriptor) && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

static unsigned
columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/*
 * A transcript names messages and addresses: it is for its owner alone, also where the file was there before.
 */
static FILE *
transcript_open(const char *path, struct error *error)
{
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *stream = NULL;

	if (file >= 0 && fchmod(file, 0600) == 0)
		stream = fdopen(file, "a");
	if (stream == NULL) {
		error_errno(error, ERROR_PERMANENT, "cannot write the transcript %s", path);
		if (file >= 0)
			close(file);
	}
	return stream;
}

int
report_open(
    struct report **result, const struct fetch_context *context, unsigned account_count, struct error *error)
{
	const char *no_colour = getenv("NO_COLOR");
	bool may_colour = no_colour == NULL || *no_colour == '\0';
	struct report *report = calloc(1, sizeof(*report));

	if (report == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory");
	if (context->transcript_path != NULL) {
		report->transcript = transcript_open(context->transcript_path, error);
		if (report->transcript == NULL) {
			free(report);
			return -1;
		}
	}
	pthread_mutex_init(&report->lock, NULL);
	report->is_quiet = context->is_quiet;
	report->is_verbose = context->is_verbose;
	report->is_json = context->is_json;
	report->has_colour[0] = may_colour && !context->is_json && is_terminal(STDOUT_FILENO);
	report->has_colour[1] = may_colour && is_terminal(STDERR_FILENO);
	if (account_count > 0 && !context->is_quiet && !context->is_json && is_terminal(STDERR_FILENO))
		report->progress = progress_new(stderr, columns(), report->has_colour[1], account_count);
	*result = report;
	return 0;
}

void
report_close(struct report *report)
{
	if (report == NULL)
		return;
	if (report->progress != NULL)
		progress_hide(report->progress);
	progress_free(report->progress);
	if (report->transcript != NULL)
		fclose(report->transcript);
	pthread_mutex_destroy(&report->lock);
	free(report);
}

static void
put_json(struct writer *out, enum report_type type, const char *account, const struct report_field fields[],
    const char *said)
{
	writer_text(out, "{\"event\":");
	text_json(out, types[type].name);
	if (account != NULL) {
		writer_text(out, ",\"account\":");
		text_json(out, account);
	}
	for (; fields->key != NULL; fields++) {
		char digits[NUMBER_DIGITS_MAX];

		writer_printf(out, ",\"%s\":", fields->key);
		if (fields->text != NULL)
			text_json(out, fields->text);
		else
			writer_put(out, digits, (size_t)(number_put(digits, fields->number) - digits));
	}
	writer_text(out, ",\"text\":");
	text_json(out, said);
	writer_text(out, "}\n");
}

static void
put_words(struct writer *out, bool has_colour, enum report_type type, const char *account, const char *said)
{
	const char *colour = has_colour ? types[type].colour : NULL;

	if (colour != NULL)
		writer_text(out, colour);
	if (account != NULL) {
		text_clean(out, account);
		writer_text(out, ": ");
	}
	if (colour != NULL)
		writer_text(out, "\033[0m");
	text_clean(out, said);
	writer_put(out, "\n", 1);
}

/* The lines at the bottom of a terminal make room for it. */
static void
print(struct report *report, FILE *stream, const struct writer *text)
{
	if (report->progress != NULL)
		progress_hide(report->progress);
	if (fwrite(text->buffer, 1, text->used, stream) != text->used || fflush(stream) != 0)
		report->has_failed |= stream == stdout;
	if (report->progress != NULL)
		progress_show(report->progress, clock_milliseconds());
}

static bool
is_heard(const struct report *report, enum audience audience)
{
	if (audience == TO_VERBOSE)
		return report->is_verbose;
	return !report->is_quiet || audience == TO_OUTPUT || audience == TO_ERRORS;
}

void
report_event(struct report *report, enum report_type type, const char *account,
    const struct report_field fields[], const char *format, ...)
{
	enum audience audience = types[type].audience;
	bool to_output = report->is_json || audience == TO_OUTPUT || audience == TO_OUTPUT_UNLESS_QUIET;
	char said[SAID_SIZE], line[LINE_SIZE];
	struct writer out;
	va_list arguments;

	if (!report->is_json && !is_heard(report, audience))
		return;
	va_start(arguments, format);
	vsnprintf(said, sizeof(said), format, arguments);
	va_end(arguments);
	writer_init(&out, line, sizeof(line), NULL, NULL);
	if (report->is_json)
		put_json(&out, type, account, fields, said);
	else
		put_words(&out, report->has_colour[!to_output], type, account, said);
	pthread_mutex_lock(&report->lock);
	print(report, to_output ? stdout : stderr, &out);
	pthread_mutex_unlock(&report->lock);
}

bool
report_wants_trace(const struct report *report)
{
	return report->is_verbose || report->transcript != NULL;
}

void
report_trace(struct report *report, const char *account, char direction, const char *text, size_t size)
{
	char copy[SAID_SIZE * 5], line[LINE_SIZE];
	struct writer out;

	/* What is lent has no NUL at its end, and may have one inside. */
	size = size < sizeof(copy) ? size : sizeof(copy) - 1;
	for (size_t i = 0; i < size; i++)
		copy[i] = text[i] != '\0' ? text[i] : '?';
	copy[size] = '\0';
	writer_init(&out, line, sizeof(line), NULL, NULL);
	writer_printf(&out, "%s %c ", account, direction);
	text_clean(&out, copy);
	writer_put(&out, "\n", 1);
	pthread_mutex_lock(&report->lock);
	if (report->transcript != NULL) {
		fwrite(line, 1, out.used, report->transcript);
		fflush(report->transcript);
	}
	if (report->is_verbose)
		print(report, stderr, &out);
	pthread_mutex_unlock(&report->lock);
}

void
report_progress(
    struct report *report, unsigned slot, const char *account, const struct progress_numbers *numbers)
{
	if (report->progress == NULL)
		return;
	pthread_mutex_lock(&report->lock);
	progress_set(report->progress, slot, account, numbers);
	if (account == NULL)
		progress_show(report->progress, clock_milliseconds());
	else
		progress_refresh(report->progress, clock_milliseconds());
	pthread_mutex_unlock(&report->lock);
}

bool
report_has_failed(const struct report *report)
{
	return report->has_failed;
}
