/*
 * restanted, the parent of all other processes.
 *
 * It does:       reads the configuration, binds the ports, starts the other programs, starts them
 *                again when they die, reloads, stops.
 * It holds:      listening sockets, certificates on their way to restante-login, the keys of TLS
 *                session tickets, the list of its children.
 * It never sees: an octet from the network, a password, mail.
 * It talks to:   its children, each on a channel; restantectl, on a socket in run_directory; the
 *                service manager.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"
#include "sandbox/sandbox.h"

static const char usage[] =
    "usage: restanted [-t] [-c file] [--programs directory]\n"
    "       restanted --help | --version\n"
    "\n"
    "  -c file               the configuration (" CONFIGURATION_FILE ")\n"
    "  -t                    check it, the certificates and the users file, say what is\n"
    "                        wrong, and exit\n"
    "  --programs directory  where restante-login and the others are\n"
    "                        (" PROGRAM_DIRECTORY ")\n";

struct options {
	const char *config_path, *programs;
	bool check;
};

static struct parent parent;

static void
options_read(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "programs", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:t", names, NULL)) != -1) {
		if (option == 'c') {
			options->config_path = optarg;
		} else if (option == 't') {
			options->check = true;
		} else if (option == 'p') {
			options->programs = optarg;
		} else if (option == 'h') {
			fputs(usage, stdout);
			exit(EX_OK);
		} else if (option == 'v') {
			puts("restanted " RESTANTE_VERSION);
			exit(EX_OK);
		} else {
			fputs(usage, stderr);
			exit(EX_USAGE);
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		exit(EX_USAGE);
	}
}

/* Descriptors 0 to 2 exist, so that nothing else ever gets these numbers. */
static void
standard_descriptors(void)
{
	int descriptor;

	do
		descriptor = open("/dev/null", O_RDWR);
	while (descriptor >= 0 && descriptor <= STDERR_FILENO);
	if (descriptor >= 0)
		close(descriptor);
}

/* A restante-login needs one for each connection. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		LOG(LOG_LEVEL_WARNING, "descriptor-limit",
		    LOG_TEXT("reason", strerrordesc_np(errno)));
}

static int
fail(const struct error *error, int status)
{
	fprintf(stderr, "restanted: %s\n", error->text);
	return status;
}

/* What was found good is taken over from the trial. */
static void
take_over(struct trial *trial)
{
	parent.config = trial->config;
	parent.identities = trial->identities;
	parent.settings = trial->settings;
	parent.keys = trial->keys;
	trial->settings = trial->keys = -1;
	trial_end(trial);
}

static void
begin(const struct options *options)
{
	parent.config_path = options->config_path;
	parent.started_at = clock_milliseconds();
	parent.root = geteuid() == 0;
	parent.generation = 1;
	parent.log_descriptor = STDERR_FILENO;
	parent.log_check_at = NEVER;
	parent.trial.settings = parent.trial.keys = parent.trial.output = -1;
	parent.trial.control.descriptor = -1;
	parent.trial.kill_at = NEVER;
	for (size_t i = 0; i < CTLS_MAX; i++)
		parent.ctls[i].channel.descriptor = -1;
	standard_descriptors();
	log_open("restanted", STDERR_FILENO, LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
}

/*
 * The processes of a login wake each other several times; under the default policy each waking
 * preempts whoever runs, and the switches cost more than the work. SCHED_BATCH (inherited by the
 * children) lets a process finish its slice first. A policy that the service manager has chosen
 * stays.
 */
static void
schedule_in_batches(void)
{
	if (sched_getscheduler(0) == SCHED_OTHER)
		(void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ .sched_priority = 0 });
}

static int
serve(void)
{
	static struct listeners listeners;
	struct error error;
	int status;

	notify_open();
	logging_open(&parent, &parent.config);
	if (run_directory_make(&parent, &error) < 0)
		return fail(&error, EX_UNAVAILABLE);
	if (listeners_prepare(&listeners, &parent.listeners, &parent.config, &parent.activated,
		&error) < 0)
		return fail(&error, EX_UNAVAILABLE);
	listeners_commit(&parent.listeners, &listeners);
	if (control_open(&parent, &error) < 0) {
		listeners_remove(&parent.listeners);
		return fail(&error, EX_UNAVAILABLE);
	}
	raise_descriptor_limit();
	schedule_in_batches();
	if (sandbox_enter(SANDBOX_PARENT, NULL, 0, &error) < 0)
		return fail(&error, EX_OSERR);
	LOG(LOG_LEVEL_INFO, "starting", LOG_TEXT("version", RESTANTE_VERSION),
	    LOG_TEXT("file", parent.config_path), LOG_TEXT("host", parent.config.hostname));
	status = loop_run(&parent);
	control_close(&parent);
	listeners_remove(&parent.listeners);
	LOG(LOG_LEVEL_INFO, "stopped", LOG_NUMBER("status", status));
	return status;
}

int
main(int argc, char **argv)
{
	struct options options = { .config_path = CONFIGURATION_FILE,
		.programs = PROGRAM_DIRECTORY };
	struct error error;
	int status;

	options_read(&options, argc, argv);
	begin(&options);
	if (activated_take(&parent.activated, &error) < 0)
		return fail(&error, EX_CONFIG);
	if (programs_open(&parent, options.programs, &error) < 0)
		return fail(&error, EX_UNAVAILABLE);
	status = trial_run(&parent);
	if (status == 0 && options.check) {
		printf("%s: good\n", options.config_path);
		fflush(stdout);
		status = trial_users(options.config_path, options.programs);
	}
	if (status != 0 || options.check)
		return status;
	take_over(&parent.trial);
	return serve();
}
