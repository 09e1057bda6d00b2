/*
 * The accounts of the client: ~/.config/restante/config, read as the server's configuration is, one
 * row per key. An account says where mail is, how it is protected, where the secret comes from (never
 * the secret itself, but for `password`), where the mail goes and what stays on the server.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "config/config.h"

#define ACCOUNT_NAME_SIZE    64
#define ACCOUNT_COMMAND_SIZE 1024
#define ACCOUNTS_MAX         1000

enum account_security { ACCOUNT_TLS, ACCOUNT_STLS, ACCOUNT_CLEAR };
enum account_keep { KEEP_ALL, KEEP_NONE, KEEP_DAYS, KEEP_NEWEST };

/* Where a password comes from. */
enum account_secret {
	ACCOUNT_SECRET_NONE,		/* not said: ~/.netrc if it has one, else somebody is asked */
	ACCOUNT_SECRET_COMMAND,		/* a shell's command, its first line */
	ACCOUNT_SECRET_FILE,		/* the first line of a file that nobody else can read */
	ACCOUNT_SECRET_FD,		/* the next line of a descriptor */
	ACCOUNT_SECRET_KEYRING,		/* "kernel:NAME" or "desktop:NAME" */
	ACCOUNT_SECRET_CREDENTIAL,	/* a file in $CREDENTIALS_DIRECTORY */
	ACCOUNT_SECRET_NETRC,		/* another file in the form of ~/.netrc */
	ACCOUNT_SECRET_TEXT,		/* it stands in the configuration */
};

struct account {
	char name[ACCOUNT_NAME_SIZE];	/* letters, digits, "-", "_", ".", "@", "+": it names files */
	char host[HOST_SIZE];
	uint64_t port;			/* 0: the protocol's own, 995 or 110 */
	uint64_t security;		/* enum account_security; default: tls */
	uint64_t clear_password;	/* 1: a password may leave without TLS */
	char user[USER_SIZE];
	char authorization[USER_SIZE];	/* whose maildrop; empty: the user's own */
	char mechanisms[TEXT_SIZE];	/* separated by spaces; empty: the strongest that both sides have */
	char server_name[HOST_SIZE];	/* whom the certificate must name; empty: host */
	char ca_file[PATH_SIZE];	/* empty: what the system trusts */
	char pin[TEXT_SIZE];		/* SHA-256 of the server's key; empty: none */
	char certificate_file[PATH_SIZE], key_file[PATH_SIZE];

	uint32_t secret;		/* enum account_secret */
	uint32_t secret_line;		/* of the file; 0: it came from elsewhere */
	char secret_value[ACCOUNT_COMMAND_SIZE];	/* what the kind says; a password only for _TEXT */
	char token_command[ACCOUNT_COMMAND_SIZE];	/* prints an access token; empty: none */
	char oauth[TEXT_SIZE];		/* a provider, see providers.h; empty: no OAuth */
	char oauth_client_id[LIST_SIZE], oauth_client_secret[LIST_SIZE];
	char oauth_device_url[PATH_SIZE], oauth_token_url[PATH_SIZE], oauth_scope[PATH_SIZE];
	uint64_t oauth_plain_http;	/* 1: http:// is good enough for a server on 127.0.0.1 */

	char place[PLACE_SIZE];		/* of the mail, as target_open() takes it; default maildir:~/Maildir */
	char recipient[USER_SIZE], sender[USER_SIZE];	/* empty: the caller at localhost; <> */
	uint64_t trace;			/* 1: with a line Received */
	uint64_t keep;			/* enum account_keep; default: all */
	uint64_t keep_number;		/* of days or messages */
	uint64_t size_max;		/* octets; 0: no limit */
	char filter[ACCOUNT_COMMAND_SIZE];	/* a command that sees the header; empty: none */
	uint64_t utf8;			/* 1: UTF8 where the server has it */
	uint64_t pipelining;		/* 1, the default: where the server has it */
	uint64_t timeout_seconds;	/* without an octet from the server */
};

struct accounts {
	struct account *all;		/* in the order of the file */
	size_t count;
	uint64_t parallel;		/* so many at once; default 4 */
};

/* Each is ended by a NULL name. */
extern const struct config_key accounts_keys[];	/* of struct accounts */
extern const struct config_key account_keys[];	/* of a section; the manual has a paragraph for each row */

/* ~/.config/restante/config, or below XDG_CONFIG_HOME. ERROR_PERMANENT: there is no home directory. */
int accounts_path(char path[PATH_SIZE], struct error *);
/* ~/.local/state/restante, or below XDG_STATE_HOME. */
int accounts_state_directory(char path[PATH_SIZE], struct error *);
/*
 * Reads the file. problems, which may be NULL, gets one line for each thing found, as config_read() has
 * them; the text of the error is the first of them. A file that holds a password and that others can
 * read is a problem. ERROR_GONE: there is no such file. Blocks on the file.
 */
int accounts_read(struct accounts *, const char *path, char *problems, size_t size, struct error *);
/* NULL: there is none of that name. */
const struct account *accounts_find(const struct accounts *, const char *name);
/* What is allowed and perhaps not meant, as config_doubts() has it. */
void accounts_doubts(const struct accounts *, const char *path, char *text, size_t size);
/* Wipes what is secret. */
void accounts_free(struct accounts *);
/* The defaults of every key, and a name. */
void account_defaults(struct account *, const char *name);
