/* See service.h. */

#include "maildrop/service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "ipc/channel.h"
#include "maildrop/client.h"
#include "maildrop/deliveries.h"
#include "maildrop/doors.h"
#include "maildrop/learner.h"
#include "maildrop/pool.h"
#include "maildrop/rules.h"

#define TICK_SECONDS     5
#define ROWS_WAITING_MAX 1000

/* A directory that Landlock knows: not its name, so that another in its place cannot be opened. */
struct directory {
	const char *path;
	dev_t device;
	ino_t inode;
};

struct service {
	struct source control_source, auth_source, clock_source;
	struct ipc_channel control, auth;
	struct pool *pool;
	struct clients *clients;
	struct doors doors;
	struct deliveries deliveries;
	struct learner learner;
	pthread_mutex_t auth_lock;	/* every thread hears auth, and control may replace the channel */
	pthread_mutex_t rules_lock;
	struct rules *rules;
	atomic_uint_fast64_t idle_milliseconds;
	atomic_uint_fast64_t used_milliseconds;	/* when a client was last here */
	atomic_bool retiring;			/* no new clients: auth finds its channel closed */
	bool auth_gone;				/* guarded by auth_lock */
	struct directory root, index;		/* index.path NULL: indexes are beside the mail */
	int index_directory;			/* as in store_open_with() */
	char index_setting[PATH_SIZE];		/* what the configuration said when this began */
};

static struct service service = {
	.auth_lock = PTHREAD_MUTEX_INITIALIZER,
	.rules_lock = PTHREAD_MUTEX_INITIALIZER,
};

typedef void (*message_handler)(struct ipc_message *);

static struct rules *
rules_now(void)
{
	struct rules *rules;

	pthread_mutex_lock(&service.rules_lock);
	rules = rules_reference(service.rules);
	pthread_mutex_unlock(&service.rules_lock);
	return rules;
}

static void retire(void);

/* Nothing begins any more. */
static void
leave(enum session_end end)
{
	deliveries_leave(&service.deliveries);
	clients_leave(service.clients, end);
}

/* This process cannot reach another directory for indexes than its own: the next one will. */
static void
index_setting_take(const char *setting)
{
	if (service.rules == NULL)
		snprintf(service.index_setting, sizeof(service.index_setting), "%s", setting);
	else if (strcmp(service.index_setting, setting) != 0)
		retire();
}

static int
settings_take(int memfd, struct error *error)
{
	struct config *config = malloc(sizeof(*config));
	struct rules *rules, *old;

	if (config == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the settings");
	if (config_from_memfd(config, memfd, error) != 0) {
		free(config);
		return -1;
	}
	rules = rules_new(config, service.index_directory);
	index_setting_take(config->index_directory);
	log_level_set((enum log_level)config->log_level);
	service.idle_milliseconds = config->maildrop_idle_seconds * 1000;
	free(config);
	if (rules == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the settings");
	pthread_mutex_lock(&service.rules_lock);
	old = service.rules;
	service.rules = rules;
	pthread_mutex_unlock(&service.rules_lock);
	rules_release(old);
	return 0;
}

static void
send_to_parent(enum ipc_type type, const void *body)
{
	struct error error;

	if (channel_send(&service.control, type, body, -1, &error) != 0)
		LOG(LOG_LEVEL_WARNING, "message-not-sent", LOG_REASON(&error));
}

static void
on_settings(struct ipc_message *message)
{
	struct error error;
	bool first = service.rules == NULL;

	if (settings_take(message->descriptor, &error) != 0)
		LOG(LOG_LEVEL_ERROR, "settings-refused", LOG_REASON(&error));
	else if (first)
		send_to_parent(IPC_READY, NULL);
	close(message->descriptor);
}

static void
on_log(struct ipc_message *message)
{
	log_descriptor_set(message->descriptor, (enum log_form)message->body.log.form);
}

/* auth has begun anew: its channel replaces the old one. */
static void
auth_take(int descriptor)
{
	pthread_mutex_lock(&service.auth_lock);
	channel_close(&service.auth);
	channel_open(&service.auth, descriptor, IPC_MAILDROP, IPC_AUTH);
	pool_exchange(&service.auth_source, descriptor);
	service.retiring = service.auth_gone = false;
	deliveries_key_forget(&service.deliveries);
	pool_arm(service.pool, &service.auth_source);
	pthread_mutex_unlock(&service.auth_lock);
}

static void
on_channel(struct ipc_message *message)
{
	const struct ipc_channel_for *other = &message->body.channel;
	struct error error;

	if (other->role == IPC_AUTH)
		auth_take(message->descriptor);
	else if (other->role == IPC_LMTP &&
	    deliveries_door_open(&service.deliveries, message->descriptor, other->slot, &error) != 0)
		LOG(LOG_LEVEL_ERROR, "lmtp-unreachable", LOG_REASON(&error));
	else if (other->role == IPC_LOGIN &&
	    door_open(&service.doors, message->descriptor, other->slot, &error) != 0)
		LOG(LOG_LEVEL_ERROR, "login-unreachable", LOG_REASON(&error));
}

static void
on_stop(struct ipc_message *message)
{
	(void)message;
	leave(SESSION_STOPPED);
}

/* Waits until the parent has taken all. */
static void
channel_drain(struct ipc_channel *channel)
{
	struct error error;

	while (channel_wants_write(channel)) {
		struct pollfd poll_descriptor = { .fd = channel->descriptor, .events = POLLOUT };

		pool_blocking_begin(service.pool);
		poll(&poll_descriptor, 1, -1);
		pool_blocking_end(service.pool);
		if (channel_flush(channel, &error) != 0)
			return;
	}
}

/* A long report is more than a channel keeps. */
static void
report_row(void *context, const struct ipc_row *row)
{
	struct ipc_row numbered = *row;

	numbered.ticket = *(const uint32_t *)context;
	send_to_parent(IPC_ROW, &numbered);
	if (service.control.queued_count >= ROWS_WAITING_MAX)
		channel_drain(&service.control);
}

static void
on_report(struct ipc_message *message)
{
	struct ipc_report_end end = { .ticket = message->body.report.ticket };
	struct ipc_row sessions = { .number = clients_count(service.clients), .name = "sessions" };
	struct ipc_row deliveries = { .number = deliveries_count(&service.deliveries),
		.name = "deliveries" };

	if (message->body.report.kind == IPC_REPORT_SESSIONS) {
		clients_report(service.clients, report_row, &end.ticket);
	} else {
		report_row(&end.ticket, &sessions);
		report_row(&end.ticket, &deliveries);
	}
	send_to_parent(IPC_REPORT_END, &end);
}

static void
on_kick(struct ipc_message *message)
{
	const struct ipc_kick *kick = &message->body.kick;
	struct ipc_report_end end = { .ticket = kick->ticket };

	end.number = clients_kick(service.clients, kick->session, kick->user);
	send_to_parent(IPC_REPORT_END, &end);
}

static void
on_open(struct ipc_message *message)
{
	struct error error;

	service.used_milliseconds = clock_milliseconds();
	if (client_expect(service.clients, &message->body.open, rules_now(), &error) != 0)
		LOG(LOG_LEVEL_ERROR, "session-not-begun", LOG_SESSION(message->body.open.session),
		    LOG_REASON(&error));
}

static void
on_warrant_key(struct ipc_message *message)
{
	deliveries_key_take(&service.deliveries, &message->body.warrant_key);
	ipc_message_wipe(message);
}

static const message_handler handlers[IPC_TYPE_COUNT] = {
	[IPC_SETTINGS] = on_settings,
	[IPC_LOG] = on_log,
	[IPC_CHANNEL] = on_channel,
	[IPC_STOP] = on_stop,
	[IPC_REPORT] = on_report,
	[IPC_KICK] = on_kick,
	[IPC_OPEN] = on_open,
	[IPC_WARRANT_KEY] = on_warrant_key,
};

/* 0: nothing more for now; -1: the other end has gone. */
static int
channel_serve(struct ipc_channel *channel)
{
	struct ipc_message message;
	struct error error;
	int result;

	while ((result = channel_receive(channel, &message, &error)) > 0)
		if (ipc_message_is_maimed(&message))
			LOG(LOG_LEVEL_ERROR, "descriptor-lost",
			    LOG_NUMBER("message", message.type));
		else if (handlers[message.type] != NULL)
			handlers[message.type](&message);
	if (result < 0 && error.kind == ERROR_PROTOCOL)
		LOG(LOG_LEVEL_ERROR, "message-refused", LOG_REASON(&error));
	return result;
}

static void
control_ready(struct source *source, struct scratch *scratch)
{
	(void)scratch;
	if (channel_serve(&service.control) != 0) {
		/* Without a parent nobody can send a client here: finish what runs. */
		LOG(LOG_LEVEL_ERROR, "parent-gone");
		leave(SESSION_STOPPED);
		return;
	}
	channel_drain(&service.control);
	pool_arm(service.pool, source);
}

/*
 * What auth says waits in its channel until a client comes of whom nothing is known (see doors.h), so
 * that it does not wake this process for each. wait: such a client is here already.
 */
static void
auth_hear(bool wait)
{
	bool leaving;

	pthread_mutex_lock(&service.auth_lock);
	if (!service.auth_gone && channel_serve(&service.auth) != 0) {
		service.auth_gone = true;
		channel_close(&service.auth);
	} else if (!service.auth_gone && wait) {
		pool_arm(service.pool, &service.auth_source);
	}
	/* Either auth died, and parent will send a new channel, or all that came before is served. */
	leaving = service.auth_gone && service.retiring;
	pthread_mutex_unlock(&service.auth_lock);
	if (leaving)
		leave(SESSION_LIVES);
}

static void
auth_ready(struct source *source, struct scratch *scratch)
{
	(void)scratch;
	auth_hear(false);
	pthread_mutex_lock(&service.auth_lock);
	if (!service.auth_gone)
		(clients_keep_arrivals(service.clients) ? pool_arm : pool_arm_for_end)(service.pool,
		    source);
	pthread_mutex_unlock(&service.auth_lock);
}

/*
 * Close the door first, then look whether somebody came in meanwhile: auth_ready() serves those.
 * auth finds the channel closed, names this process to nobody any more, and asks for a new one when it
 * needs it.
 */
static void
retire(void)
{
	bool alone;

	pthread_mutex_lock(&service.auth_lock);
	alone = service.auth_gone;
	if (!service.retiring && service.auth.descriptor >= 0)
		shutdown(service.auth.descriptor, SHUT_RDWR);
	service.retiring = true;
	pthread_mutex_unlock(&service.auth_lock);
	if (alone)
		leave(SESSION_LIVES);
}

static int
directory_learn(struct directory *directory, const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return -1;
	*directory = (struct directory){ path, status.st_dev, status.st_ino };
	return 0;
}

static bool
is_another(const struct directory *directory)
{
	struct stat status;

	return directory->path != NULL && stat(directory->path, &status) == 0 &&
	    (status.st_dev != directory->device || status.st_ino != directory->inode);
}

static bool
is_displaced(void)
{
	bool displaced = is_another(&service.root) || is_another(&service.index);

	if (displaced)
		retire();
	return displaced;
}

static void
clock_ready(struct source *source, struct scratch *scratch)
{
	uint64_t ticks, now = clock_milliseconds();

	(void)scratch;
	(void)!read(source->descriptor, &ticks, sizeof(ticks));
	auth_hear(false);
	clients_tick(service.clients);
	if (deliveries_busy(&service.deliveries) || clients_count(service.clients) > 0)
		service.used_milliseconds = now;
	if (!is_displaced() && now - service.used_milliseconds >= service.idle_milliseconds)
		retire();
	pool_arm(service.pool, source);
}

static int
clock_begin(struct error *error)
{
	const struct itimerspec tick = { .it_interval.tv_sec = TICK_SECONDS,
		.it_value.tv_sec = TICK_SECONDS };
	int clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (clock < 0 || timerfd_settime(clock, 0, &tick, NULL) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot start a clock");
	service.clock_source = (struct source){ .descriptor = clock, .ready = clock_ready };
	return pool_arm(service.pool, &service.clock_source);
}

/* The first message is IPC_SETTINGS: it says how many threads there shall be. */
static int
settings_wait(size_t *threads, size_t *threads_max, struct error *error)
{
	struct pollfd poll_descriptor = { .fd = CONTROL_DESCRIPTOR, .events = POLLIN };
	struct config *config = malloc(sizeof(*config));
	struct ipc_message message;
	int result;

	while ((result = channel_receive(&service.control, &message, error)) == 0)
		if (poll(&poll_descriptor, 1, -1) < 0 && errno != EINTR)
			break;
	if (config == NULL || result <= 0 || message.type != IPC_SETTINGS ||
	    config_from_memfd(config, message.descriptor, error) != 0) {
		free(config);
		return result == 1 && message.type == IPC_SETTINGS
		    ? -1
		    : error_set(error, ERROR_PROTOCOL, "the parent sent no settings");
	}
	*threads = (size_t)config->maildrop_threads;
	*threads_max = (size_t)config->maildrop_threads_max;
	free(config);
	result = settings_take(message.descriptor, error);
	close(message.descriptor);
	return result;
}

int
service_run(const char *root, const char *index, struct error *error)
{
	size_t threads, threads_max;

	if (directory_learn(&service.root, root) != 0)
		return error_errno(error, ERROR_TEMPORARY, "there is no %.200s", root);
	service.index_directory = rules_index_directory(index);
	if (service.index_directory >= 0)
		(void)directory_learn(&service.index, index);
	channel_open(&service.control, CONTROL_DESCRIPTOR, IPC_MAILDROP, IPC_PARENT);
	channel_open(&service.auth, -1, IPC_MAILDROP, IPC_AUTH);
	service.used_milliseconds = clock_milliseconds();
	if (settings_wait(&threads, &threads_max, error) != 0)
		return -1;
	if (threads == 0)
		threads = (size_t)sysconf(_SC_NPROCESSORS_ONLN) + 2;
	if (pool_new(&service.pool, threads, threads_max, error) != 0)
		return -1;
	service.clients = clients_new(service.pool);
	if (service.clients == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the sessions");
	service.doors = (struct doors){ service.pool, service.clients, auth_hear };
	service.deliveries = (struct deliveries){ .pool = service.pool, .clients = service.clients,
		.learner = &service.learner, .hear_auth = auth_hear, .rules_now = rules_now,
		.is_displaced = is_displaced };
	deliveries_begin(&service.deliveries, threads_max);
	if (learner_begin(&service.learner, service.pool, service.clients, error) != 0)
		return -1;
	service.control_source = (struct source){ .descriptor = CONTROL_DESCRIPTOR,
		.ready = control_ready };
	service.auth_source = (struct source){ .descriptor = -1, .ready = auth_ready };
	service.auth_gone = true;
	send_to_parent(IPC_READY, NULL);
	if (clock_begin(error) != 0)
		return -1;
	if (pool_arm(service.pool, &service.control_source) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot wait for the parent");
	pool_work(service.pool);
	return 0;
}
