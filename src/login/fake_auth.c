/* The fake auth of fake_ring.h: what it says to whom. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "login/fake_ring.h"

void
fake_auth_grant(struct fake_ring *ring, uint64_t session, const char *user, const char *method)
{
	struct ipc_granted granted;
	struct error error;

	memset(&granted, 0, sizeof(granted));
	granted.session = session;
	granted.maildrop = ring->door_number;
	snprintf(granted.user, sizeof(granted.user), "%s", user);
	snprintf(granted.method, sizeof(granted.method), "%s", method);
	assert_int_equal(channel_send(&ring->auth, IPC_GRANTED, &granted, -1, &error), 0);
}

/* Who may come in: "anna" with "secret". What others get depends on their names. */
static void
decide(struct fake_ring *ring, uint64_t session, const char *user, const char *password,
    const char *method)
{
	static const struct {
		const char *user;
		enum error_kind kind;
	} refusals[] = {
		{ "temp", ERROR_TEMPORARY },
		{ "perm", ERROR_PERMANENT },
		{ "broken", ERROR_PROTOCOL },
	};
	struct ipc_refused refused;
	struct error error;

	if (strcmp(user, "silent") == 0) {
		ring->asking = session;
		return;
	}
	if (strcmp(user, "anna") != 0 || strcmp(password, "secret") != 0) {
		memset(&refused, 0, sizeof(refused));
		refused.session = session;
		refused.kind = ERROR_DENIED;
		for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
			if (strcmp(user, refusals[i].user) == 0)
				refused.kind = refusals[i].kind;
		assert_int_equal(channel_send(&ring->auth, IPC_REFUSED, &refused, -1, &error), 0);
		return;
	}
	fake_auth_grant(ring, session, user, method);
}

static void
challenge(struct fake_ring *ring, uint64_t session, const char *text)
{
	struct ipc_sasl_data data;
	struct error error;

	memset(&data, 0, sizeof(data));
	data.session = session;
	data.size = (uint32_t)strlen(text);
	memcpy(data.data, text, data.size);
	assert_int_equal(channel_send(&ring->auth, IPC_SASL_CHALLENGE, &data, -1, &error), 0);
}

/* PLAIN: NUL user NUL password. LOGIN: asks for both, one exchange at a time. */
static void
sasl_step(struct fake_ring *ring, uint64_t session, const uint8_t *data, size_t size)
{
	static char name[USER_SIZE];
	char text[IPC_SASL_SIZE + 1];
	const char *user, *password;

	memcpy(text, data, size);
	text[size] = '\0';
	if (strcmp(ring->sasl_start.mechanism, "PLAIN") == 0) {
		user = text + (size > 0);
		password = user + strlen(user) + 1 <= text + size ? user + strlen(user) + 1 : "";
		decide(ring, session, user, password, "PLAIN");
	} else if (name[0] == '\0') {
		snprintf(name, sizeof(name), "%.255s", text);
		challenge(ring, session, "Password:");
	} else {
		decide(ring, session, name, text, "LOGIN");
		name[0] = '\0';
	}
}

void
fake_auth_hear(struct fake_ring *ring, struct ipc_message *message)
{
	const struct ipc_sasl_start *start = &message->body.sasl_start;

	switch (message->type) {
	case IPC_CHECK:
		ring->check = message->body.check;
		ring->checks++;
		decide(ring, ring->check.session, ring->check.user, ring->check.password,
		    ring->check.method == IPC_CHECK_APOP ? "APOP" : "PASS");
		break;
	case IPC_SASL_START:
		ring->sasl_start = *start;
		if (start->initial)
			sasl_step(ring, start->session, start->data, start->size);
		else
			challenge(ring, start->session,
			    strcmp(start->mechanism, "LOGIN") == 0 ? "Username:" : "");
		break;
	case IPC_SASL_STEP:
		sasl_step(ring, message->body.sasl_data.session, message->body.sasl_data.data,
		    message->body.sasl_data.size);
		break;
	case IPC_FORGET:
		ring->forgets++;
		break;
	default:
		fail_msg("auth was sent message %d", (int)message->type);
	}
}
