/* Who may say what to whom, how long it is, and what in it is checked before anybody reads it. */

#include "ipc/messages.h"

#include "base/log.h"

#define PARENT   (1u << IPC_PARENT)
#define LOGIN    (1u << IPC_LOGIN)
#define AUTH     (1u << IPC_AUTH)
#define MAILDROP (1u << IPC_MAILDROP)
#define LMTP     (1u << IPC_LMTP)
#define CTL      (1u << IPC_CTL)
#define CHILDREN (LOGIN | AUTH | MAILDROP | LMTP)

#define BODY(name)          .size = sizeof(struct name)
#define FIELD_SIZE(s, field) sizeof(((struct s *)NULL)->field)
#define STRING(s, field)    { offsetof(struct s, field), FIELD_SIZE(s, field) }
#define BELOW(s, field, n)  { offsetof(struct s, field), FIELD_SIZE(s, field), (n) }
#define BOOL(s, field)      BELOW(s, field, 2)

#define NO_BODY .size = 0
#define RULE(name, sender, receiver, ...) [name] = { (name), (sender), (receiver), __VA_ARGS__ }

/* clang-format off */
const struct ipc_rule ipc_rules[IPC_TYPE_COUNT] = {
	RULE(IPC_SETTINGS, PARENT, CHILDREN, NO_BODY, .descriptor = true),
	RULE(IPC_KEYS, PARENT, LOGIN | LMTP, NO_BODY, .descriptor = true),
	RULE(IPC_TICKET_KEYS, PARENT, LOGIN | LMTP, BODY(ipc_ticket_keys),
		.ranges = { BELOW(ipc_ticket_keys, count, 4) }),
	RULE(IPC_LISTENER, PARENT, LOGIN | LMTP, BODY(ipc_listener), .descriptor = true,
		.strings = { STRING(ipc_listener, address) }),
	RULE(IPC_ACCEPT, PARENT, LOGIN | LMTP, BODY(ipc_accept)),
	RULE(IPC_CHANNEL, PARENT, CHILDREN, BODY(ipc_channel_for), .descriptor = true,
		.ranges = { BELOW(ipc_channel_for, role, IPC_ROLE_COUNT) }),
	RULE(IPC_LOG, PARENT, CHILDREN, BODY(ipc_log), .descriptor = true,
		.ranges = { BELOW(ipc_log, form, LOG_FORM_SYSLOG + 1) }),
	RULE(IPC_STOP, PARENT, CHILDREN, BODY(ipc_stop)),
	RULE(IPC_REPORT, PARENT, CHILDREN, BODY(ipc_report),
		.ranges = { BELOW(ipc_report, kind, IPC_REPORT_SESSIONS + 1) }),
	RULE(IPC_KICK, PARENT, LOGIN | MAILDROP, BODY(ipc_kick),
		.strings = { STRING(ipc_kick, user) }),
	RULE(IPC_STARTED, PARENT, AUTH, BODY(ipc_started), .descriptor = true,
		.strings = { STRING(ipc_started, root) }),
	RULE(IPC_NOT_STARTED, PARENT, AUTH, BODY(ipc_not_started),
		.strings = { STRING(ipc_not_started, root), STRING(ipc_not_started, text) },
		.ranges = { BELOW(ipc_not_started, kind, ERROR_KIND_COUNT) }),

	RULE(IPC_READY, CHILDREN, PARENT, NO_BODY),
	RULE(IPC_START, AUTH, PARENT, BODY(ipc_start),
		.strings = { STRING(ipc_start, root) }),
	RULE(IPC_ROW, CHILDREN, PARENT, BODY(ipc_row),
		.strings = { STRING(ipc_row, name), STRING(ipc_row, peer) }),
	RULE(IPC_REPORT_END, CHILDREN, PARENT, BODY(ipc_report_end)),
	RULE(IPC_CHANNEL_LOST, LOGIN | LMTP, PARENT, BODY(ipc_channel_for),
		.ranges = { BELOW(ipc_channel_for, role, IPC_ROLE_COUNT) }),

	RULE(IPC_CHECK, LOGIN, AUTH, BODY(ipc_check),
		.strings = { STRING(ipc_check, client.peer), STRING(ipc_check, user),
			STRING(ipc_check, password), STRING(ipc_check, timestamp) },
		.ranges = { BELOW(ipc_check, method, IPC_CHECK_APOP + 1),
			BOOL(ipc_check, client.tls), BOOL(ipc_check, client.loopback) }),
	RULE(IPC_SASL_START, LOGIN, AUTH, BODY(ipc_sasl_start),
		.strings = { STRING(ipc_sasl_start, client.peer), STRING(ipc_sasl_start, mechanism) },
		.ranges = { BOOL(ipc_sasl_start, client.tls), BOOL(ipc_sasl_start, client.loopback),
			BOOL(ipc_sasl_start, initial), BELOW(ipc_sasl_start, size, IPC_SASL_SIZE + 1) }),
	RULE(IPC_SASL_STEP, LOGIN, AUTH, BODY(ipc_sasl_data),
		.ranges = { BELOW(ipc_sasl_data, size, IPC_SASL_SIZE + 1) }),
	RULE(IPC_SASL_CHALLENGE, AUTH, LOGIN, BODY(ipc_sasl_data),
		.ranges = { BELOW(ipc_sasl_data, size, IPC_SASL_SIZE + 1) }),
	RULE(IPC_FORGET, LOGIN, AUTH, BODY(ipc_forget)),
	RULE(IPC_REFUSED, AUTH, LOGIN, BODY(ipc_refused),
		.ranges = { BELOW(ipc_refused, kind, ERROR_KIND_COUNT) }),
	RULE(IPC_OPEN, AUTH, MAILDROP, BODY(ipc_open),
		.strings = { STRING(ipc_open, user), STRING(ipc_open, peer), STRING(ipc_open, place) }),
	RULE(IPC_GRANTED, AUTH, LOGIN, BODY(ipc_granted),
		.strings = { STRING(ipc_granted, user), STRING(ipc_granted, method) }),
	RULE(IPC_EARLY, LOGIN, MAILDROP, BODY(ipc_early),
		.ranges = { BELOW(ipc_early, size, EARLY_SIZE + 1) }),
	RULE(IPC_HANDOVER, LOGIN, MAILDROP, BODY(ipc_handover), .descriptor = true,
		.strings = { STRING(ipc_handover, sasl) },
		.ranges = { BOOL(ipc_handover, pumped), BOOL(ipc_handover, stls),
			BOOL(ipc_handover, user) }),

	RULE(IPC_WARRANT_KEY, AUTH, MAILDROP, BODY(ipc_warrant_key)),
	RULE(IPC_RECIPIENT, LMTP, AUTH, BODY(ipc_recipient),
		.strings = { STRING(ipc_recipient, extended), STRING(ipc_recipient, extended_otherwise),
			STRING(ipc_recipient, user), STRING(ipc_recipient, otherwise) }),
	RULE(IPC_RECIPIENT_FOUND, AUTH, LMTP, BODY(ipc_recipient_found),
		.strings = { STRING(ipc_recipient_found, warrant.user),
			STRING(ipc_recipient_found, warrant.place) }),
	RULE(IPC_RECIPIENT_REFUSED, AUTH, LMTP, BODY(ipc_recipient_refused),
		.ranges = { BELOW(ipc_recipient_refused, kind, ERROR_KIND_COUNT) }),
	RULE(IPC_DELIVER, LMTP, MAILDROP, BODY(ipc_deliver), .descriptor = true,
		.strings = { STRING(ipc_deliver, warrant.user), STRING(ipc_deliver, warrant.place),
			STRING(ipc_deliver, sender), STRING(ipc_deliver, folder) },
		.ranges = { BELOW(ipc_deliver, head_size, TRACE_SIZE + 1) }),
	RULE(IPC_DELIVER_TEXT, LMTP, MAILDROP, BODY(ipc_deliver_text),
		.strings = { STRING(ipc_deliver_text, deliver.warrant.user),
			STRING(ipc_deliver_text, deliver.warrant.place),
			STRING(ipc_deliver_text, deliver.sender), STRING(ipc_deliver_text, deliver.folder) },
		.ranges = { BELOW(ipc_deliver_text, deliver.head_size, TRACE_SIZE + 1),
			BELOW(ipc_deliver_text, size, DELIVER_TEXT_SIZE + 1) }),
	RULE(IPC_DELIVERED, MAILDROP, LMTP, BODY(ipc_delivered),
		.strings = { STRING(ipc_delivered, text) },
		.ranges = { BELOW(ipc_delivered, kind, ERROR_KIND_COUNT) }),

	RULE(IPC_CTL_RELOAD, CTL, PARENT, NO_BODY),
	RULE(IPC_CTL_REPORT, CTL, PARENT, BODY(ipc_ctl_report),
		.ranges = { BELOW(ipc_ctl_report, kind, IPC_REPORT_SESSIONS + 1) }),
	RULE(IPC_CTL_KICK, CTL, PARENT, BODY(ipc_ctl_kick),
		.strings = { STRING(ipc_ctl_kick, user) }),
	RULE(IPC_CTL_ROW, PARENT, CTL, BODY(ipc_ctl_row),
		.strings = { STRING(ipc_ctl_row, process), STRING(ipc_ctl_row, row.name),
			STRING(ipc_ctl_row, row.peer) }),
	RULE(IPC_CTL_RESULT, PARENT, CTL, BODY(ipc_ctl_result),
		.strings = { STRING(ipc_ctl_result, text) }),
};
/* clang-format on */
