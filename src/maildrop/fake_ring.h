/*
 * The others of the ring, as a test plays them for the real restante-maildrop: parent, auth, login, lmtp
 * and client. Two users, anna and bert, have two messages each.
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
#include "ipc/pair.h"

/* The process, and the other ends of its channels. */
struct service {
	pid_t process;
	struct ipc_channel control, auth, door;	/* the last is login's */
	struct ipc_warrant_key key;		/* as auth has said it last */
	struct config config;
};

/* One client as the test holds it. */
struct talker {
	int socket;		/* the client's, or login's end of one that is pumped */
	uint64_t session;	/* of one that is pumped; 0: the client's own */
};

extern const char *program;
extern char root[];
extern struct service t;

/* main() of such a test, whose argument is the program. */
int ring_run(int argc, char *argv[], int (*run)(void));
/* Around each test: fresh maildrops and a new process with one thread. */
int setup(void **state);
int teardown(void **state);

/* count times that line. */
void file_put(const char *user, const char *name, const char *line, int count);
bool file_exists(const char *user, const char *name);
void maildrop_make(const char *user);
void remove_tree(const char *path);

/* As parent. */
void process_start(void);
int process_wait(void);
struct ipc_message control_receive(void);
void auth_connect(void);
/* The same for an auth process that has said no key yet. */
void auth_join(void);
/* As auth: a new key for warrants. */
void auth_says_key(void);
#define MAILDROP_NUMBER 7
/* A door for an lmtp process; window: how much of what is said there waits (0: as much as usual). */
void lmtp_connect(struct ipc_channel *, uint32_t slot, int window);
/* A door for a login process; closes the one before. */
void login_connect(void);

#define LOGIN_SLOT 2

/* What auth does for a client that has logged in. */
void auth_opens(const char *user, uint64_t session);
/* What login does: hands a socket over, with what came behind the password. Closes its copy. */
void login_hands_over(uint64_t session, int client, bool pumped, const char *early);
/* The same on a pair that another session had; true: it was taken. */
bool login_hands_over_again(int pair, uint64_t session, const char *early);
/* Both. clear: on a socket of the client's own. */
struct talker log_in(const char *user, bool clear, uint64_t session, const char *early);

/*
 * A TCP connection on loopback, as login hands it over: [0] is the client's end, which takes so many
 * octets at once (0: as many as usual).
 */
void tcp_pair(int ends[2], int window);
/* Reading from it fails after a while; only in a test that has failed already. */
void patience(int socket);

/* As the client. */
void say(const struct talker *talker, const char *text);
/* As read(), whatever it is that the talker has; 0 behind PAIR_LAST. */
ssize_t talker_read(const struct talker *, char *text, size_t size);
/* Reads exactly what is expected. */
void hear(const struct talker *talker, const char *expected);
void hear_the_end(const struct talker *talker);
