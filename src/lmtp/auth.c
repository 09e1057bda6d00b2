/* See auth.h. */

#include "lmtp/auth.h"

#include "base/log.h"
#include "lmtp/delivery.h"
#include "lmtp/known.h"
#include "lmtp/lmtp.h"

#define LOST_MILLISECONDS 1000

static void
hear(struct link *link, struct ipc_message *message)
{
	if (message->type == IPC_RECIPIENT_FOUND)
		delivery_found(link->owner, &message->body.recipient_found);
	else if (message->type == IPC_RECIPIENT_REFUSED)
		delivery_refused(link->owner, &message->body.recipient_refused);
}

/* If auth had died, the parent would have sent a channel to the next. */
static void
still_lost(struct timer *timer)
{
	static const struct ipc_channel_for lost = { .role = IPC_AUTH };
	struct lmtp *lmtp = timer->owner;
	struct error error;

	if (lmtp->stopping)
		return;
	if (link_send(&lmtp->parent, IPC_CHANNEL_LOST, &lost, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "parent-unreachable", LOG_REASON(&error));
	auth_await(lmtp);
}

void
auth_await(struct lmtp *lmtp)
{
	if (!link_is_open(&lmtp->auth))
		timer_set(&lmtp->loop.timers, &lmtp->auth_timer, lmtp->loop.now + LOST_MILLISECONDS);
}

static void
ended(struct link *link, const struct error *error)
{
	struct lmtp *lmtp = link->owner;

	LOG(LOG_LEVEL_WARNING, "auth-lost", LOG_REASON(error));
	auth_await(lmtp);
	known_forget_all(lmtp);
	deliveries_auth_lost(lmtp);
}

void
auth_init(struct lmtp *lmtp)
{
	lmtp->auth_timer = (struct timer){ .expired = still_lost, .owner = lmtp };
}

void
auth_open(struct lmtp *lmtp, int descriptor)
{
	struct link *link = &lmtp->auth;
	struct error error;

	link_close(link);
	known_forget_all(lmtp);
	deliveries_auth_lost(lmtp);
	link->owner = lmtp;
	link->received = hear;
	link->gone = ended;
	if (link_open(link, &lmtp->loop, descriptor, IPC_LMTP, IPC_AUTH, &error) == 0) {
		timer_clear(&lmtp->loop.timers, &lmtp->auth_timer);
		return;
	}
	LOG(LOG_LEVEL_ERROR, "auth-unreachable", LOG_REASON(&error));
	auth_await(lmtp);
}
