/* A connection to an account's server: options from the account, login, conversation for the transcript. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include <restante/restante.h>

#include "fetch/command.h"
#include "fetch/credentials.h"
#include "fetch/report.h"

/*
 * So many replies may be outstanding: a server whose answers take a tenth of a second to come is kept busy with
 * small messages, too. The library reads while it writes, so that neither side waits for the other.
 */
#define LINK_WINDOW 500

struct link {
	const struct account *account;
	struct report *report;
	struct restante_session *session; /* NULL: none */
	struct restante_client *client;   /* lent by it */
	pthread_mutex_t lock;             /* of what link_cut() looks at */
	int socket;                       /* -1: none */
	bool is_cut;
};

void link_init(struct link *, const struct account *, struct report *);
void link_destroy(struct link *);
/*
 * A session for the account; not connected yet. credentials NULL: without a login. What is asked of
 * link->client now leaves behind the login.
 */
int link_open(struct link *, const struct credentials *, struct error *);
/* Connects. What goes wrong is in the events, too: its end is RESTANTE_EVENT_END. */
enum restante_result link_connect(struct link *);
/* The library may have made another connection by itself: that one is cut from now on. */
void link_watch(struct link *);
void link_close(struct link *);
/* From another thread: whoever waits for the server sees its end. Also what is opened later is cut. */
void link_cut(struct link *);
