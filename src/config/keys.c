/* One row per key: name, type, default, limits, help. The manual has a paragraph for each row. */

#include "config/config.h"

#define TOP(field) offsetof(struct config, field), sizeof(((struct config *)0)->field)
#define LISTENER(field)                                                                            \
	offsetof(struct config_listener, field), sizeof(((struct config_listener *)0)->field)
#define CERTIFICATE(field)                                                                         \
	offsetof(struct config_certificate, field), sizeof(((struct config_certificate *)0)->field)

#define DAY  86400
#define MANY 1000000

static const char *const plaintext_words[] = { "never", "loopback", "always", NULL };
static const char *const log_words[] = { "stderr", "syslog", NULL };
static const char *const level_words[] = { "error", "warning", "info", "debug", NULL };
static const char *const takeover_words[] = { "never", "silent", "newest", NULL };
static const char *const protocol_words[] = { "pop3", "lmtp", NULL };
static const char *const over_quota_words[] = { "temporary", "permanent", NULL };
static const char *const tls_words[] = { "none", "stls", "implicit", NULL };
static const char *const mechanism_words[] = { "PLAIN", "LOGIN", NULL };

/* A row reads better on its lines. */
/* clang-format off */
const struct config_key config_keys[] = {
	{ "hostname", CONFIG_TEXT, TOP(hostname), "", 0, 0, NULL,
	  "this host's name in the greeting and the log; empty: the host's own" },
	{ "greeting", CONFIG_TEXT, TOP(greeting), "restante ready", 0, 0, NULL,
	  "what is said to a client that connects" },
	{ "implementation", CONFIG_TEXT, TOP(implementation), "restante", 0, 0, NULL,
	  "IMPLEMENTATION in the answer to CAPA; empty: not announced" },
	{ "users_file", CONFIG_PATH, TOP(users_file), CONFIGURATION_DIRECTORY "/users", 0, 0, NULL,
	  "who may log in, and with which password" },
	{ "mail_place", CONFIG_TEXT, TOP(mail_place), "maildir:%h/Maildir", 0, 0, NULL,
	  "where a user's mail is: %u user, %n local part, %d domain, %h home" },
	{ "uidl_format", CONFIG_TEXT, TOP(uidl_format), "%08Xu%08Xv", 0, 0, NULL,
	  "pop3_uidl_format of the Dovecot whose UIDLs are taken over" },
	{ "index_directory", CONFIG_PATH, TOP(index_directory), "", 0, 0, NULL,
	  "where indexes are kept; empty: beside the mail" },
	{ "run_directory", CONFIG_PATH, TOP(run_directory), "/run/restante", 0, 0, NULL,
	  "where the socket for restantectl is made" },
	{ "login_user", CONFIG_TEXT, TOP(login_user), "_restante-login", 0, 0, NULL,
	  "whom restante-login runs as when root starts the server" },
	{ "auth_user", CONFIG_TEXT, TOP(auth_user), "_restante-auth", 0, 0, NULL,
	  "whom restante-auth runs as when root starts the server" },
	{ "lmtp_user", CONFIG_TEXT, TOP(lmtp_user), "_restante-lmtp", 0, 0, NULL,
	  "whom restante-lmtp runs as when root starts the server" },
	{ "lmtp_spool_directory", CONFIG_PATH, TOP(lmtp_spool_directory), "/var/spool/restante", 0, 0, NULL,
	  "where a message is that is not delivered yet" },
	{ "lmtp_domains", CONFIG_TEXT, TOP(lmtp_domains), "", 0, 0, NULL,
	  "domains of users without a domain, besides localhost; empty: hostname" },
	{ "lmtp_networks", CONFIG_TEXT, TOP(lmtp_networks), "127.0.0.0/8 ::1/128", 0, 0, NULL,
	  "from which addresses mail is taken" },
	{ "lmtp_xclient_hosts", CONFIG_TEXT, TOP(lmtp_xclient_hosts), "", 0, 0, NULL,
	  "who may say XCLIENT: networks, or unix" },
	{ "lmtp_delimiter", CONFIG_TEXT, TOP(lmtp_delimiter), "+", 0, 0, NULL,
	  "what begins the extension of an address; empty: nothing" },
	{ "lmtp_detail_folders", CONFIG_BOOLEAN, TOP(lmtp_detail_folders), "no", 0, 0, NULL,
	  "deliver to the folder that the extension names" },
	{ "lmtp_size_max_octets", CONFIG_NUMBER, TOP(lmtp_size_max_octets), "1073741824", 0, UINT64_C(1) << 48,
	  NULL, "the biggest message that is taken; 0: any" },
	{ "lmtp_recipients_max", CONFIG_NUMBER, TOP(lmtp_recipients_max), "1000", 100, 100000, NULL,
	  "recipients of one message" },
	{ "lmtp_connections_max", CONFIG_NUMBER, TOP(lmtp_connections_max), "1000", 1, MANY, NULL,
	  "connections to restante-lmtp" },
	{ "lmtp_timeout_seconds", CONFIG_NUMBER, TOP(lmtp_timeout_seconds), "300", 300, DAY, NULL,
	  "a client that says or takes nothing for so long is sent away" },
	{ "over_quota", CONFIG_CHOICE, TOP(over_quota), "temporary", 0, 0, over_quota_words,
	  "what is said about mail for a full maildrop" },
	{ "sasl_mechanisms", CONFIG_TEXT, TOP(sasl_mechanisms), "PLAIN LOGIN", 0, 0, mechanism_words,
	  "mechanisms of AUTH, in the order announced" },
	{ "plaintext_logins", CONFIG_CHOICE, TOP(plaintext_logins), "never", 0, 0, plaintext_words,
	  "passwords over a connection without TLS" },
	{ "apop", CONFIG_BOOLEAN, TOP(apop), "no", 0, 0, NULL,
	  "offer APOP (needs {PLAIN} passwords in the users file)" },
	{ "last", CONFIG_BOOLEAN, TOP(last), "no", 0, 0, NULL,
	  "answer LAST, as RFC 1460 had it" },
	{ "log", CONFIG_CHOICE, TOP(log), "stderr", 0, 0, log_words,
	  "where the log goes" },
	{ "log_level", CONFIG_CHOICE, TOP(log_level), "info", 0, 0, level_words,
	  "what is worth a line" },
	{ "login_processes", CONFIG_NUMBER, TOP(login_processes), "0", 0, 64, NULL,
	  "how many restante-login run; 0: one per core" },
	{ "first_uid", CONFIG_NUMBER, TOP(first_uid), "1000", 1, UINT32_MAX - 1, NULL,
	  "the lowest uid that may own mail" },
	{ "last_uid", CONFIG_NUMBER, TOP(last_uid), "60000", 1, UINT32_MAX - 1, NULL,
	  "the highest uid that may own mail" },
	{ "idle_timeout_seconds", CONFIG_NUMBER, TOP(idle_timeout_seconds), "600", 600, DAY, NULL,
	  "a session that says nothing for so long is ended" },
	{ "login_timeout_seconds", CONFIG_NUMBER, TOP(login_timeout_seconds), "180", 10, 3600, NULL,
	  "from the connection to a successful login" },
	{ "write_timeout_seconds", CONFIG_NUMBER, TOP(write_timeout_seconds), "600", 600, DAY, NULL,
	  "a client that takes nothing for so long has gone" },
	{ "bad_commands_max", CONFIG_NUMBER, TOP(bad_commands_max), "10", 1, 1000, NULL,
	  "after so many bad commands the connection is closed" },
	{ "bad_command_delay_milliseconds", CONFIG_NUMBER, TOP(bad_command_delay_milliseconds), "250",
	  0, 10000, NULL, "how much later each further bad command is answered" },
	{ "connections_max", CONFIG_NUMBER, TOP(connections_max), "10000", 1, MANY, NULL,
	  "connections in each restante-login" },
	{ "connections_per_address_max", CONFIG_NUMBER, TOP(connections_per_address_max), "250", 1, MANY,
	  NULL, "the same, from one address" },
	{ "maildrop_threads", CONFIG_NUMBER, TOP(maildrop_threads), "0", 0, 1024, NULL,
	  "threads that may run commands in a restante-maildrop at once; 0: two more than cores" },
	{ "maildrop_threads_max", CONFIG_NUMBER, TOP(maildrop_threads_max), "512", 1, 4096, NULL,
	  "threads it may have when clients are slow to take what they asked for" },
	{ "takeover", CONFIG_CHOICE, TOP(takeover), "silent", 0, 0, takeover_words,
	  "when a maildrop is opened that is open already: which session gives way" },
	{ "takeover_silent_seconds", CONFIG_NUMBER, TOP(takeover_silent_seconds), "30", 1, DAY, NULL,
	  "takeover = silent: a client that has been silent for so long gives way" },
	{ "maildrop_idle_seconds", CONFIG_NUMBER, TOP(maildrop_idle_seconds), "300", 1, DAY, NULL,
	  "a restante-maildrop without a session ends after so long" },
	{ "stop_grace_seconds", CONFIG_NUMBER, TOP(stop_grace_seconds), "30", 1, 3600, NULL,
	  "how long running sessions have when the server stops" },
	{ "quota_storage_max", CONFIG_NUMBER, TOP(quota_storage_max), "0", 0, INT64_MAX, NULL,
	  "octets a maildrop may hold whose user has no quota_rule; 0: no limit" },
	{ "quota_messages_max", CONFIG_NUMBER, TOP(quota_messages_max), "0", 0, INT64_MAX, NULL,
	  "and how many messages" },
	{ "quota_warning_percent", CONFIG_NUMBER, TOP(quota_warning_percent), "90", 0, 100, NULL,
	  "a delivery with which a maildrop becomes so full is logged; 0: none" },
	{ "auth_threads", CONFIG_NUMBER, TOP(auth_threads), "0", 0, 64, NULL,
	  "threads that check passwords; 0: one per core" },
	{ "auth_cache_seconds", CONFIG_NUMBER, TOP(auth_cache_seconds), "300", 0, DAY, NULL,
	  "how long a verified password is remembered; 0: not at all" },
	{ "auth_cache_entries", CONFIG_NUMBER, TOP(auth_cache_entries), "10000", 1, MANY, NULL,
	  "how many of them" },
	{ "auth_failures_max", CONFIG_NUMBER, TOP(auth_failures_max), "10", 1, 1000, NULL,
	  "wrong passwords until an address or a user is refused for a while" },
	{ "auth_refusal_seconds", CONFIG_NUMBER, TOP(auth_refusal_seconds), "300", 1, DAY, NULL,
	  "how long that is" },
	{ "auth_failure_delay_milliseconds", CONFIG_NUMBER, TOP(auth_failure_delay_milliseconds), "500",
	  0, 10000, NULL, "how much later each further wrong password is answered" },
	{ "ticket_key_hours", CONFIG_NUMBER, TOP(ticket_key_hours), "12", 1, 168, NULL,
	  "age at which the key of TLS session tickets is replaced" },
	{ .name = NULL },
};

const struct config_key config_listener_keys[] = {
	{ "address", CONFIG_TEXT, LISTENER(address), "*", 0, 0, NULL,
	  "a numeric address; *: every IPv4 and IPv6 address; or the path of a Unix socket" },
	{ "port", CONFIG_NUMBER, LISTENER(port), "110", 1, 65535, NULL,
	  "a TCP port; 995 is the default with implicit TLS, 24 with LMTP" },
	{ "protocol", CONFIG_CHOICE, LISTENER(protocol), "pop3", 0, 0, protocol_words,
	  "what is spoken" },
	{ "tls", CONFIG_CHOICE, LISTENER(tls), "stls", 0, 0, tls_words,
	  "none, offered with STLS, or implicit from the first octet" },
	{ "mode", CONFIG_TEXT, LISTENER(mode), "0660", 0, 0, NULL,
	  "who may connect to a Unix socket" },
	{ "group", CONFIG_TEXT, LISTENER(group), "", 0, 0, NULL,
	  "the group of a Unix socket; empty: as it comes" },
	{ .name = NULL },
};

const struct config_key config_certificate_keys[] = {
	{ "chain", CONFIG_PATH, CERTIFICATE(chain), "", 0, 0, NULL,
	  "PEM file: the certificate, then those that signed it" },
	{ "key", CONFIG_PATH, CERTIFICATE(key), "", 0, 0, NULL,
	  "PEM file: its private key" },
	{ .name = NULL },
};
/* clang-format on */
