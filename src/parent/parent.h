/*
 * The one context of restanted, and who does what with it. Only the event loop (loop.c) calls in;
 * nothing here waits, except for the check of a configuration before the loop begins.
 */
#pragma once

#include <poll.h>
#include <sys/types.h>

#include "base/log.h"
#include "config/config.h"
#include "ipc/channel.h"
#include "parent/listeners.h"

#define LOGINS_MAX    64	/* restante-login processes */
#define MAILDROPS_MAX 8192			/* restante-maildrop processes, running or remembered */
#define CTLS_MAX      8				/* restantectls served at the same time */
#define NEVER         UINT64_MAX		/* a moment that does not come */

#define PROBLEMS_SIZE 8192

#define START_MILLISECONDS 60000	/* until a child has to be READY */
#define CHECK_MILLISECONDS 30000	/* for restante-login --check */

enum child_state {
	CHILD_DOWN,		/* no process; one is started at retry_at if it is wanted */
	CHILD_STARTING,
	CHILD_READY,
	CHILD_STOPPING,		/* was told to stop; is not restarted unless it is wanted */
};

struct child {
	struct child *next;
	enum ipc_role role;
	enum child_state state;
	pid_t pid;
	struct ipc_channel control;
	uint64_t started_at, retry_at, kill_at;	/* clock_milliseconds() */
	uint64_t backoff_milliseconds;
	uint64_t restart_count;
	bool wanted;
	bool gone;		/* nothing more will come of it: freed at the end of the turn */
	uint32_t slot;		/* login, lmtp */
	uint32_t number;	/* maildrop: of this process, never used again */
	uint64_t joined_at;	/* when it last got a channel to auth, */
	uint64_t door_made_at;	/* and, login and lmtp, one to a maildrop process in the stead of a lost one */
	bool retired;		/* maildrop: auth has asked for another in its stead */
	uint32_t uid, gid;	/* maildrop */
	char *root;		/* maildrop */
	uint32_t asked[CTLS_MAX];	/* the ticket that it has not answered yet; 0: none */
};

/* A restantectl and what it waits for. */
struct ctl {
	struct ipc_channel channel;
	uint32_t ticket;	/* 0: nothing is being collected for it */
	uint32_t waiting_count;	/* children that have not answered */
	uint64_t number;	/* what the children counted, together */
	uint64_t deadline;
	bool reload;		/* waits for the outcome of a reload */
};

struct identity {
	uid_t uid;
	gid_t gid;
};

struct identities {
	struct identity login, auth, lmtp;
};

/* A configuration being tried: what was read, and restante-login --check at work on it. */
struct trial {
	struct config config;
	struct identities identities;
	int settings, keys;	/* memfds; keys -1: no certificates */
	pid_t pid;		/* 0: no trial is on */
	struct ipc_channel control;
	int output;		/* what the check prints; -1: closed */
	uint64_t kill_at;
	size_t printed_size;
	char printed[PROBLEMS_SIZE];
	bool again;		/* a reload was asked for meanwhile */
};

struct parent {
	const char *config_path;
	uint64_t started_at;
	bool root;
	int programs[IPC_ROLE_COUNT];	/* the binaries, opened at the start */
	int null;			/* /dev/null */
	struct config config;
	struct identities identities;
	int settings, keys;
	struct ipc_ticket_keys ticket_keys;
	uint64_t ticket_keys_due;
	struct listeners listeners;
	struct activated activated;
	uint32_t generation;
	struct child *children;
	size_t maildrop_count;
	uint32_t last_maildrop;		/* the number of the latest */
	struct trial trial;
	int control;			/* the socket for restantectl */
	struct ctl ctls[CTLS_MAX];
	uint32_t last_ticket;
	enum log_form log_form;		/* what children are told, and log_descriptor */
	int log_descriptor;		/* 2, or connected to syslogd */
	uint64_t log_mark;		/* of the socket syslogd listens on */
	uint64_t log_check_at;
	bool announced;			/* READY=1 was said */
	bool stopping;
	uint64_t stop_deadline;
};

/* programs.c: the binaries of the children. */
int programs_open(struct parent *, const char *directory, struct error *);
const char *program_name(enum ipc_role);

/* spawn.c: starts one. */
#define INDEX_PATH_SIZE (PATH_SIZE + 16)	/* index_directory and a uid */
struct spawn {
	enum ipc_role role;
	const char *argv[6];	/* NULL at the end; argv[0] is the program's name */
	char index[INDEX_PATH_SIZE];
	const struct identity *identity;	/* NULL: stay who we are */
	int output;		/* its stderr; -1: ours */
};
pid_t spawn(const struct parent *, const struct spawn *, int *control, struct error *);

/* identity.c: names of the configuration to uids. */
int identities_find(struct identities *, const struct config *, struct error *);
/* The gid of the name or number that a listener has. */
int group_find(const struct config_listener *, gid_t *, struct error *);
/* May a maildrop process of that uid and gid be started? NULL, or why not. self: our own uid. */
const char *uid_problem(const struct config *, uint32_t self, uint32_t uid, uint32_t gid);

/* backoff.c: how long to wait before the next start of what has died. */
uint64_t backoff_next(uint64_t last_milliseconds, uint64_t lived_milliseconds);

/* children.c: the list; starts, restarts, buries. */
struct child *child_add(struct parent *, enum ipc_role);
void child_start(struct parent *, struct child *);
void child_stop(struct parent *, struct child *, uint32_t grace_seconds);
/* As many restante-login as configured, one restante-auth, and a restante-lmtp if anybody speaks LMTP. */
void children_adjust(struct parent *);
void children_reap(struct parent *);
void children_sweep(struct parent *);
/* Does what is due now and returns when to come again. */
uint64_t children_due(struct parent *, uint64_t now);
/* The one of that role, auth or lmtp, that is to be there; NULL: none. */
struct child *child_find(struct parent *, enum ipc_role);
size_t login_count(const struct config *);

/* hello.c: what a child is told at its start, and all of them when it changes. */
void hello(struct parent *, struct child *);
void send_settings(struct parent *, struct child *);
void send_listeners(struct parent *, struct child *);
void send_log(struct parent *, struct child *);
/* channel_send(), and the child is given up if that fails. */
void tell(struct child *, enum ipc_type, const void *body, int descriptor);

/* ring.c: channels between children. */
/*
 * With auth and those of the other kind. -1: there is no channel to auth to be had. Without an auth process
 * 0: its start joins all.
 */
int ring_join(struct parent *, struct child *not_auth);
/* Its channel has ended although both processes live. */
void ring_join_again(struct parent *, struct child *login_or_lmtp);
/* The same for its channel to the maildrop process of that number, if there is one. */
void ring_door_again(struct parent *, struct child *login_or_lmtp, uint32_t number);
void ring_join_all(struct parent *);

/* hear.c: what children say. */
void child_hear(struct parent *, struct child *);

/*
 * indexes.c: the directory for the indexes of the child's uid, made if it can be; a failure is
 * logged. False: index_directory is not set. Blocks on that directory.
 */
bool indexes_make(const struct parent *, const struct child *, char path[INDEX_PATH_SIZE]);

/*
 * directories.c: a directory that belongs to the uid of one child. -1: it is not there, or not as it should be.
 * key: of the configuration, for an error; lent.
 */
int directory_give(int above, const char *name, const struct identity *owner, const char *key,
    struct error *);
/* spool.c: lmtp_spool_directory, made if it can be; a failure is logged. Blocks on that directory. */
void spool_make(const struct parent *);

/* maildrops.c: restante-maildrop on demand. */
void maildrop_wanted(struct parent *, const struct ipc_start *);
void maildrop_ready(struct parent *, struct child *);
/* auth is told that nothing came of it; the child stays to hold its back-off. */
void maildrop_failed(struct parent *, struct child *, const char *why);

/* keys.c: certificates and ticket keys. *memfd: for IPC_KEYS; -1 if there are no certificates. */
int keys_load(const struct config *, int *memfd, struct error *);
void ticket_keys_renew(struct parent *);

/* trial.c: is a configuration good? */
/* Reads, and starts the check; -1: problems[] says what is wrong. output: see struct spawn. */
int trial_begin(struct parent *, int output, char *problems, size_t size);
/* Frees what the trial holds and was not taken over. */
void trial_end(struct trial *);
/* The same from beginning to end, waiting: for the start and for -t. Exit status. */
int trial_run(struct parent *);
/* For -t: has restantectl look at the users file. Its exit status. */
int trial_users(const char *config_path, const char *programs);
void trial_hear(struct trial *);

/* reload.c */
void reload_begin(struct parent *);
void reload_decided(struct parent *, bool good);

/* control.c: the socket for restantectl. */
int run_directory_make(const struct parent *, struct error *);
int control_open(struct parent *, struct error *);
void control_close(struct parent *);
void control_accept(struct parent *);
void ctl_hear(struct parent *, struct ctl *);
void ctl_answer(struct ctl *, bool failed, uint64_t number, const char *text);

/* report.c: collects the answers of children. */
void report_begin(struct parent *, struct ctl *, enum ipc_type, const void *body);
void report_row(struct parent *, const struct child *, const struct ipc_row *);
void report_end(struct parent *, struct child *, const struct ipc_report_end *);
void report_child_gone(struct parent *, struct child *);
uint64_t report_due(struct parent *, uint64_t now);

/* logging.c: where the log goes. */
void logging_open(struct parent *, const struct config *);
uint64_t logging_due(struct parent *, uint64_t now);

/* systemd.c */
void notify_open(void);
void notify(const char *state);
void notify_reloading(void);
/* The service manager leaves us so long, and a little more, before it kills us. */
void notify_stopping(uint32_t grace_seconds);

/* stop.c */
void stop_begin(struct parent *);
bool stop_finished(struct parent *);
uint64_t stop_due(struct parent *, uint64_t now);

/* loop.c: until everything has stopped. Exit status. */
int loop_run(struct parent *);
