/*
 * Everything that one process may say to another.
 *
 * A message is one datagram on a SOCK_SEQPACKET socket: its type, then exactly the struct of that
 * type. No pointers, no lengths to believe. ipc_receive() refuses a wrong size, an unterminated
 * string, a missing or stray descriptor, and a type that its sender has no business to send; see
 * ipc_rules[]. Structs are zeroed before they are filled (no stack octets leave a process); those
 * that carried a secret are wiped by both sides as soon as it was used.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

enum ipc_role { IPC_PARENT, IPC_LOGIN, IPC_AUTH, IPC_MAILDROP, IPC_LMTP, IPC_CTL, IPC_ROLE_COUNT };

enum ipc_type {
	/* parent to its children. A child starts with nothing but its control channel. */
	IPC_SETTINGS = 1,	/* + memfd holding a struct config; in force at once */
	IPC_KEYS,		/* + memfd holding certificates and keys, see struct ipc_keys */
	IPC_TICKET_KEYS,	/* keys for TLS session tickets; the same in every login process */
	IPC_LISTENER,		/* + listening socket; part of generation n */
	IPC_ACCEPT,		/* from now on accept on the sockets of generation n and no others */
	IPC_CHANNEL,		/* + socket to the process of that role; replaces an earlier one to it */
	IPC_LOG,		/* + descriptor to write log lines to from now on */
	IPC_STOP,		/* finish what runs, then exit */
	IPC_REPORT,		/* send ROW for each thing of that kind, then REPORT_END */
	IPC_KICK,		/* end that session, or all of that user, without UPDATE */
	IPC_STARTED,		/* to auth: + channel to a new maildrop process */
	IPC_NOT_STARTED,	/* to auth: there is none, and why */

	/* children to parent */
	IPC_READY,		/* locked in, settings understood, at work */
	IPC_START,		/* auth: the maildrop process of this uid is wanted */
	IPC_ROW,		/* one line of a report */
	IPC_REPORT_END,		/* that was all; number: how many, or how many were kicked */
	IPC_CHANNEL_LOST,	/* login, lmtp: that channel has ended, or never came: a new pair */

	/* One login goes once round: login -> auth -> maildrop, auth -> login -> maildrop. */
	IPC_CHECK,		/* login to auth: does this password open this maildrop? */
	IPC_SASL_START,		/* login to auth: AUTH mechanism [initial response] */
	IPC_SASL_STEP,		/* login to auth: the client's next response */
	IPC_SASL_CHALLENGE,	/* auth to login: the server's next challenge */
	IPC_FORGET,		/* login to auth: the client of that session has gone */
	IPC_REFUSED,		/* auth to login: no, and this is what may be said about it */
	IPC_OPEN,		/* auth to maildrop: that session will come from login; serve it this */
	IPC_GRANTED,		/* auth to login: that maildrop process has been told */
	IPC_EARLY,		/* login to maildrop: what the client said behind its password */
	IPC_HANDOVER,		/* login to maildrop: + the client's socket, or one that is pumped */

	/* One delivery: lmtp asks auth who that is, and hands the message to the maildrop process. */
	IPC_WARRANT_KEY,	/* auth to maildrop: what warrants are sealed with, from now on */
	IPC_RECIPIENT,		/* lmtp to auth: has this address a maildrop here? */
	IPC_RECIPIENT_FOUND,	/* auth to lmtp: yes, and a warrant for it */
	IPC_RECIPIENT_REFUSED,	/* auth to lmtp: no, and why */
	IPC_DELIVER,		/* lmtp to maildrop: + the message, to be read from its start */
	IPC_DELIVER_TEXT,	/* the same with the message in it, where that is short */
	IPC_DELIVERED,		/* maildrop to lmtp: it is on the disk, or why it is not */

	/* restantectl and parent, on the control socket */
	IPC_CTL_RELOAD,		/* answered by CTL_RESULT */
	IPC_CTL_REPORT,		/* answered by CTL_ROWs and CTL_RESULT */
	IPC_CTL_KICK,		/* answered by CTL_RESULT */
	IPC_CTL_ROW,
	IPC_CTL_RESULT,
	IPC_TYPE_COUNT
};

struct ipc_empty {
	uint8_t none;
};

/*
 * What the memfd of IPC_KEYS starts with. The PEM text of each certificate follows: chain, then
 * key, in the order of the rows. The sizes come from the parent, which made the memfd.
 */
struct ipc_keys_header {
	uint32_t count;
	struct {
		uint32_t chain_size, key_size;
		char name[PATH_SIZE];	/* the path of the chain, for messages */
	} pairs[16];
};

/* Tickets are sealed with the first; the others still open older ones (RFC 5077, section 4). */
struct ipc_ticket_keys {
	struct {
		uint8_t name[16], cipher_key[32], mac_key[32];
	} keys[3];
	uint32_t count;
};

struct ipc_listener {
	uint32_t generation;
	uint32_t protocol;	/* enum config_protocol */
	uint32_t tls;		/* enum config_tls_mode */
	char address[LISTENER_SIZE];
};

struct ipc_accept {
	uint32_t generation;
	uint32_t slot;		/* which of the processes that have these sockets; 0: the first */
};

/*
 * Between auth and each of login, lmtp and maildrop, and between maildrop and each of login and lmtp;
 * made by the parent, of whom each pair of processes has one.
 */
struct ipc_channel_for {
	uint32_t role;		/* enum ipc_role: who is at the other end */
	uint32_t slot;		/* which of them: a login's or lmtp's slot, or a maildrop process's number */
};

struct ipc_log {
	uint32_t form;		/* enum log_form */
};

struct ipc_stop {
	uint32_t grace_seconds;
};

enum ipc_report_kind { IPC_REPORT_COUNTS, IPC_REPORT_SESSIONS };

struct ipc_report {
	uint32_t ticket;	/* chosen by parent; in every answer */
	uint32_t kind;		/* enum ipc_report_kind */
};

struct ipc_kick {
	uint32_t ticket;
	uint64_t session;	/* 0: all sessions of the user */
	char user[USER_SIZE];
};

/* A count ("sessions", 12), or a session (user, peer, since when, what it did). */
struct ipc_row {
	uint32_t ticket;
	uint64_t session;
	uint64_t number;	/* the count; or the session's age in seconds */
	uint64_t retrieved, deleted, octets_out;
	char name[USER_SIZE];	/* what is counted; or the user */
	char peer[PEER_SIZE];
};

struct ipc_report_end {
	uint32_t ticket;
	uint64_t number;
};

struct ipc_start {
	uint32_t uid, gid;
	char root[PLACE_SIZE];	/* the directory below which all its maildrops lie */
};

struct ipc_started {
	uint32_t number;	/* never used again; login knows the process by it */
	uint32_t uid, gid;
	char root[PLACE_SIZE];
};

struct ipc_not_started {
	uint32_t uid, gid;
	char root[PLACE_SIZE];
	enum error_kind kind;
	char text[128];
};

/* Who is asking, as login sees it. */
struct ipc_client {
	char peer[PEER_SIZE];	/* address and port of the client: for the log and the delay */
	bool tls;		/* the connection is protected */
	bool loopback;		/* the client is on this host */
};

enum ipc_check_method { IPC_CHECK_PASS, IPC_CHECK_APOP };

struct ipc_check {
	uint64_t session;	/* chosen by login; in every answer, in every log line */
	uint32_t method;	/* enum ipc_check_method */
	struct ipc_client client;
	char user[USER_SIZE];
	char password[PASSWORD_SIZE];	/* or APOP's digest */
	char timestamp[TEXT_SIZE];	/* APOP: from the greeting, with its angle brackets */
};

#define IPC_SASL_SIZE 4096	/* the longest SASL message, decoded */

struct ipc_sasl_start {
	uint64_t session;
	struct ipc_client client;
	char mechanism[32];
	bool initial;		/* an initial response came along (it may be empty) */
	uint32_t size;		/* at most IPC_SASL_SIZE, checked by ipc_receive() */
	uint8_t data[IPC_SASL_SIZE];
};

struct ipc_sasl_data {		/* SASL_STEP and SASL_CHALLENGE */
	uint64_t session;
	uint32_t size;
	uint8_t data[IPC_SASL_SIZE];
};

struct ipc_forget {
	uint64_t session;
};

struct ipc_refused {
	uint64_t session;
	enum error_kind kind;	/* DENIED, TEMPORARY, PERMANENT, PROTOCOL (a broken SASL message) */
};

struct ipc_open {
	uint64_t session;
	uint32_t slot;		/* of the login process that may hand it over; no other may */
	char user[USER_SIZE];
	char peer[PEER_SIZE];
	char place[PLACE_SIZE];	/* "maildir:/home/anna/Maildir" */
};

struct ipc_granted {
	uint64_t session;
	uint32_t maildrop;	/* the number of the process */
	char user[USER_SIZE];	/* as auth knows it; for the log */
	char method[32];	/* "PASS", "APOP", "PLAIN" */
};

#define EARLY_SIZE 4096		/* at most this much comes behind the password before the handover */

/* Directly before the HANDOVER of the same session. */
struct ipc_early {
	uint64_t session;
	uint32_t size;
	uint8_t data[EARLY_SIZE];
};

struct ipc_handover {
	uint64_t session;
	bool pumped;		/* the socket leads to login, which speaks TLS with the client */
	bool stls, user;	/* what CAPA announced in AUTHORIZATION and goes on announcing */
	char sasl[TEXT_SIZE];
};

struct ipc_warrant_key {
	uint8_t key[32];
	uint32_t maildrop;	/* the number of the process that it is for: of no other are warrants good there */
};

/*
 * auth's word that mail for that place may be written by that maildrop process. lmtp carries it there
 * and cannot make one, nor change one; see ipc/warrant.h.
 */
struct ipc_warrant {
	char user[USER_SIZE];		/* as auth knows it; for the log */
	char place[PLACE_SIZE];
	uint64_t octets_max, messages_max;	/* the user's quota; 0: no limit */
	uint32_t maildrop;		/* the number of the process */
	uint8_t seal[32];
};

struct ipc_recipient {
	uint64_t delivery;		/* chosen by lmtp, never used again; in every answer */
	uint64_t session;		/* of lmtp, for the log */
	/* The address with its extension, and its local part: there may be a user of that name. "": nobody. */
	char extended[USER_SIZE], extended_otherwise[USER_SIZE];
	char user[USER_SIZE];		/* who is looked for else: the address without its extension */
	char otherwise[USER_SIZE];	/* and if there is none, this one; "": nobody */
	uint32_t gone;			/* a maildrop process that does not deliver (any more); 0: none */
};

struct ipc_recipient_found {
	uint64_t delivery;
	struct ipc_warrant warrant;
};

struct ipc_recipient_refused {
	uint64_t delivery;
	/* GONE: nobody is called so; DENIED: may get no mail; TEMPORARY; PERMANENT */
	enum error_kind kind;
};

#define TRACE_SIZE 2048		/* Return-Path, Delivered-To and Received of one message */

struct ipc_deliver {
	uint64_t delivery, session;
	struct ipc_warrant warrant;
	char sender[USER_SIZE];		/* the reverse-path, without angle brackets; "": none */
	char folder[TEXT_SIZE];		/* the detail of the address: that folder, if there is one */
	uint32_t head_size;		/* at most TRACE_SIZE, checked by ipc_receive() */
	uint8_t head[TRACE_SIZE];	/* lines to put before the message; LF or CRLF, as in that */
};

#define DELIVER_TEXT_SIZE 12288	/* a message up to that may go without a file */

struct ipc_deliver_text {
	struct ipc_deliver deliver;
	uint32_t size;			/* at most DELIVER_TEXT_SIZE, checked by ipc_receive() */
	uint8_t text[DELIVER_TEXT_SIZE];
};

struct ipc_delivered {
	uint64_t delivery;
	/*
	 * NONE: done. TEMPORARY, PERMANENT, FULL; DENIED: the warrant is not good (any more), ask auth for
	 * another; GONE: this process ends, ask auth for another process. Nothing is left behind then.
	 */
	enum error_kind kind;
	char text[TEXT_SIZE];		/* for the log */
};

struct ipc_ctl_reload {
	uint8_t none;
};

struct ipc_ctl_report {
	uint32_t kind;
};

struct ipc_ctl_kick {
	uint64_t session;
	char user[USER_SIZE];
};

struct ipc_ctl_row {
	char process[32];	/* "restante-maildrop" */
	int32_t pid;
	struct ipc_row row;
};

struct ipc_ctl_result {
	uint32_t failed;
	uint64_t number;
	char text[512];
};

/* Any message, as ipc_receive() hands it out. */
union ipc_body {
	struct ipc_ticket_keys ticket_keys;
	struct ipc_listener listener;
	struct ipc_accept accept;
	struct ipc_channel_for channel;
	struct ipc_log log;
	struct ipc_stop stop;
	struct ipc_report report;
	struct ipc_kick kick;
	struct ipc_row row;
	struct ipc_report_end report_end;
	struct ipc_start start;
	struct ipc_started started;
	struct ipc_not_started not_started;
	struct ipc_check check;
	struct ipc_sasl_start sasl_start;
	struct ipc_sasl_data sasl_data;
	struct ipc_forget forget;
	struct ipc_refused refused;
	struct ipc_open open;
	struct ipc_granted granted;
	struct ipc_early early;
	struct ipc_handover handover;
	struct ipc_warrant_key warrant_key;
	struct ipc_recipient recipient;
	struct ipc_recipient_found recipient_found;
	struct ipc_recipient_refused recipient_refused;
	struct ipc_deliver deliver;
	struct ipc_deliver_text deliver_text;	/* begins as deliver */
	struct ipc_delivered delivered;
	struct ipc_ctl_report ctl_report;
	struct ipc_ctl_kick ctl_kick;
	struct ipc_ctl_row ctl_row;
	struct ipc_ctl_result ctl_result;
};

/* Offsets of the strings of a message that must be NUL-terminated; ended by size 0. */
struct ipc_string {
	uint16_t offset, size;
};

/* A bool (size 1), or an enum or a count (size 4), that must be below limit; ended by size 0. */
struct ipc_range {
	uint16_t offset, size;
	uint32_t limit;
};

struct ipc_rule {
	enum ipc_type type;
	uint32_t from, to;	/* sets of roles: 1u << IPC_PARENT | ... */
	size_t size;		/* 0: the type is all there is */
	bool descriptor;
	struct ipc_string strings[5];
	struct ipc_range ranges[4];
};

extern const struct ipc_rule ipc_rules[IPC_TYPE_COUNT];
