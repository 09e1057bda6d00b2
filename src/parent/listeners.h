/*
 * Listening sockets: one for each address. Those for POP3 are for all restante-login, who decide among
 * themselves who accepts (login/duty.h), those for LMTP for restante-lmtp. The parent keeps every socket open: a
 * process that dies loses no connection that waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/limits.h"
#include "config/config.h"

#define LISTENER_ADDRESSES_MAX (2 * CONFIG_LISTENERS_MAX)
#define ACTIVATED_MAX          64

struct address {
	struct sockaddr_storage socket;
	socklen_t size;
	bool any;		/* came from "*": may be left out on a host without its family */
};

struct listening {
	struct address address;
	char text[LISTENER_SIZE];
	uint32_t protocol, tls;
	bool activated;		/* systemd's: never closed */
	int socket;
};

struct listeners {
	size_t count;
	struct listening list[LISTENER_ADDRESSES_MAX];
};

struct activated {
	size_t count;
	struct {
		int socket;
		struct address address;
		bool dual;	/* IPv6, takes IPv4 too */
	} list[ACTIVATED_MAX];
};

/* addresses.c. The sockets a listener means: one, or two for "*" on TCP. Returns how many. */
size_t addresses_of(const struct config_listener *, struct address found[2]);
void address_text(const struct address *, char text[LISTENER_SIZE]);
bool address_equal(const struct address *, const struct address *);
/* Does a socket bound to have, which takes IPv4 too if dual, serve wanted? */
bool address_serves(const struct address *have, bool dual, const struct address *wanted);

/*
 * sockets.c. A listening Unix socket at the path of the address, with mode and group of the listener, in the place
 * of one that nobody listens on any more. -1: *error says why.
 */
int socket_listen(const struct address *, const struct config_listener *, struct error *);
/* Mode and group of one that exists. */
int socket_adjust(const struct address *, const struct config_listener *, struct error *);
void socket_remove(const struct address *);
bool address_is_path(const struct address *);

/* activation.c. Takes the sockets over that LISTEN_FDS tells of; the variables are removed. */
int activated_take(struct activated *, struct error *);

/*
 * Makes *next for the configuration: what now has of it is taken along, the rest is bound. On
 * failure everything is as before. Until listeners_commit() or listeners_abandon() both share
 * sockets.
 */
int listeners_prepare(struct listeners *next, const struct listeners *now, const struct config *,
    const struct activated *, struct error *);
/* *now becomes *next; what is no longer used is closed. */
void listeners_commit(struct listeners *now, const struct listeners *next);
/* At the end: Unix sockets leave their paths behind otherwise. */
void listeners_remove(const struct listeners *);
