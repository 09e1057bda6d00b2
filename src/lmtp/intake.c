/* See intake.h. */

#include "lmtp/intake.h"

#include "base/log.h"
#include "lmtp/connection.h"
#include "lmtp/delivery.h"

const char *
verdict_name(enum verdict verdict)
{
	static const char *const names[VERDICT_COUNT] = {
		[VERDICT_NONE] = "none",
		[VERDICT_OK] = "ok",
		[VERDICT_UNKNOWN] = "unknown",
		[VERDICT_DISABLED] = "disabled",
		[VERDICT_FULL_FOR_NOW] = "full",
		[VERDICT_FULL] = "full",
		[VERDICT_TEMPORARY] = "temporary",
		[VERDICT_NO_SPACE] = "no-space",
		[VERDICT_TOO_BIG] = "too-big",
		[VERDICT_LOOP] = "loop",
	};

	return names[verdict];
}

static enum verdict
spool_failed(struct connection *c, const struct error *error)
{
	LOG(LOG_LEVEL_ERROR, "spool-failed", LOG_SESSION(c->session.id), LOG_REASON(error));
	spool_end(&c->spool);
	return error->kind == ERROR_FULL ? VERDICT_NO_SPACE : VERDICT_TEMPORARY;
}

enum verdict
intake_data(void *context, const char *octets, size_t size)
{
	struct connection *c = context;
	struct error error;

	if (spool_put(&c->spool, octets, size, &error) == 0)
		return VERDICT_OK;
	return spool_failed(c, &error);
}

enum verdict
intake_seal(struct connection *c)
{
	struct error error;

	if (c->unspooled != VERDICT_OK || c->spool.whole)
		return c->unspooled;
	if (spool_seal(&c->spool, c->first == c->last ? DELIVER_TEXT_SIZE : 0, &error) < 0)
		c->unspooled = spool_failed(c, &error);
	return c->unspooled;
}

void
intake_undelivered(void *context, const struct recipient *recipient)
{
	struct connection *c = context;
	char address[ADDRESS_SIZE];

	path_text(&recipient->path, address);
	LOG(LOG_LEVEL_WARNING, "not-delivered", LOG_SESSION(c->session.id), LOG_TEXT("recipient", address),
	    LOG_TEXT("reason", verdict_name(recipient->verdict)));
	c->failed_count++;
	c->lmtp->counts.refused++;
}

void
intake_end(void *context)
{
	struct connection *c = context;
	char sender[ADDRESS_SIZE];

	deliveries_end(c);
	spool_end(&c->spool);
	c->unspooled = VERDICT_OK;
	if (c->delivered_count + c->failed_count > 0) {
		path_text(&c->session.envelope.sender, sender);
		LOG(LOG_LEVEL_INFO, "message", LOG_SESSION(c->session.id), LOG_TEXT("sender", sender),
		    LOG_NUMBER("octets", c->session.octets), LOG_NUMBER("delivered", c->delivered_count),
		    LOG_NUMBER("not_delivered", c->failed_count));
		c->lmtp->counts.messages++;
	}
	c->delivered_count = c->failed_count = 0;
}
