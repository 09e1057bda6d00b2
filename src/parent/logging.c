/*
 * Where the log goes: stderr, which may belong to the journal, or syslogd. Children cannot open
 * /dev/log, so we connect for them, and again when syslogd was restarted.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

#define CHECK_INTERVAL_MILLISECONDS 10000
#define DESCRIPTOR_MIN              10

static const char *
log_path(void)
{
#ifdef RESTANTE_TEST_HOOKS
	const char *path = getenv("RESTANTE_DEV_LOG");

	if (path != NULL)
		return path;
#endif
	return "/dev/log";
}

/* Another number for another socket of that path (inodes are used again); 0: there is none. */
static uint64_t
log_mark(void)
{
	struct stat status;

	if (stat(log_path(), &status) < 0)
		return 0;
	return (uint64_t)status.st_ino ^ (uint64_t)status.st_ctim.tv_sec * 1000000007 ^
	       (uint64_t)status.st_ctim.tv_nsec << 20;
}

static int
connect_syslog(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int low = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), high;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", log_path());
	if (low < 0)
		return -1;
	high = connect(low, (const struct sockaddr *)&address, sizeof(address)) == 0
		   ? fcntl(low, F_DUPFD_CLOEXEC, DESCRIPTOR_MIN)
		   : -1;
	close(low);
	return high;
}

/* systemd names the device and inode of the stderr that it gave us (systemd.exec(5)). */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return stream != NULL && fstat(STDERR_FILENO, &status) == 0 &&
	       sscanf(stream, "%llu:%llu", &device, &inode) == 2 && device == status.st_dev &&
	       inode == status.st_ino;
}

static void
use(struct parent *parent, int descriptor, enum log_form form)
{
	parent->log_descriptor = descriptor;
	parent->log_form = form;
	log_descriptor_set(descriptor, form);
	for (struct child *child = parent->children; child != NULL; child = child->next)
		send_log(parent, child);
}

void
logging_open(struct parent *parent, const struct config *config)
{
	enum log_form own = stderr_is_journal() ? LOG_FORM_JOURNAL : LOG_FORM_PLAIN;
	bool first = parent->log_check_at == NEVER;
	uint64_t mark = log_mark();
	int descriptor;

	parent->log_check_at = NEVER;
	log_level_set((enum log_level)config->log_level);
	if (config->log != CONFIG_LOG_SYSLOG) {
		use(parent, STDERR_FILENO, own);
		return;
	}
	parent->log_check_at = clock_milliseconds() + CHECK_INTERVAL_MILLISECONDS;
	descriptor = connect_syslog();
	if (descriptor >= 0) {
		parent->log_mark = mark;
		use(parent, descriptor, LOG_FORM_SYSLOG);
	} else if (first || parent->log_mark != 0) {
		int reason = errno;

		/* Tried again at every check; until then the lines go to stderr. */
		parent->log_mark = 0;
		use(parent, STDERR_FILENO, own);
		LOG(LOG_LEVEL_WARNING, "no-syslog", LOG_TEXT("reason", strerrordesc_np(reason)));
	}
}

uint64_t
logging_due(struct parent *parent, uint64_t now)
{
	if (parent->log_check_at <= now) {
		parent->log_check_at = now + CHECK_INTERVAL_MILLISECONDS;
		if (log_mark() != parent->log_mark)
			logging_open(parent, &parent->config);
	}
	return parent->log_check_at;
}
