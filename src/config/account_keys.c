/* One row per key of an account. restante-config(5) has a paragraph for each row. */

#include "config/account_text.h"

#define ALL(field) offsetof(struct accounts, field), sizeof(((struct accounts *)0)->field)
#define SET(field) offsetof(struct account, field), sizeof(((struct account *)0)->field)
#define RAW(field) offsetof(struct account_text, field), sizeof(((struct account_text *)0)->field)

_Static_assert(offsetof(struct account_text, account) == 0, "the rows of SET() are about both");

static const char *const security_words[] = { "tls", "stls", "clear", NULL };
static const char *const mechanism_words[] = { "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "EXTERNAL", "GSSAPI",
	"OAUTHBEARER", "XOAUTH2", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "APOP", "PLAIN", "LOGIN", "USER",
	NULL };

/* A row reads better on its lines. */
/* clang-format off */
const struct config_key accounts_keys[] = {
	{ "parallel", CONFIG_NUMBER, ALL(parallel), "4", 1, 100, NULL,
	  "how many accounts are fetched at once" },
	{ .name = NULL },
};

const struct config_key account_keys[] = {
	{ "server", CONFIG_TEXT, RAW(server), "", 0, 0, NULL,
	  "the host that has the mail, and a port if it is another than usual" },
	{ "security", CONFIG_CHOICE, SET(security), "tls", 0, 0, security_words,
	  "TLS from the first octet, STLS, or none" },
	{ "clear_password", CONFIG_BOOLEAN, SET(clear_password), "no", 0, 0, NULL,
	  "may the password leave without TLS?" },
	{ "server_name", CONFIG_TEXT, SET(server_name), "", 0, 0, NULL,
	  "whom the certificate must name; empty: the server" },
	{ "ca_file", CONFIG_HOME_PATH, SET(ca_file), "", 0, 0, NULL,
	  "PEM file of issuers to trust; empty: the system's" },
	{ "pin", CONFIG_TEXT, SET(pin), "", 0, 0, NULL,
	  "SHA-256 of the server's key, which then counts alone" },
	{ "certificate", CONFIG_HOME_PATH, SET(certificate_file), "", 0, 0, NULL,
	  "PEM file: one's own certificate" },
	{ "key", CONFIG_HOME_PATH, SET(key_file), "", 0, 0, NULL,
	  "PEM file: its private key; empty: in the same file" },
	{ "user", CONFIG_FREE, SET(user), "", 0, 0, NULL,
	  "who logs in" },
	{ "authorization", CONFIG_FREE, SET(authorization), "", 0, 0, NULL,
	  "whose maildrop is wanted; empty: the user's own" },
	{ "mechanisms", CONFIG_TEXT, SET(mechanisms), "", 0, 0, mechanism_words,
	  "how to log in, the best first; empty: the strongest" },
	{ "password", CONFIG_FREE, RAW(password), "", 0, 0, NULL,
	  "the password itself, in a file of mode 0600" },
	{ "password_command", CONFIG_FREE, RAW(password_command), "", 0, 0, NULL,
	  "a command that prints the password" },
	{ "password_file", CONFIG_HOME_PATH, RAW(password_file), "", 0, 0, NULL,
	  "a file of mode 0600 with the password in its first line" },
	{ "password_fd", CONFIG_TEXT, RAW(password_fd), "", 0, 0, NULL,
	  "a descriptor whose next line is the password" },
	{ "password_keyring", CONFIG_FREE, RAW(password_keyring), "", 0, 0, NULL,
	  "kernel:NAME or desktop:NAME" },
	{ "password_credential", CONFIG_TEXT, RAW(password_credential), "", 0, 0, NULL,
	  "a credential that systemd hands to its service" },
	{ "password_netrc", CONFIG_HOME_PATH, RAW(password_netrc), "", 0, 0, NULL,
	  "another file in the form of ~/.netrc" },
	{ "token_command", CONFIG_FREE, SET(token_command), "", 0, 0, NULL,
	  "a command that prints an access token of OAuth 2" },
	{ "oauth", CONFIG_TEXT, SET(oauth), "", 0, 0, NULL,
	  "the provider whose tokens `restante login' gets" },
	{ "oauth_client_id", CONFIG_TEXT, SET(oauth_client_id), "", 0, 0, NULL,
	  "what the provider knows this program as" },
	{ "oauth_client_secret", CONFIG_TEXT, SET(oauth_client_secret), "", 0, 0, NULL,
	  "what some providers hand out with it" },
	{ "oauth_device_url", CONFIG_TEXT, SET(oauth_device_url), "", 0, 0, NULL,
	  "where a login begins; empty: as the provider has it" },
	{ "oauth_token_url", CONFIG_TEXT, SET(oauth_token_url), "", 0, 0, NULL,
	  "where tokens come from; empty: as the provider has it" },
	{ "oauth_scope", CONFIG_TEXT, SET(oauth_scope), "", 0, 0, NULL,
	  "what is asked for; empty: as the provider has it" },
	{ "oauth_plain_http", CONFIG_BOOLEAN, SET(oauth_plain_http), "no", 0, 0, NULL,
	  "may these be http:// on 127.0.0.1?" },
	{ "deliver_to", CONFIG_FREE, SET(place), "maildir:~/Maildir", 0, 0, NULL,
	  "where the mail goes: maildir:, mbox:, lmtp:, smtp: or command:" },
	{ "recipient", CONFIG_FREE, SET(recipient), "", 0, 0, NULL,
	  "for whom it is; empty: the caller at localhost" },
	{ "sender", CONFIG_FREE, SET(sender), "", 0, 0, NULL,
	  "the envelope's sender; empty: none, <>" },
	{ "trace", CONFIG_BOOLEAN, SET(trace), "no", 0, 0, NULL,
	  "put a line Received before the message?" },
	{ "keep", CONFIG_TEXT, RAW(keep), "all", 0, 0, NULL,
	  "what stays on the server: all, none, \"30 days\" or \"newest 100\"" },
	{ "size_max", CONFIG_TEXT, RAW(size_max), "0", 0, 0, NULL,
	  "bigger messages are left alone; 0: none is too big" },
	{ "filter", CONFIG_FREE, SET(filter), "", 0, 0, NULL,
	  "a command that sees the header and says fetch, skip or delete" },
	{ "utf8", CONFIG_BOOLEAN, SET(utf8), "no", 0, 0, NULL,
	  "ask for UTF8 where the server has it?" },
	{ "pipelining", CONFIG_BOOLEAN, SET(pipelining), "yes", 0, 0, NULL,
	  "send commands without waiting where the server allows it?" },
	{ "timeout_seconds", CONFIG_NUMBER, SET(timeout_seconds), "60", 5, 3600, NULL,
	  "how long a server may be silent" },
	{ .name = NULL },
};
/* clang-format on */
