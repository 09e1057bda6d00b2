/* What the files of the blocking face share. */
#pragma once

#include <stdint.h>

#include <restante/blocking.h>

struct restante_session {
	struct restante_client *client;
	int socket;			/* -1: none */
	bool is_connected;
	uint64_t octets_received, octets_sent;
	/* Of the last call that failed. */
	enum restante_result result;
	char error[1024];
	/* What restante_session_read() has not handed out yet, lent from the client's event. */
	const char *data;
	size_t data_size;
	unsigned long data_command;
	bool is_send_over;		/* the server takes no more octets */
};

/*
 * A connected socket that does not block, to the first address of the host that answers; each has
 * timeout_seconds. -1: *result and text say why.
 */
int connect_host(const char *host, const char *port, uint64_t timeout_seconds, enum restante_result *result,
    char *text, size_t text_size);
