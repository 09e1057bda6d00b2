/* Collected mail to an MTA, by LMTP or SMTP: "unix:PATH", "HOST:PORT", "[::1]:PORT". */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/limits.h"
#include "base/octets.h"
#include "fetch/target_inside.h"

/* What an exit status of the dialogue means for the account's other messages. */
static enum error_kind
status_kind(int status)
{
	return status == EX_NOUSER ? ERROR_PERMANENT : status == EX_TEMPFAIL ? ERROR_TEMPORARY : ERROR_DENIED;
}

/* The last colon; in front of it brackets may stand around an IPv6 address. */
static int
host_take(struct target *target, const char *rest, struct error *error)
{
	const char *colon = strrchr(rest, ':');
	size_t size = colon != NULL ? (size_t)(colon - rest) : 0;
	bool in_brackets = size > 2 && rest[0] == '[' && rest[size - 1] == ']';

	if (size == 0 || size >= HOST_SIZE || colon[1] == '\0' ||
	    (!in_brackets && memchr(rest, ':', size) != NULL))
		return error_set(error, ERROR_PERMANENT, "%.100s: write HOST:PORT, [ADDRESS]:PORT or unix:PATH",
		    target->place);
	target->host = in_brackets ? strndup(rest + 1, size - 2) : strndup(rest, size);
	target->port = strdup(colon + 1);
	return target->host != NULL && target->port != NULL ? 0 :
	    error_set(error, ERROR_TEMPORARY, "no memory for a target");
}

static int
relay_target_open(struct target *target, const char *rest, struct error *error)
{
	if (!target->has_recipient)
		return error_set(error, ERROR_PERMANENT, "%.100s: whom is the mail for? Name a recipient",
		    target->place);
	if (target->ops == &target_lmtp_ops && strncmp(rest, "unix:", 5) == 0) {
		target->rest = rest + 5;
		return 0;
	}
	return host_take(target, rest, error);
}

static void
disconnect(struct target *target)
{
	if (target->is_connected)
		relay_close(&target->relay);
	target->is_connected = false;
}

static void
relay_target_close(struct target *target)
{
	if (target->is_connected)
		relay_quit(&target->relay);
	disconnect(target);
}

static int
relay_parcel_write(struct parcel *parcel, const char *data, size_t size, struct error *error)
{
	return octets_write(parcel->spool, data, size) == 0 ? 0 :
	    error_errno(error, ERROR_TEMPORARY, "cannot keep the message");
}

static int
relay_parcel_finish(struct parcel *parcel, struct error *error)
{
	(void)error;
	snprintf(parcel->mark, sizeof(parcel->mark), "%s:", parcel->target->ops->scheme);
	return 0;
}

static int
connected(struct target *target, struct error *error)
{
	enum relay_protocol protocol = target->ops == &target_lmtp_ops ? RELAY_LMTP : RELAY_SMTP;
	int result;

	if (target->is_connected && relay_is_over(&target->relay))
		disconnect(target);
	if (target->is_connected)
		return 0;
	if (target->host != NULL)
		result = relay_open_host(&target->relay, protocol, target->host, target->port,
		    target->timeout_seconds, error);
	else
		result = relay_open(&target->relay, protocol, target->rest, target->timeout_seconds, error);
	if (result != 0)
		return -1;
	target->is_connected = true;
	if (relay_greet(&target->relay, error) == EX_OK)
		return 0;
	error->kind = ERROR_TEMPORARY;
	disconnect(target);
	return -1;
}

static int
parcel_tell(struct parcel *parcel, struct error *error)
{
	struct target *target = parcel->target;
	struct relay_letter letter = { .sender = &target->sender, .recipient = &target->recipient,
		.message = parcel->spool };
	int status;

	if (connected(target, error) != 0)
		return -1;
	status = relay_message(&target->relay, &letter, error);
	if (status == EX_TEMPFAIL)
		disconnect(target);
	parcel->is_put_off = status == EX_TEMPFAIL && target->relay.is_put_off;
	error->kind = status_kind(status);
	return status == EX_OK ? 0 : -1;
}

static void
relay_commit(struct parcel *const parcels[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct error error;

		if (parcel_tell(parcels[i], &error) != 0)
			parcel_fail(parcels[i], &error);
		else
			parcels[i]->is_committed = true;
	}
}

const struct target_ops target_lmtp_ops = {
	.scheme = "lmtp",
	.open = relay_target_open,
	.close = relay_target_close,
	.begin = parcel_spool_begin,
	.write = relay_parcel_write,
	.finish = relay_parcel_finish,
	.end = parcel_spool_end,
	.commit = relay_commit,
	.ask = target_ask_nobody,
};

const struct target_ops target_smtp_ops = {
	.scheme = "smtp",
	.open = relay_target_open,
	.close = relay_target_close,
	.begin = parcel_spool_begin,
	.write = relay_parcel_write,
	.finish = relay_parcel_finish,
	.end = parcel_spool_end,
	.commit = relay_commit,
	.ask = target_ask_nobody,
};
