/* See jobs.h. The main thread only starts others, waits, and hears signals. */

#include "fetch/jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "fetch/collect.h"
#include "fetch/descriptors.h"
#include "fetch/outcome.h"
#include "fetch/schedule.h"
#include "fetch/signals.h"

/* Who was asked to stop may finish what is under way for so long. */
#define STOP_MILLISECONDS 10000
#define STACK_OCTETS      (512 << 10)

enum job_state { JOB_WAITS, JOB_RUNS, JOB_DONE };

struct jobs;

struct job {
	struct jobs *jobs;
	const struct account *account;
	struct credentials credentials;
	struct link link;
	struct collect_result result;
	pthread_t thread;
	enum job_state state;
	atomic_bool has_ended; /* the thread of JOB_RUNS: result is for the main thread again */
	unsigned slot, failure_count;
	uint64_t due_milliseconds;
	bool is_first;
};

struct jobs {
	const struct jobs_settings *settings;
	struct wanted *wanted;
	struct job *all;
	size_t count;
	unsigned running_count, parallel;
	struct stop stop;
	int ended, signals;        /* descriptors to wait for */
	uint64_t cut_milliseconds; /* 0: nobody is cut off */
	bool is_reload_due;
	int status;
};

unsigned
jobs_parallel(const struct fetch_context *context, const struct wanted *wanted)
{
	uint64_t parallel = context->parallel > 0 ? context->parallel : wanted->accounts.parallel;

	return parallel > 0 && parallel < wanted->count ? (unsigned)parallel : (unsigned)wanted->count;
}

static void *
work(void *context)
{
	struct job *job = context;
	struct jobs *jobs = job->jobs;
	const struct collect_settings settings = {
		.context = jobs->settings->context,
		.account = job->account,
		.report = jobs->settings->report,
		.credentials = &job->credentials,
		.link = &job->link,
		.stop = &jobs->stop,
		.slot = job->slot,
		.batch_max = descriptors_batch(jobs->parallel),
		.is_dry = jobs->settings->is_dry,
		.is_refetch = jobs->settings->context->is_refetch && job->is_first,
	};

	collect_account(&settings, &job->result);
	atomic_store(&job->has_ended, true);
	eventfd_write(jobs->ended, 1);
	return NULL;
}

static int
jobs_make(struct jobs *jobs, struct error *error)
{
	jobs->parallel = jobs_parallel(jobs->settings->context, jobs->wanted);
	jobs->all = calloc(jobs->wanted->count, sizeof(*jobs->all));
	if (jobs->all == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory");
	jobs->count = jobs->wanted->count;
	for (size_t i = 0; i < jobs->count; i++) {
		struct job *job = &jobs->all[i];

		job->jobs = jobs;
		job->account = jobs->wanted->all[i];
		job->is_first = true;
		link_init(&job->link, job->account, jobs->settings->report);
	}
	return 0;
}

static void
jobs_free(struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++) {
		link_destroy(&jobs->all[i].link);
		credentials_wipe(&jobs->all[i].credentials);
	}
	free(jobs->all);
	jobs->all = NULL;
	jobs->count = 0;
}

static unsigned
free_slot(const struct jobs *jobs)
{
	for (unsigned slot = 0;; slot++) {
		size_t i = 0;

		while (i < jobs->count && (jobs->all[i].state != JOB_RUNS || jobs->all[i].slot != slot))
			i++;
		if (i == jobs->count)
			return slot;
	}
}

static void
start(struct jobs *jobs, struct job *job)
{
	pthread_attr_t attributes;
	int outcome;

	atomic_store(&job->has_ended, false);
	job->slot = free_slot(jobs);
	job->state = JOB_RUNS;
	jobs->running_count++;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_OCTETS);
	outcome = pthread_create(&job->thread, &attributes, work, job);
	pthread_attr_destroy(&attributes);
	if (outcome == 0)
		return;
	jobs->running_count--;
	job->state = JOB_DONE;
	jobs->status = outcome_worse(jobs->status, EX_OSERR);
	report_event(jobs->settings->report, REPORT_PROBLEM, job->account->name, REPORT_FIELDS(),
	    "there is no thread for it: %s", strerrordesc_np(outcome));
}

static void
start_due(struct jobs *jobs)
{
	uint64_t now = clock_milliseconds();

	for (size_t i = 0; i < jobs->count && jobs->running_count < jobs->parallel; i++)
		if (jobs->all[i].state == JOB_WAITS && jobs->all[i].due_milliseconds <= now)
			start(jobs, &jobs->all[i]);
}

static void
schedule(struct jobs *jobs, struct job *job)
{
	uint64_t interval = jobs->settings->context->watch_seconds, wait;
	uint32_t chance = 0;

	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		chance = 0;
	job->failure_count = job->result.status == EX_OK ? 0 : job->failure_count + 1;
	wait = schedule_watch(interval, job->failure_count, job->result.login_delay_seconds, chance);
	job->due_milliseconds = clock_milliseconds() + wait;
	job->state = JOB_WAITS;
	report_event(jobs->settings->report, REPORT_WATCH, job->account->name,
	    REPORT_FIELDS(FIELD_NUMBER("milliseconds", wait)), "the next turn is in %" PRIu64 " seconds",
	    wait / 1000);
}

static void
finish(struct jobs *jobs, struct job *job)
{
	pthread_join(job->thread, NULL);
	jobs->running_count--;
	job->is_first = false;
	job->state = JOB_DONE;
	if (jobs->settings->context->watch_seconds > 0 && !stop_is_asked(&jobs->stop))
		schedule(jobs, job);
	else
		jobs->status = outcome_worse(jobs->status, job->result.status);
}

static void
finish_ended(struct jobs *jobs)
{
	eventfd_t ignored;

	eventfd_read(jobs->ended, &ignored);
	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->all[i].state == JOB_RUNS && atomic_load(&jobs->all[i].has_ended))
			finish(jobs, &jobs->all[i]);
}

static void
cut_off(struct jobs *jobs)
{
	jobs->cut_milliseconds = 0;
	for (size_t i = 0; i < jobs->count; i++)
		link_cut(&jobs->all[i].link);
}

static void
hear(struct jobs *jobs)
{
	struct signals signals = { 0 };

	signals_take(jobs->signals, &signals);
	jobs->is_reload_due |= signals.is_reload;
	if (!signals.is_stop || stop_is_asked(&jobs->stop))
		return;
	stop_ask(&jobs->stop);
	if (jobs->running_count > 0)
		report_event(jobs->settings->report, REPORT_NOTE, NULL, REPORT_FIELDS(),
		    "stopping: what is under way is finished, if that takes no longer than %d seconds",
		    STOP_MILLISECONDS / 1000);
	jobs->cut_milliseconds = clock_milliseconds() + STOP_MILLISECONDS;
}

/* Which of the accounts wanted have had a turn: --refetch is for the first alone. NULL: no memory. */
static bool *
begun_take(const struct jobs *jobs, const struct wanted *wanted)
{
	bool *begun = calloc(wanted->count, sizeof(*begun));

	for (size_t i = 0; begun != NULL && i < wanted->count; i++)
		for (size_t k = 0; k < jobs->count; k++)
			begun[i] |= !jobs->all[k].is_first &&
			    strcmp(jobs->all[k].account->name, wanted->all[i]->name) == 0;
	return begun;
}

/* What is wrong with the new configuration was said; the old one stays in force. */
static void
reload(struct jobs *jobs)
{
	const struct jobs_settings *settings = jobs->settings;
	struct wanted wanted;
	struct error error;
	bool *begun;

	jobs->is_reload_due = false;
	if (wanted_read(&wanted, settings->context, settings->words, settings->word_count) != WANTED_GO_ON) {
		report_event(settings->report, REPORT_NOTE, NULL, REPORT_FIELDS(),
		    "the configuration stays as it was: the new one cannot be used");
		return;
	}
	begun = begun_take(jobs, &wanted);
	jobs_free(jobs);
	wanted_free(jobs->wanted);
	*jobs->wanted = wanted;
	for (size_t i = 0; i < wanted.count; i++)
		if (wanted.all[i] == &wanted.given)
			jobs->wanted->all[i] = &jobs->wanted->given;
	if (jobs_make(jobs, &error) != 0)
		jobs->status = command_fail(EX_OSERR, "%s", error.text);
	for (size_t i = 0; i < jobs->count; i++)
		jobs->all[i].is_first = begun != NULL && !begun[i];
	free(begun);
	report_event(settings->report, REPORT_NOTE, NULL, REPORT_FIELDS(), "the new configuration is in force");
}

/* Milliseconds until something is due; -1: only an event helps. */
static int
wait_time(const struct jobs *jobs)
{
	uint64_t now = clock_milliseconds(), next = jobs->cut_milliseconds;

	for (size_t i = 0; !stop_is_asked((struct stop *)(uintptr_t)&jobs->stop) && i < jobs->count; i++)
		if (jobs->all[i].state == JOB_WAITS && jobs->running_count < jobs->parallel &&
		    (next == 0 || jobs->all[i].due_milliseconds < next))
			next = jobs->all[i].due_milliseconds > 0 ? jobs->all[i].due_milliseconds : 1;
	if (next == 0)
		return -1;
	if (next <= now)
		return 0;
	return next - now < 60000 ? (int)(next - now) : 60000;
}

static bool
is_over(const struct jobs *jobs)
{
	if (jobs->running_count > 0)
		return false;
	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->all[i].state == JOB_WAITS)
			return false;
	return true;
}

static void
turn(struct jobs *jobs)
{
	struct pollfd waits[2] = { { .fd = jobs->signals, .events = POLLIN },
		{ .fd = jobs->ended, .events = POLLIN } };

	poll(waits, 2, wait_time(jobs));
	hear(jobs);
	finish_ended(jobs);
	if (jobs->cut_milliseconds != 0 && clock_milliseconds() >= jobs->cut_milliseconds)
		cut_off(jobs);
	if (jobs->is_reload_due && jobs->running_count == 0)
		reload(jobs);
}

static void
loop(struct jobs *jobs)
{
	for (;;) {
		bool is_stopping = stop_is_asked(&jobs->stop);

		if (!is_stopping && !jobs->is_reload_due)
			start_due(jobs);
		if (is_over(jobs) || (is_stopping && jobs->running_count == 0))
			return;
		turn(jobs);
	}
}

int
jobs_run(const struct jobs_settings *settings, struct wanted *wanted)
{
	struct jobs jobs = { .settings = settings, .wanted = wanted, .ended = -1 };
	struct error error;

	jobs.ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	jobs.signals = signals_open(settings->context->watch_seconds > 0, &error);
	if (jobs.ended < 0 || jobs.signals < 0 || stop_init(&jobs.stop, &error) != 0 ||
	    jobs_make(&jobs, &error) != 0)
		return command_fail(EX_OSERR, "%s", jobs.ended < 0 ? "cannot make an event" : error.text);
	loop(&jobs);
	jobs_free(&jobs);
	stop_destroy(&jobs.stop);
	close(jobs.signals);
	close(jobs.ended);
	return jobs.status;
}
