/*
 * lmtp as the tests of the real restante-maildrop play it: a door, messages with warrants, answers; and what
 * became of the mail. The others of the ring are in fake_ring.h.
 */
#pragma once

#include "maildrop/fake_ring.h"

#define HELLO   "+OK 2 messages (6 octets)\r\n"
#define GOODBYE "+OK goodbye (2 messages left)\r\n"
#define HEAD    "Delivered-To: anna@example.org\r\n"
#define TEXT    "Subject: x\r\n\r\ntext\r\n"
#define STORED  "Delivered-To: anna@example.org\nSubject: x\n\ntext\n"

extern struct ipc_channel lmtp;		/* the other end of the door */

/* Around each test: as setup() and teardown(), with a door and a log. */
int lmtp_setup(void **state);
int lmtp_teardown(void **state);
/* With other settings; undone by lmtp_teardown(). */
void lmtp_setup_again(void);

/* A message in memory; a place of that user; what is handed over, with HEAD and from bert. */
int message_of(const char *text, size_t size);
struct ipc_warrant warrant_for(const char *scheme, const char *user);
struct ipc_deliver deliver_of(const struct ipc_warrant *warrant, uint64_t number, const char *folder);
/* Waits while the channel is full. */
void send_to(struct ipc_channel *channel, const struct ipc_deliver *deliver, int message);
/* The same with the message in it. */
void send_text(const struct ipc_deliver *deliver, const char *text, size_t size);
/* Sealed as it is; the message of TEXT. */
void send_warrant(uint64_t number, struct ipc_warrant warrant, const char *folder);

/* False: the channel's other end has gone. */
bool answer_comes(struct ipc_channel *channel, struct ipc_delivered *answer);
struct ipc_delivered answer_from(struct ipc_channel *channel);
void expect(uint64_t number, enum error_kind kind);
/* The channel's other end has gone. */
void expect_the_end(struct ipc_channel *channel);

/* Has the process logged it so far? */
bool log_has(const char *text);
/* What became of a message is logged behind the answer. */
void await_log(const char *text);
/* How many files are there; what is there last, and its size. 0 if there is no such directory. */
size_t files_in(const char *directory, char last[PLACE_SIZE], off_t *size);
/* What was delivered; "1.a" and "2.b" were there before. */
size_t mail_of(const char *user);
/* How many messages are in the mbox of the user box. */
size_t box_count(void);
/* Of the process. */
size_t descriptor_count(void);
/* A session for bert from its begin to its end. */
void bert_is_served(void);
