/* See duty.h. */

#include "login/duty.h"

#include <time.h>

#include "login/login.h"

#define FIRST_LOOK_MILLISECONDS 40	/* behind the knock */
#define LOOK_MILLISECONDS       10
#define LOOKS                   20	/* in a row, and one more for each slot: those on duty do not keep up */
#define LOOKS_FULL              100	/* more than that: nobody has room */
#define CROWD                   16	/* so many waiting */
#define CROWD_LOOKS             5	/* count as so many looks */
#define STAY_MILLISECONDS       1000
#define STAY_PERCENT            30	/* of that time: with less to do it goes off duty again */

static uint64_t
processor_milliseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void
set_timer(struct login *login, uint64_t milliseconds)
{
	timer_set(&login->loop.timers, &login->duty.timer, login->loop.now + milliseconds);
}

static bool
is_full(const struct login *login)
{
	return login->young.count >= login->settings.connections_max;
}

/* The first needs no reason to be on duty but room. */
static bool
is_always_on(const struct login *login)
{
	return login->duty.slot == 0 && !is_full(login);
}

static void
go_on(struct login *login, bool by_looking)
{
	struct duty *duty = &login->duty;

	duty->on = true;
	duty->looks = 0;
	duty->refuses = by_looking;
	duty->processor_milliseconds = processor_milliseconds();
	if (duty->slot != 0)
		set_timer(login, STAY_MILLISECONDS);
	listeners_listen(&login->listeners, true);
}

static void
go_off(struct login *login)
{
	login->duty.on = false;
	login->duty.looks = 0;
	timer_clear(&login->loop.timers, &login->duty.timer);
	listeners_listen(&login->listeners, true);
}

static void
look(struct login *login)
{
	struct duty *duty = &login->duty;
	size_t waiting = listeners_waiting(&login->listeners);

	if (waiting == 0) {
		duty->looks = 0;
		listeners_listen(&login->listeners, true);
		return;
	}
	duty->looks += waiting >= CROWD ? CROWD_LOOKS : 1;
	if (is_always_on(login))
		go_on(login, false);
	else if (duty->looks >= (is_full(login) ? LOOKS_FULL : LOOKS + duty->slot))
		go_on(login, true);
	else
		set_timer(login, LOOK_MILLISECONDS);
}

static void
consider_staying(struct login *login)
{
	struct duty *duty = &login->duty;
	uint64_t used = processor_milliseconds();

	if (used - duty->processor_milliseconds < STAY_MILLISECONDS * STAY_PERCENT / 100) {
		go_off(login);
		return;
	}
	duty->processor_milliseconds = used;
	set_timer(login, STAY_MILLISECONDS);
}

static void
expired(struct timer *timer)
{
	struct login *login = timer->owner;

	(login->duty.on ? consider_staying : look)(login);
}

void
duty_init(struct login *login)
{
	login->duty.timer = (struct timer){ .expired = expired, .owner = login };
}

void
duty_begin(struct login *login, uint32_t slot)
{
	login->duty.slot = slot;
	if (is_always_on(login))
		go_on(login, false);
	else
		go_off(login);
}

bool
duty_calls(struct listeners *listeners)
{
	struct login *login = listeners->owner;
	struct duty *duty = &login->duty;

	if (!duty->on && is_always_on(login))
		go_on(login, false);
	if (duty->on && is_full(login) && !duty->refuses)
		go_off(login);
	if (duty->on)
		return true;
	listeners_listen(&login->listeners, false);
	set_timer(login, FIRST_LOOK_MILLISECONDS);
	return false;
}

void
duty_has_room(struct login *login)
{
	login->duty.refuses = false;
}

void
duty_is_full(struct login *login)
{
	if (login->duty.on && !login->duty.refuses)
		go_off(login);
}
