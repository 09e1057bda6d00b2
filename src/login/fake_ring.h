/*
 * For tests only: everything around a real restante-login. The test plays the parent, auth, the
 * maildrop and the clients, all in one thread: whoever waits for something serves the others
 * meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/config.h"
#include "ipc/channel.h"
#include "ipc/pair.h"
#include "tls/fake_client.h"

#define FAKE_MAILDROPS_MAX 8
#define PATIENCE_MILLISECONDS 60000	/* a test that hangs so long has failed */

/* What it says with the settings of ring_config(). */
#define READY   "+OK ready\r\n"
#define CAPA_HEAD "+OK capability list follows\r\nTOP\r\nUIDL\r\n"
#define CAPA_TAIL \
	"RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\nIMPLEMENTATION test\r\n.\r\n"

enum fake_port { PORT_PLAIN, PORT_STLS, PORT_TLS, PORT_COUNT };

/* One session of the fake maildrop. */
struct fake_maildrop {
	int stream;		/* the pair to login, which pumps; -1: there is none */
	bool parked;		/* the pair waits for another session */
	bool clear;		/* the last one here was in clear text */
	struct ipc_handover handover;
	char early[EARLY_SIZE + 1];
	size_t early_size;
};

struct fake_ring {
	pid_t pid;
	int log;		/* a file with all that it logged */
	int listeners[PORT_COUNT];
	uint16_t ports[PORT_COUNT];
	struct ipc_channel parent, auth, door;	/* the last leads to the maildrop process */
	uint32_t door_number;
	struct ipc_early early;	/* of the next handover */
	struct config config;
	struct fake_maildrop maildrops[FAKE_MAILDROPS_MAX];
	bool idle_maildrops;	/* do not read or answer by themselves */
	bool parting;		/* maildrops end with PAIR_LAST and keep the pair; else they close it */
	bool keep_tickets;	/* clients come back with the ticket of the one before */
	void *ticket;
	int tls_version_max;	/* of clients; 0: as it comes */
	bool narrow;		/* clients have next to no room for what they do not read */
	/* What auth was asked last, and how often. */
	struct ipc_check check;
	struct ipc_sasl_start sasl_start;
	int checks, forgets;
	uint64_t asking;	/* the session of "silent", who gets no answer */
	/* What the parent was told last. */
	int ready, channels_lost, doors_lost;
	struct ipc_row rows[4];
	int row_count;
	bool report_ended;
	struct ipc_report_end report_end;
	int exit_status;	/* after ring_wait() */
};

struct fake_certificates {
	struct fake_certificate ec, rsa;
};

extern const char *fake_login_program;
extern struct fake_certificates fake_certificates;

/* For cmocka: makes them. */
int fake_certificates_make(void **state);

/* The defaults, and what suits tests: passwords allowed everywhere, no delays, short limits. */
void ring_config(struct config *);
/* certificates NULL: without TLS. */
void ring_start(struct fake_ring *, const struct config *, const struct fake_certificates *);
/* --check of these pairs; sets exit_status, and the log stays open. */
void ring_check(struct fake_ring *, const struct config *,
    const struct fake_certificate *const pairs[], size_t count);
/* Holds the program still, so that much arrives at once; and lets it go on. */
void ring_hold(struct fake_ring *);
void ring_go_on(struct fake_ring *);
/* SIGKILL is not needed: tells it to stop and fails unless it ends well. */
void ring_stop(struct fake_ring *);
/* Waits for its end; sets exit_status. */
void ring_wait(struct fake_ring *);
/* Serves whoever has something to say, for at most so many milliseconds. False: nobody had. */
bool ring_serve(struct fake_ring *, int milliseconds);
/* The same, and looks at one more descriptor. */
bool ring_serve_with(struct fake_ring *, int milliseconds, int also, short events);
/* Fails with what the program logged, because that mostly says why. */
void ring_give_up(struct fake_ring *, const char *what);
void ring_send_settings(struct fake_ring *, const struct config *);
void ring_send_keys(struct fake_ring *, const struct fake_certificate *const pairs[], size_t count);
void ring_send_listeners(struct fake_ring *, uint32_t generation);
/* What a maildrop says of its session; false: the pair is full. */
bool maildrop_says(const struct fake_maildrop *, enum pair_type, const void *data, size_t size);
/* What login says of it; -1 and errno as pair_receive(). */
ssize_t maildrop_hears(const struct fake_maildrop *, void *data, size_t size);
/* Until login has said something to it. */
void maildrop_await(struct fake_ring *, const struct fake_maildrop *);
void maildrop_closes(struct fake_maildrop *);
/* Returns when the program has heard all that it was sent before. */
void ring_sync(struct fake_ring *);
/* A new channel between login and the fake auth, which forgets what it was asked. */
void ring_new_auth(struct fake_ring *);
void ring_auth_dies(struct fake_ring *);
/* A maildrop process of that number, instead of the one before. */
void ring_new_door(struct fake_ring *, uint32_t number);
void ring_door_closes(struct fake_ring *);
/* Waits for it: lines are written when there is nothing else to do, and that may be behind what a client sees. */
bool ring_logged(struct fake_ring *, const char *text);
/* Is it there at present? */
bool ring_has_logged(struct fake_ring *, const char *text);

/* Grants that session. */
void fake_auth_grant(struct fake_ring *, uint64_t session, const char *user, const char *method);
/* A message for auth. */
void fake_auth_hear(struct fake_ring *, struct ipc_message *);

struct fake_user;

/* Connects; for PORT_TLS the handshake is done too. NULL: the handshake failed. */
struct fake_user *user_connect(struct fake_ring *, enum fake_port);
/* Without waiting for the greeting or a handshake. NULL: nobody listens there. */
struct fake_user *user_connect_raw(struct fake_ring *, enum fake_port);
/* Connects and opens anna's maildrop. */
struct fake_user *user_logs_in(struct fake_ring *, enum fake_port);
/* False if the server does not play along. */
bool user_starts_tls(struct fake_user *);
void user_says(struct fake_user *, const char *text, size_t size);
/*
 * Reads until size octets have come, or the end, and ends the text with NUL. Returns the octets.
 * Fails the test when nothing happens for long.
 */
size_t user_hears(struct fake_user *, char *text, size_t size);
/* Fails the test unless exactly this comes. */
void user_expects(struct fake_user *, const char *text);
/* Fails the test unless the stream ends here: not by a reset, and with TLS by a goodbye. */
void user_expects_end(struct fake_user *);
void user_leaves(struct fake_user *);
int user_socket(const struct fake_user *);
/* Did its ticket still do? */
bool user_resumed(const struct fake_user *);
