/*
 * The world around restante-auth, for its test: one process plays the parent, a login process and a
 * maildrop process. All of it is torn down when an expectation is not met (cmocka).
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>

#include "config/config.h"
#include "ipc/channel.h"

extern struct world {
	pid_t pid;
	struct config config; /* as auth has it */
	struct ipc_channel parent, login, lmtp, maildrop;
	struct ipc_warrant_key warrant_key; /* as world.maildrop was told it */
	uint32_t maildrop_number; /* of the process that was given last */
	uint64_t session; /* the last one */
} world;

#define LOGIN_SLOT 3 /* of world.login */

extern const char *program; /* the path of restante-auth; to be set first */
extern char users_path[64];

/* Once for all tests. */
int make_directory(void **state);
int remove_directory(void **state);
/* For each test: starts auth, with settings and one login process; stops it and reads its log. */
int start_world(void **state);
int end_world(void **state);

/* Replaces the users file. */
void write_users(const char *text);
bool log_has(const char *text);
void send_settings(void);
/* A new channel to auth; slot: which login process. */
void open_login(struct ipc_channel *login, uint32_t slot);
/* The same for world.lmtp. */
void open_lmtp(uint32_t slot);

void send_message(struct ipc_channel *, enum ipc_type, const void *body, int descriptor);
/* Waits for the next message, which must be of that type. */
void expect(struct ipc_channel *, enum ipc_type, struct ipc_message *);
bool is_silent(struct ipc_channel *);
/* Sends a CHECK and returns its session. */
uint64_t ask(
    const char *peer, enum ipc_check_method method, const char *user, const char *password);
void expect_refused(uint64_t session, enum error_kind kind);
/* Asks for a recipient; delivery: in every answer. */
/* The same, after that process did not deliver any more. */
void ask_recipient_again(uint64_t delivery, const char *user, const char *otherwise, uint32_t gone);
void ask_recipient(uint64_t delivery, const char *user, const char *otherwise);
void expect_recipient_refused(uint64_t delivery, enum error_kind kind);
/* A warrant that is good at world.maildrop, and says what it should. */
void expect_found(uint64_t delivery, const char *user, const char *place, uint64_t octets_max,
    uint64_t messages_max);
/* Auth wants a maildrop process; it gets one, played by world.maildrop, and tells it the key. */
void expect_start(uint32_t uid, uint32_t gid, const char *root);
void give_maildrop(uint32_t uid, uint32_t gid, const char *root);
/* GRANTED at login, OPEN at the maildrop, and the two descriptors are one connection. */
void expect_granted(uint64_t session, const char *user, const char *method, const char *place);
/* Settings, checks and channels come by different ways: waits until auth has read the parent's. */
void settle(void);
