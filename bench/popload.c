/*
 * popload: puts load on a POP3 server and checks every answer.
 *
 * Operations of one kind are done with a number of connections at once, in one thread (or a few), until
 * a number of them or a time is reached. One line of JSON on standard output says what was
 * measured. An answer that is not as RFC 1939 has it, or that contradicts an earlier one, is an
 * error: its text goes to standard error and the exit status is 1.
 *
 * It speaks TLS as a client does that keeps its tickets (--resume) or none. Who the server is, it
 * does not check.
 */

#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "popload_worker.h"

static const char *const mode_names[LOAD_MODE_COUNT] = {
	[LOAD_POLL] = "poll",
	[LOAD_STAT] = "stat",
	[LOAD_DOWNLOAD] = "download",
	[LOAD_HOLD] = "hold",
};
static const char *const tls_names[LOAD_TLS_COUNT] = {
	[LOAD_CLEAR] = "none",
	[LOAD_STLS] = "stls",
	[LOAD_IMPLICIT] = "implicit",
};

static const char usage[] =
    "usage: popload [options] poll|stat|download|hold\n"
    "  poll      USER, PASS, STAT, UIDL, QUIT\n"
    "  stat      USER, PASS, STAT, QUIT; its latency is the time until STAT is answered\n"
    "  download  USER, PASS, LIST, RETR of every message, QUIT\n"
    "  hold      open --count connections, print the line, keep them for --seconds\n"
    "            (without it until SIGINT or SIGTERM), print how many were lost\n"
    "options (numbers in brackets are the defaults):\n"
    "  --host ADDRESS       numeric IPv4 address [127.0.0.1]\n"
    "  --port PORT          [110]\n"
    "  --tls none|stls|implicit\n"
    "  --resume             use TLS sessions again; else every handshake is a full one\n"
    "  --tls12              TLS 1.2 at most\n"
    "  --user PATTERN       %d stands for the number [user%d]\n"
    "  --users FIRST-LAST   [1-100]\n"
    "  --password TEXT      [secret]\n"
    "  --concurrency N      connections at once; hold: while they are opened [1]\n"
    "  --count N            operations\n"
    "  --seconds N          begin operations for so long [5, when there is no --count]\n"
    "  --rate N             operations begun per second\n"
    "  --pipeline N         RETR commands on their way at once [1]\n"
    "  --threads N          [1]\n"
    "  --timeout N          seconds that one operation may take [60]\n"
    "  --expect N           messages that every maildrop must have\n"
    "  --before-login       hold: do not log in\n";

static void
usage_exit(const char *problem)
{
	fprintf(stderr, "popload: %s\n%s", problem, usage);
	exit(2);
}

static unsigned
name_index(const char *name, const char *const names[], unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	usage_exit(name);
	return 0;
}

static double
number(const char *text, double minimum, double maximum)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= minimum && value <= maximum))
		usage_exit(text);
	return value;
}

enum option_key {
	KEY_HOST, KEY_PORT, KEY_TLS, KEY_RESUME, KEY_TLS12, KEY_USER, KEY_USERS, KEY_PASSWORD,
	KEY_CONCURRENCY, KEY_COUNT, KEY_SECONDS, KEY_RATE, KEY_PIPELINE, KEY_THREADS, KEY_TIMEOUT,
	KEY_EXPECT, KEY_BEFORE_LOGIN, KEY_HELP,
};

static const struct option long_options[] = {
	{ "host", required_argument, NULL, KEY_HOST },
	{ "port", required_argument, NULL, KEY_PORT },
	{ "tls", required_argument, NULL, KEY_TLS },
	{ "resume", no_argument, NULL, KEY_RESUME },
	{ "tls12", no_argument, NULL, KEY_TLS12 },
	{ "user", required_argument, NULL, KEY_USER },
	{ "users", required_argument, NULL, KEY_USERS },
	{ "password", required_argument, NULL, KEY_PASSWORD },
	{ "concurrency", required_argument, NULL, KEY_CONCURRENCY },
	{ "count", required_argument, NULL, KEY_COUNT },
	{ "seconds", required_argument, NULL, KEY_SECONDS },
	{ "rate", required_argument, NULL, KEY_RATE },
	{ "pipeline", required_argument, NULL, KEY_PIPELINE },
	{ "threads", required_argument, NULL, KEY_THREADS },
	{ "timeout", required_argument, NULL, KEY_TIMEOUT },
	{ "expect", required_argument, NULL, KEY_EXPECT },
	{ "before-login", no_argument, NULL, KEY_BEFORE_LOGIN },
	{ "help", no_argument, NULL, KEY_HELP },
	{ NULL, 0, NULL, 0 },
};

static void
option_set(struct options *o, int key, const char *value)
{
	switch (key) {
	case KEY_HOST: o->address = value; break;
	case KEY_PORT: o->port = (unsigned)number(value, 1, 65535); break;
	case KEY_TLS: o->tls = name_index(value, tls_names, LOAD_TLS_COUNT); break;
	case KEY_RESUME: o->resume = true; break;
	case KEY_TLS12: o->tls12 = true; break;
	case KEY_USER: o->user_pattern = value; break;
	case KEY_USERS:
		if (sscanf(value, "%u-%u", &o->first_user, &o->last_user) != 2 ||
		    o->first_user > o->last_user)
			usage_exit(value);
		break;
	case KEY_PASSWORD: o->password = value; break;
	case KEY_CONCURRENCY: o->concurrency = (unsigned)number(value, 1, 100000); break;
	case KEY_COUNT: o->count = (uint64_t)number(value, 1, 1e12); break;
	case KEY_SECONDS: o->seconds = number(value, 0, 1e6); break;
	case KEY_RATE: o->rate = number(value, 0.001, 1e7); break;
	case KEY_PIPELINE: o->pipeline = (unsigned)number(value, 1, 200); break;
	case KEY_THREADS: o->threads = (unsigned)number(value, 1, 64); break;
	case KEY_TIMEOUT: o->timeout_seconds = (unsigned)number(value, 1, 86400); break;
	case KEY_EXPECT: o->expected_messages = (long)number(value, 0, 1e12); break;
	case KEY_BEFORE_LOGIN: o->hold_before_login = true; break;
	case KEY_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		usage_exit("wrong option");
	}
}

static void
options_read(struct options *o, int argc, char *argv[])
{
	int key;

	*o = (struct options){ .address = "127.0.0.1", .port = 110, .user_pattern = "user%d",
		.first_user = 1, .last_user = 100, .password = "secret", .concurrency = 1,
		.seconds = -1, .pipeline = 1, .threads = 1, .timeout_seconds = 60,
		.expected_messages = -1 };
	while ((key = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		option_set(o, key, optarg);
	if (optind != argc - 1)
		usage_exit("what should be done?");
	o->mode = name_index(argv[optind], mode_names, LOAD_MODE_COUNT);
	if (o->seconds < 0)
		o->seconds = o->mode == LOAD_HOLD || o->count ? 0 : 5;
	if (o->mode != LOAD_HOLD)
		return;
	o->threads = 1;
	if (o->count == 0 || o->rate > 0)
		usage_exit("hold needs --count, and no --rate");
	if (o->count > o->last_user - o->first_user + 1) {
		if (!o->hold_before_login)
			usage_exit("hold needs as many users as --count");
		o->last_user = o->first_user + (unsigned)o->count - 1;
	}
}

static void
descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int
compare_latency(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static uint32_t
percentile(const uint32_t *sorted, size_t count, double part)
{
	size_t index = (size_t)((double)count * part);

	return count ? sorted[index < count ? index : count - 1] : 0;
}

/* Returns the number of errors. */
static uint64_t
report(const struct options *o, const struct worker workers[])
{
	uint64_t errors = 0, resumed = 0, octets = 0, message_octets = 0, messages = 0;
	uint64_t begin = UINT64_MAX, end = 0;
	size_t operations = 0;
	uint32_t *latencies;
	double seconds;

	for (unsigned i = 0; i < o->threads; i++)
		operations += workers[i].operations;
	latencies = malloc((operations + 1) * sizeof(*latencies));
	if (!latencies)
		return 1;
	operations = 0;
	for (unsigned i = 0; i < o->threads; i++) {
		const struct worker *w = &workers[i];

		if (w->operations)
			memcpy(latencies + operations, w->latencies_us, w->operations * sizeof(*latencies));
		operations += w->operations;
		errors += w->errors;
		resumed += w->resumed;
		begin = w->begin_ns < begin ? w->begin_ns : begin;
		end = w->last_ns > end ? w->last_ns : end;
		for (size_t k = 0; k < w->connection_count; k++) {
			octets += w->connections[k].talk.octets;
			message_octets += w->connections[k].talk.message_octets;
			messages += w->connections[k].talk.messages;
		}
	}
	qsort(latencies, operations, sizeof(*latencies), compare_latency);
	seconds = end > begin ? (double)(end - begin) / 1e9 : 0;
	printf("{\"mode\": \"%s\", \"tls\": \"%s\", \"concurrency\": %u, \"operations\": %zu, "
	       "\"errors\": %" PRIu64 ", \"seconds\": %.4f, \"per_second\": %.2f, ",
	    mode_names[o->mode], tls_names[o->tls], o->concurrency, operations, errors, seconds,
	    seconds > 0 ? (double)operations / seconds : 0);
	printf("\"p50_us\": %" PRIu32 ", \"p99_us\": %" PRIu32 ", \"max_us\": %" PRIu32 ", "
	       "\"octets\": %" PRIu64 ", \"messages\": %" PRIu64 ", \"message_octets\": %" PRIu64
	       ", \"mb_per_second\": %.2f, \"resumed\": %" PRIu64 "}\n",
	    percentile(latencies, operations, 0.5), percentile(latencies, operations, 0.99),
	    percentile(latencies, operations, 1), octets, messages, message_octets,
	    seconds > 0 ? (double)message_octets / 1e6 / seconds : 0, resumed);
	fflush(stdout);
	free(latencies);
	return errors;
}

static void *
worker_thread(void *argument)
{
	worker_run(argument);
	return NULL;
}

static void
stop(int signal_number)
{
	(void)signal_number;
	worker_stop = 1;
}

static uint64_t
run(const struct options *o, struct worker workers[])
{
	pthread_t threads[64];
	unsigned started;
	uint64_t errors;

	for (started = 1; started < o->threads; started++)
		if (pthread_create(&threads[started], NULL, worker_thread, &workers[started]) != 0)
			break;
	worker_run(&workers[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(threads[i], NULL);
	errors = report(o, workers) + (o->threads - started);
	if (o->mode == LOAD_HOLD && errors == 0) {
		worker_hold(&workers[0]);
		errors = workers[0].errors;
		printf("{\"lost\": %" PRIu64 "}\n", errors);
	}
	return errors;
}

int
main(int argc, char *argv[])
{
	struct sigaction action = { .sa_handler = stop };
	static struct worker workers[64];
	struct options options;
	SSL_CTX *tls;
	uint64_t errors;

	options_read(&options, argc, argv);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	descriptors_raise();
	tls = stream_context(&options);
	if (!tls) {
		fputs("popload: OpenSSL does not start\n", stderr);
		return 1;
	}
	for (unsigned i = 0; i < options.threads; i++)
		if (worker_init(&workers[i], &options, i, tls) < 0) {
			fputs("popload: wrong address, or not enough memory\n", stderr);
			return 1;
		}
	errors = run(&options, workers);
	for (unsigned i = 0; i < options.threads; i++)
		worker_end(&workers[i]);
	SSL_CTX_free(tls);
	return errors ? 1 : 0;
}
