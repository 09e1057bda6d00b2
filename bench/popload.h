/*
 * What the files of the load generator share: the options, the byte stream (a socket, perhaps with
 * TLS over it) and the talk (what is said on it and what must be answered).
 */
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum load_mode { LOAD_POLL, LOAD_STAT, LOAD_DOWNLOAD, LOAD_HOLD, LOAD_MODE_COUNT };
enum load_tls { LOAD_CLEAR, LOAD_STLS, LOAD_IMPLICIT, LOAD_TLS_COUNT };

struct options {
	enum load_mode mode;
	enum load_tls tls;
	const char *address;
	unsigned port;
	const char *user_pattern;	/* "user%d": %d stands for the number */
	unsigned first_user, last_user;
	const char *password;
	unsigned concurrency;
	uint64_t count;			/* operations; 0: as many as fit into seconds */
	double seconds;			/* LOAD_HOLD: how long to hold, 0 until a signal */
	double rate;			/* operations begun per second; 0: as fast as they end */
	unsigned pipeline;		/* RETR commands on their way at once */
	unsigned threads;
	unsigned timeout_seconds;	/* an operation that takes longer is an error */
	long expected_messages;		/* that every maildrop must have; -1: any number */
	bool resume;			/* TLS sessions are used again */
	bool tls12;			/* TLS 1.2 at most */
	bool hold_before_login;
};

struct stream {
	int fd;
	SSL *ssl;
	SSL_SESSION *session;		/* kept over connections, for --resume */
	bool resumed;
};

enum { STREAM_BLOCKED = -1, STREAM_FAILED = -2 };

/* One for the program; NULL when OpenSSL refuses. */
SSL_CTX *stream_context(const struct options *);
/* Begins to connect; returns -1 with errno. The stream must be zeroed before its first use. */
int stream_open(struct stream *, const struct sockaddr_in *);
int stream_start_tls(struct stream *, SSL_CTX *);
/* Octets, 0 at the end of the stream, STREAM_BLOCKED, or STREAM_FAILED with a text. */
ssize_t stream_read(struct stream *, void *buffer, size_t size, char problem[static 256]);
ssize_t stream_write(struct stream *, const void *data, size_t size, char problem[static 256]);
void stream_close(struct stream *);
void stream_forget(struct stream *);

enum talk_step {
	STEP_GREETING,
	STEP_STLS,
	STEP_USER,
	STEP_PASS,
	STEP_STAT,
	STEP_UIDL,
	STEP_LIST,
	STEP_RETR,
	STEP_QUIT,
	STEP_END,
};

extern const char *const step_names[];

enum talk_result {
	TALK_MORE,	/* the answer is not complete */
	TALK_START_TLS,	/* STLS was granted: nothing more in clear text */
	TALK_DONE,	/* all was said and answered as it should be */
	TALK_WRONG,	/* problem says what was wrong */
};

/* Where we are in the text of a message. */
enum body_place { BODY_LINE_START, BODY_AFTER_DOT, BODY_AFTER_DOT_CR, BODY_IN_LINE };

struct talk {
	const struct options *options;
	enum talk_step step;
	const enum talk_step *plan;	/* what comes after the greeting and STLS */
	bool in_reply;			/* the status line was read, the rest is not complete */
	bool counted;			/* STAT was answered */
	char user[128];
	char out[4096];
	size_t out_size, out_sent;
	char line[1024];		/* a line that came in pieces */
	size_t line_size;
	uint64_t message_count;		/* as STAT or LIST said */
	uint64_t listed;
	uint64_t *sizes;		/* by LIST; kept for the next talk */
	size_t sizes_max;
	uint64_t retrieved, asked;
	enum body_place place;
	char previous;
	uint64_t body_size;
	uint64_t octets, message_octets, messages;	/* received, over all talks */
	char problem[256];
};

/* Starts over; counters stay. */
void talk_begin(struct talk *, const struct options *, unsigned user);
enum talk_result talk_feed(struct talk *, const char *data, size_t size);
