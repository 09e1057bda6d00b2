/* The first words with a server: login, and both lists of messages right behind it. */
#pragma once

#include "fetch/link.h"
#include "fetch/survey.h"

struct lists {
	struct survey survey;
	enum restante_result uidl, list; /* what became of the two commands */
	char text[512];                  /* what the server said where one was refused */
	bool is_logged_in;
};

/*
 * Connects, logs in and reads the lists, which costs no round trip more than the login and one. RESTANTE_OK:
 * the connection stands, whatever became of the commands. Else it is over: restante_client_error() says why.
 * The survey is the caller's to free in any case.
 */
enum restante_result lists_read(struct link *, struct lists *);
