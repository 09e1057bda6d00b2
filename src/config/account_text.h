/* Inside src/config: an account as its section says it, and what becomes of it. */
#pragma once

#include "config/accounts.h"
#include "config/value.h"

struct account_text {
	struct account account;		/* what needs no more than its row */
	char server[HOST_SIZE + 8];
	char keep[TEXT_SIZE], size_max[TEXT_SIZE];
	char password[PASSWORD_SIZE];
	char password_command[ACCOUNT_COMMAND_SIZE];
	char password_file[PATH_SIZE], password_netrc[PATH_SIZE];
	char password_fd[TEXT_SIZE], password_keyring[TEXT_SIZE], password_credential[TEXT_SIZE];
};

/*
 * Completes text->account of the texts. lines: by row of account_keys[], where each was set; line: where
 * the section ends.
 */
void account_complete(struct account_text *, int line, const uint32_t lines[], struct problems *);
/* Where the mail goes: its kind and what belongs behind it; a ~ in a path becomes the home directory. */
void account_check_place(struct account *, int line, struct problems *);
