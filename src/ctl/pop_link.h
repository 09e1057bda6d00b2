/*
 * A connection to another POP3 server. TLS is the program `openssl s_client`'s, so that restantectl
 * links no library for it; its certificate must be good for the host.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum pop_tls { POP_TLS_NONE, POP_TLS_STLS, POP_TLS_IMPLICIT };

struct pop_server {
	const char *host, *port;
	const char *ca_file;	/* NULL: the host's */
	enum pop_tls tls;
	bool loopback_only;	/* without TLS: to no address but this host's own */
};

struct pop_link {
	int descriptor;
	pid_t openssl;		/* 0: none */
	bool greeted;		/* s_client has read the greeting itself */
	bool heard;		/* something has come from the server */
	uint64_t deadline_milliseconds;
};

int pop_link_open(struct pop_link *, const struct pop_server *, struct error *);
/* All of it, or -1. */
int pop_link_send(struct pop_link *, const char *text, size_t size, struct error *);
/* For a pop_reader: context is the link. */
ssize_t pop_link_fill(void *context, char *buffer, size_t size, struct error *);
void pop_link_close(struct pop_link *);
/*
 * Are all addresses of this host its own? The next question may be answered differently: who relies
 * on it sets loopback_only.
 */
bool pop_host_is_loopback(const char *host);
