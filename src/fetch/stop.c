/* See stop.h. */

#include "fetch/stop.h"

#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

int
stop_init(struct stop *stop, struct error *error)
{
	atomic_init(&stop->is_asked, false);
	stop->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return stop->event >= 0 ? 0 : error_errno(error, ERROR_TEMPORARY, "cannot make an event");
}

void
stop_destroy(struct stop *stop)
{
	close(stop->event);
}

void
stop_ask(struct stop *stop)
{
	atomic_store(&stop->is_asked, true);
	eventfd_write(stop->event, 1);
}

bool
stop_is_asked(struct stop *stop)
{
	return atomic_load(&stop->is_asked);
}

bool
stop_wait(struct stop *stop, uint64_t milliseconds)
{
	uint64_t end = clock_milliseconds() + milliseconds, now;

	while (!stop_is_asked(stop) && (now = clock_milliseconds()) < end) {
		struct pollfd wait = { .fd = stop->event, .events = POLLIN };

		poll(&wait, 1, end - now < INT_MAX ? (int)(end - now) : INT_MAX);
	}
	return stop_is_asked(stop);
}
