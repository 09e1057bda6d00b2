/*
 * lmtpload: puts load on an LMTP server and checks every answer.
 *
 * A number of connections deliver messages at once, one after another on each, in one thread, until
 * a number of messages or a time is reached; users take turns as recipients. Where PIPELINING is
 * announced a message and the MAIL, RCPT and DATA of the next are one write: RFC 2920, section 3.1,
 * lets a group begin with the end of a message. One line of JSON on standard output says what was
 * measured; "deliveries" counts the recipients that were told 250 behind the message. Anything else
 * is an error: its text goes to standard error and the exit status is 1.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "lmtpload.h"

struct connection {
	int socket;		/* -1: closed */
	bool wants_to_write;	/* epoll was told so */
	struct talk talk;
};

struct worker {
	struct load load;
	int epoll;
	unsigned open, ready;
	struct connection *connections;
};

static volatile sig_atomic_t stopped;

static const char usage[] =
    "usage: lmtpload [options]\n"
    "options (numbers in brackets are the defaults):\n"
    "  --socket PATH        a Unix socket; or\n"
    "  --host ADDRESS       numeric IPv4 address [127.0.0.1]\n"
    "  --port PORT          [24]\n"
    "  --recipient PATTERN  %d stands for the number [user%d]\n"
    "  --users FIRST-LAST   who take turns [1-100]\n"
    "  --concurrency N      connections at once [1]\n"
    "  --recipients N       of each message [1]\n"
    "  --size OCTETS        of each message [8192]\n"
    "  --count N            messages\n"
    "  --seconds N          begin messages for so long [5, when there is no --count]\n"
    "  --timeout N          seconds that one message may take [60]\n"
    "  --lock-step          a message begins behind the answer to the one before\n"
    "  --one-by-one         do not pipeline\n";

static void
usage_exit(const char *problem)
{
	fprintf(stderr, "lmtpload: %s\n%s", problem, usage);
	exit(2);
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
	KEY_SOCKET, KEY_HOST, KEY_PORT, KEY_RECIPIENT, KEY_USERS, KEY_CONCURRENCY, KEY_RECIPIENTS, KEY_SIZE,
	KEY_COUNT, KEY_SECONDS, KEY_TIMEOUT, KEY_LOCK_STEP, KEY_ONE_BY_ONE, KEY_HELP,
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, KEY_SOCKET },
	{ "host", required_argument, NULL, KEY_HOST },
	{ "port", required_argument, NULL, KEY_PORT },
	{ "recipient", required_argument, NULL, KEY_RECIPIENT },
	{ "users", required_argument, NULL, KEY_USERS },
	{ "concurrency", required_argument, NULL, KEY_CONCURRENCY },
	{ "recipients", required_argument, NULL, KEY_RECIPIENTS },
	{ "size", required_argument, NULL, KEY_SIZE },
	{ "count", required_argument, NULL, KEY_COUNT },
	{ "seconds", required_argument, NULL, KEY_SECONDS },
	{ "timeout", required_argument, NULL, KEY_TIMEOUT },
	{ "lock-step", no_argument, NULL, KEY_LOCK_STEP },
	{ "one-by-one", no_argument, NULL, KEY_ONE_BY_ONE },
	{ "help", no_argument, NULL, KEY_HELP },
	{ NULL, 0, NULL, 0 },
};

static void
option_set(struct options *o, int key, const char *value)
{
	switch (key) {
	case KEY_SOCKET: o->socket_path = value; break;
	case KEY_HOST: o->address = value; break;
	case KEY_PORT: o->port = (unsigned)number(value, 1, 65535); break;
	case KEY_RECIPIENT: o->recipient_pattern = value; break;
	case KEY_USERS:
		if (sscanf(value, "%u-%u", &o->first_user, &o->last_user) != 2 ||
		    o->first_user > o->last_user)
			usage_exit(value);
		break;
	case KEY_CONCURRENCY: o->concurrency = (unsigned)number(value, 1, 1000); break;
	case KEY_RECIPIENTS: o->recipients = (unsigned)number(value, 1, LOAD_RECIPIENTS_MAX); break;
	case KEY_SIZE: o->size = (size_t)number(value, 300, 1e9); break;
	case KEY_COUNT: o->count = (uint64_t)number(value, 1, 1e12); break;
	case KEY_SECONDS: o->seconds = number(value, 0.001, 1e6); break;
	case KEY_TIMEOUT: o->timeout_seconds = (unsigned)number(value, 1, 86400); break;
	case KEY_LOCK_STEP: o->lock_step = true; break;
	case KEY_ONE_BY_ONE: o->one_by_one = true; break;
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

	*o = (struct options){ .address = "127.0.0.1", .port = 24, .recipient_pattern = "user%d",
		.first_user = 1, .last_user = 100, .concurrency = 1, .recipients = 1, .size = 8192,
		.timeout_seconds = 60 };
	while ((key = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		option_set(o, key, optarg);
	if (optind != argc)
		usage_exit(argv[optind]);
	if (o->recipients > o->last_user - o->first_user + 1)
		usage_exit("a message has no more recipients than there are users");
	if (o->seconds == 0 && o->count == 0)
		o->seconds = 5;
}

static int
socket_connect(const struct options *options)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in remote = { .sin_family = AF_INET, .sin_port = htons((uint16_t)options->port) };
	bool is_local = options->socket_path != NULL;
	const struct sockaddr *address = is_local ? (void *)&local : (void *)&remote;
	int one = 1, fd;

	if (is_local && strlen(options->socket_path) >= sizeof(local.sun_path))
		usage_exit("the socket's path is too long");
	if (is_local)
		memcpy(local.sun_path, options->socket_path, strlen(options->socket_path));
	else if (inet_pton(AF_INET, options->address, &remote.sin_addr) != 1)
		usage_exit(options->address);
	fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, address, is_local ? sizeof(local) : sizeof(remote)) != 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
	    (!is_local && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)) {
		perror("lmtpload: cannot connect");
		exit(1);
	}
	return fd;
}

static void
connection_close(struct worker *worker, struct connection *c)
{
	close(c->socket);
	c->socket = -1;
	worker->open--;
}

/* Others go on without it. */
static void
connection_wrong(struct worker *worker, struct connection *c, const char *problem)
{
	fprintf(stderr, "lmtpload: %s\n", problem);
	worker->load.errors++;
	connection_close(worker, c);
}

static void
connection_watch(struct worker *worker, struct connection *c, int operation, bool wants_to_write)
{
	struct epoll_event event = { .events = EPOLLIN | (wants_to_write ? EPOLLOUT : 0), .data.ptr = c };

	if (epoll_ctl(worker->epoll, operation, c->socket, &event) != 0)
		connection_wrong(worker, c, strerror(errno));
	c->wants_to_write = wants_to_write;
}

/* What is left of a piece when so many octets were sent; those behind it are told what is left of them. */
static struct iovec
piece_left(const char *octets, size_t size, size_t *sent)
{
	size_t part = *sent < size ? *sent : size;

	*sent -= part;
	return (struct iovec){ (char *)octets + part, size - part };
}

/* What is said, and the message in it, as far as the socket takes it. */
static void
connection_write(struct worker *worker, struct connection *c)
{
	struct talk *talk = &c->talk;
	const struct content *content = &worker->load.content;
	size_t size = talk_out_size(talk), before = talk->has_content ? talk->content_at : talk->out_size;

	while (talk->sent < size) {
		size_t sent = talk->sent;
		struct iovec pieces[3];
		struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 3 };
		ssize_t n;

		pieces[0] = piece_left(talk->out, before, &sent);
		pieces[1] = piece_left(content->rest, talk->has_content ? content->rest_size : 0, &sent);
		pieces[2] = piece_left(talk->out + before, talk->out_size - before, &sent);
		n = sendmsg(c->socket, &message, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			connection_wrong(worker, c, strerror(errno));
			return;
		}
		talk->sent += (size_t)n;
	}
	if (c->wants_to_write != (talk->sent < size))
		connection_watch(worker, c, EPOLL_CTL_MOD, talk->sent < size);
}

static void
load_begin(struct worker *worker)
{
	struct load *load = &worker->load;

	load->begin_ns = load->last_ns = now_ns();
	if (load->options->seconds > 0)
		load->end_ns = load->begin_ns + (uint64_t)(load->options->seconds * 1e9);
	for (unsigned i = 0; i < load->options->concurrency; i++) {
		struct connection *c = &worker->connections[i];

		if (c->socket >= 0) {
			talk_next(&c->talk);
			connection_write(worker, c);
		}
	}
}

static void
connection_take(struct worker *worker, struct connection *c, const char *data, size_t size)
{
	while (size > 0 && c->socket >= 0) {
		size_t used;
		enum talk_result result = talk_feed(&c->talk, data, size, &used);

		data += used;
		size -= used;
		if (result == TALK_WRONG || (result != TALK_MORE && size > 0)) {
			connection_wrong(worker, c,
			    result == TALK_WRONG ? c->talk.problem : "the server says more than it was asked");
			return;
		}
		if (result == TALK_ENDED) {
			connection_close(worker, c);
			return;
		}
		if (result == TALK_READY) {
			if (++worker->ready == worker->load.options->concurrency)
				load_begin(worker);
			return;
		}
		if (result == TALK_DONE)
			talk_next(&c->talk);
		connection_write(worker, c);
	}
}

static void
connection_read(struct worker *worker, struct connection *c)
{
	char buffer[65536];
	ssize_t n = read(c->socket, buffer, sizeof(buffer));

	if (n > 0)
		connection_take(worker, c, buffer, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		connection_wrong(worker, c, n == 0 ? "the server hung up" : strerror(errno));
}

static void
timeouts_check(struct worker *worker)
{
	uint64_t limit = (uint64_t)worker->load.options->timeout_seconds * 1000000000U, now = now_ns();

	for (unsigned i = 0; i < worker->load.options->concurrency; i++) {
		struct connection *c = &worker->connections[i];
		char problem[256];

		if (c->socket < 0 || c->talk.step == STEP_IDLE || now - c->talk.begun_ns < limit)
			continue;
		snprintf(problem, sizeof(problem), "%s: no answer for %u s", talk_step_name(&c->talk),
		    worker->load.options->timeout_seconds);
		connection_wrong(worker, c, problem);
	}
}

/* Until every connection has said goodbye; when not all get as far as LHLO, nothing is begun. */
static void
worker_run(struct worker *worker)
{
	uint64_t checked_ns = now_ns();

	while (worker->open > 0 && !(worker->load.errors > 0 && worker->load.begin_ns == 0) && !stopped) {
		struct epoll_event events[256];
		int n = epoll_wait(worker->epoll, events, 256, 500);

		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (c->socket >= 0 && (events[i].events & EPOLLOUT) != 0)
				connection_write(worker, c);
			if (c->socket >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT) != 0)
				connection_read(worker, c);
		}
		if (now_ns() - checked_ns > 1000000000U) {
			checked_ns = now_ns();
			timeouts_check(worker);
		}
	}
	if (worker->open > 0)
		worker->load.errors++;
}

static int
compare_latency(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static uint32_t
percentile(const struct load *load, double part)
{
	size_t index = (size_t)((double)load->messages * part);

	return load->messages > 0 ? load->latencies_us[index < load->messages ? index : load->messages - 1] : 0;
}

static void
report(struct load *load)
{
	const struct options *o = load->options;
	double seconds = (double)(load->last_ns - load->begin_ns) / 1e9;

	if (load->messages > 0)
		qsort(load->latencies_us, load->messages, sizeof(*load->latencies_us), compare_latency);
	printf("{\"mode\": \"deliver\", \"concurrency\": %u, \"recipients\": %u, \"messages\": %" PRIu64
	       ", \"deliveries\": %" PRIu64 ", \"failures\": %" PRIu64 ", \"errors\": %" PRIu64
	       ", \"seconds\": %.4f, \"per_second\": %.2f, ",
	    o->concurrency, o->recipients, load->messages, load->deliveries, load->failures, load->errors,
	    seconds, seconds > 0 ? (double)load->deliveries / seconds : 0);
	printf("\"p50_us\": %" PRIu32 ", \"p99_us\": %" PRIu32 ", \"max_us\": %" PRIu32
	       ", \"message_octets\": %zu, \"stored_octets\": %" PRIu64 "}\n",
	    percentile(load, 0.5), percentile(load, 0.99), percentile(load, 1), o->size,
	    load->content.stored_size);
}

static void
stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void
worker_begin(struct worker *worker)
{
	for (unsigned i = 0; i < worker->load.options->concurrency; i++) {
		struct connection *c = &worker->connections[i];

		c->socket = socket_connect(worker->load.options);
		worker->open++;
		talk_begin(&c->talk, &worker->load);
		connection_watch(worker, c, EPOLL_CTL_ADD, false);
	}
}

int
main(int argc, char *argv[])
{
	struct sigaction action = { .sa_handler = stop };
	struct options options;
	struct worker worker = { .load = { .options = &options, .end_ns = UINT64_MAX } };
	struct load *load = &worker.load;

	options_read(&options, argc, argv);
	load->begun_max = options.count ? options.count : UINT64_MAX;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	worker.connections = calloc(options.concurrency, sizeof(*worker.connections));
	worker.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (worker.connections == NULL || worker.epoll < 0 || content_make(&load->content, options.size) != 0) {
		fputs("lmtpload: not enough memory\n", stderr);
		return 1;
	}
	worker_begin(&worker);
	worker_run(&worker);
	report(load);
	close(worker.epoll);
	free(load->latencies_us);
	free(load->content.rest);
	free(worker.connections);
	return load->errors > 0 || load->failures > 0 ? 1 : 0;
}
