/*
 * The configuration: one row per key (config_keys[]: name, type, default, help), read with
 * libconfuse into a plain struct that has no pointers, so that parent can hand it to every other
 * process in a memfd.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

#define CONFIG_LISTENERS_MAX    32
#define CONFIG_CERTIFICATES_MAX 16
#define CONFIG_KEYS_MAX         64

enum config_protocol { CONFIG_POP3, CONFIG_LMTP, CONFIG_PROTOCOL_COUNT };
enum config_tls_mode { CONFIG_TLS_NONE, CONFIG_TLS_STLS, CONFIG_TLS_IMPLICIT };
enum config_plaintext { CONFIG_PLAINTEXT_NEVER, CONFIG_PLAINTEXT_LOOPBACK, CONFIG_PLAINTEXT_ALWAYS };
enum config_takeover { CONFIG_TAKEOVER_NEVER, CONFIG_TAKEOVER_SILENT, CONFIG_TAKEOVER_NEWEST };
enum config_over_quota { CONFIG_OVER_QUOTA_TEMPORARY, CONFIG_OVER_QUOTA_PERMANENT };
enum config_log { CONFIG_LOG_STDERR, CONFIG_LOG_SYSLOG };

struct config_listener {
	char title[64];
	char address[LISTENER_SIZE];	/* "*": IPv4 and IPv6; a numeric address; or a path: a Unix socket */
	uint32_t port;
	uint32_t protocol;		/* enum config_protocol */
	uint32_t tls;			/* enum config_tls_mode */
	char mode[8];			/* of a Unix socket, octal */
	char group[64];			/* of a Unix socket; empty: as it comes */
};

struct config_certificate {
	char title[64];
	char chain[PATH_SIZE];
	char key[PATH_SIZE];
};

struct config {
	uint64_t magic;			/* CONFIG_MAGIC: a process of another build refuses it */
	char hostname[HOST_SIZE];	/* empty in the file: the host's own name */
	char greeting[TEXT_SIZE];
	char implementation[TEXT_SIZE];	/* CAPA IMPLEMENTATION; empty: not announced */
	char users_file[PATH_SIZE];
	char mail_place[PLACE_SIZE];	/* pattern: %u user, %n local part, %d domain, %h home, %% */
	char uidl_format[TEXT_SIZE];	/* how the Dovecot before us made UIDLs; for import-uidl alone */
	char index_directory[PATH_SIZE];	/* empty: the index of a maildrop is beside the mail */
	char run_directory[PATH_SIZE];
	char login_user[TEXT_SIZE];	/* a name or a number; used when started by root */
	char auth_user[TEXT_SIZE];
	char lmtp_user[TEXT_SIZE];
	char lmtp_spool_directory[PATH_SIZE];
	char lmtp_domains[LIST_SIZE];	/* whose users are known without their domain, too; empty: hostname */
	char lmtp_networks[LIST_SIZE];	/* from which clients may come */
	char lmtp_xclient_hosts[LIST_SIZE];	/* networks, or "unix": who may say XCLIENT */
	char lmtp_delimiter[2];		/* of address extensions; empty: none */
	char sasl_mechanisms[TEXT_SIZE];	/* separated by spaces, in the order announced */
	uint64_t plaintext_logins;	/* enum config_plaintext: passwords without TLS? */
	uint64_t apop;			/* booleans are 0 or 1 */
	uint64_t last;
	uint64_t log;			/* enum config_log */
	uint64_t log_level;		/* enum log_level */
	uint64_t login_processes;	/* 0: one per core */
	uint64_t first_uid;		/* the lowest uid a maildrop process may have */
	uint64_t last_uid;
	uint64_t idle_timeout_seconds;	/* TRANSACTION; RFC 1939, section 3: at least 600 */
	uint64_t login_timeout_seconds;	/* from the connection to a successful login */
	uint64_t write_timeout_seconds;	/* a client that takes nothing for so long has gone */
	uint64_t bad_commands_max;
	uint64_t bad_command_delay_milliseconds;
	uint64_t connections_max;	/* before login, in each login process */
	uint64_t connections_per_address_max;	/* the same, from one address */
	uint64_t maildrop_threads;	/* 0: two more than there are cores */
	uint64_t maildrop_threads_max;
	uint64_t takeover;		/* enum config_takeover: a second login to an open maildrop */
	uint64_t takeover_silent_seconds;
	uint64_t maildrop_idle_seconds;	/* a maildrop process without a session ends after so long */
	uint64_t stop_grace_seconds;
	uint64_t quota_storage_max;	/* octets; for users whose line has no quota. 0: no limit */
	uint64_t quota_messages_max;
	uint64_t quota_warning_percent;	/* a delivery that passes it is logged; 0: none is */
	uint64_t auth_threads;		/* 0: one per core */
	uint64_t auth_cache_seconds;	/* 0: no cache */
	uint64_t auth_cache_entries;
	uint64_t auth_failures_max;	/* after so many an address or a user is refused for a while */
	uint64_t auth_refusal_seconds;
	uint64_t auth_failure_delay_milliseconds;
	uint64_t ticket_key_hours;
	uint64_t lmtp_size_max_octets;	/* of a message; 0: no limit */
	uint64_t lmtp_recipients_max;	/* of a message */
	uint64_t lmtp_connections_max;
	uint64_t lmtp_timeout_seconds;	/* a client that says, or takes, nothing for so long */
	uint64_t lmtp_detail_folders;	/* deliver to the folder that the extension names */
	uint64_t over_quota;		/* enum config_over_quota */
	uint32_t listener_count, certificate_count;
	struct config_listener listeners[CONFIG_LISTENERS_MAX];
	struct config_certificate certificates[CONFIG_CERTIFICATES_MAX];
	uint32_t listeners_from_file;	/* so many of them; the others are the default ones */
	uint32_t lines[CONFIG_KEYS_MAX];	/* by row of config_keys[]: where the file sets it; 0: default */
};

#define CONFIG_MAGIC (0x7265737461000000ULL ^ sizeof(struct config))

enum config_type {
	CONFIG_TEXT,		/* printable ASCII */
	CONFIG_NUMBER,
	CONFIG_BOOLEAN,
	CONFIG_CHOICE,
	CONFIG_PATH,		/* absolute; any octets but controls */
	CONFIG_HOME_PATH,	/* the same, or begun with ~/ for the home directory */
	CONFIG_FREE		/* any octets but controls */
};

struct config_key {
	const char *name;
	enum config_type type;
	size_t offset, size;		/* the field in struct config (or in that of the section) */
	const char *fallback;		/* the default, as it would be written in the file */
	uint64_t minimum, maximum;	/* numbers: what is accepted */
	/* CONFIG_CHOICE: the words for 0, 1, ...; CONFIG_TEXT: each of its words must be one of these. */
	const char *const *choices;	/* NULL at the end */
	const char *help;		/* one line, for "restantectl config" */
};

/* Each is ended by a NULL name. */
extern const struct config_key config_keys[];
extern const struct config_key config_listener_keys[];		/* of struct config_listener */
extern const struct config_key config_certificate_keys[];	/* of struct config_certificate */

/* Sets every field to its default; hostname to the host's own name. */
void config_defaults(struct config *);
/*
 * Reads a file over the defaults. On failure problems[] holds one line for each thing found,
 * "FILE:LINE: what is wrong; what would be right", separated by newlines, and *config is
 * untouched. Blocks on the file.
 */
int config_read(struct config *, const char *path, char *problems, size_t size);
/*
 * What is allowed and perhaps not meant, in the same form as problems[], each a "warning: ...";
 * "" if there is nothing.
 */
void config_doubts(const struct config *, const char *path, char *text, size_t size);
/* Does mail_place have that letter behind a percent sign? */
bool config_place_has(const struct config *, char letter);
/* Is there a listener for it? */
bool config_speaks(const struct config *, enum config_protocol);
/* Is the address of a listener a path? */
bool config_is_path(const char *address);
/* Is that key for such a listener? A Unix socket has no port and no TLS, another no mode and no group. */
bool config_listener_has(const struct config_listener *, const char *key);
/* The mode of a Unix socket as a number. */
unsigned config_mode(const struct config_listener *);
/* The value of a row as it would be written in the file. base: the struct the row is about. */
void config_value(const void *base, const struct config_key *, char *text, size_t size);

/* A sealed memfd that holds *config, for IPC_SETTINGS; -1 on failure. */
int config_to_memfd(const struct config *, struct error *);
/* Reads one back; refuses another build's. Does not close it. */
int config_from_memfd(struct config *, int memfd, struct error *);
