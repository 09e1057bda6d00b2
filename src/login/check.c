/* See check.h. It is asked before a reload, so that a running server never loses what works. */

#include "login/check.h"

#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "ipc/channel.h"
#include "front/keys.h"

/* False at the end of the channel. */
static bool
receive(struct ipc_channel *channel, struct ipc_message *message)
{
	struct pollfd ready = { .fd = channel->descriptor, .events = POLLIN };
	struct error error;
	int got;

	while ((got = channel_receive(channel, message, &error)) == 0)
		if (poll(&ready, 1, -1) < 0)
			return false;
	return got > 0;
}

/* How many of the pairs are bad. */
static size_t
check_pairs(const struct keys *keys)
{
	struct tls_context *context;
	struct error error;
	size_t bad = 0;

	for (size_t i = 0; i < keys->count; i++) {
		if (tls_context_new(&context, &keys->pairs[i], 1, &error) == 0) {
			tls_context_unref(context);
			continue;
		}
		LOG(LOG_LEVEL_ERROR, "certificate", LOG_REASON(&error));
		bad++;
	}
	if (bad > 0 || keys->count == 0)
		return bad;
	if (tls_context_new(&context, keys->pairs, keys->count, &error) == 0) {
		tls_context_unref(context);
		return 0;
	}
	LOG(LOG_LEVEL_ERROR, "certificate", LOG_REASON(&error));
	return 1;
}

static bool
check_keys(int memfd)
{
	struct error error;
	struct keys keys;
	size_t bad;

	if (keys_read(&keys, memfd, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "keys", LOG_REASON(&error));
		return false;
	}
	bad = check_pairs(&keys);
	keys_free(&keys);
	return bad == 0;
}

int
check_run(int control)
{
	static struct config settings;
	struct ipc_channel channel;
	struct ipc_message message;
	bool good = true, settings_seen = false, keys_seen = false;
	struct error error;

	channel_open(&channel, control, IPC_LOGIN, IPC_PARENT);
	while (!(settings_seen && (keys_seen || settings.certificate_count == 0)) &&
	    receive(&channel, &message)) {
		if (message.type == IPC_SETTINGS) {
			settings_seen = true;
			if (config_from_memfd(&settings, message.descriptor, &error) < 0) {
				LOG(LOG_LEVEL_ERROR, "settings", LOG_REASON(&error));
				good = false;
			}
		} else if (message.type == IPC_KEYS) {
			keys_seen = true;
			good = check_keys(message.descriptor) && good;
		}
		if (message.descriptor >= 0)
			close(message.descriptor);
	}
	channel_close(&channel);
	if (!settings_seen || (settings.certificate_count > 0 && !keys_seen)) {
		LOG(LOG_LEVEL_ERROR, "check",
		    LOG_TEXT("reason", "the parent did not send everything"));
		good = false;
	}
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
