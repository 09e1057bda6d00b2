/* The headers of all messages on a server, looked at for what does not change with the server (match.h). */
#pragma once

#include "fetch/link.h"
#include "fetch/match.h"
#include "fetch/survey.h"

struct header_digests {
	uint8_t message_id[LOOK_DIGEST_SIZE], header[LOOK_DIGEST_SIZE];
};

/*
 * digests[] has a place for each message of the survey; those whose header was refused stay all 0. Pipelined.
 * RESTANTE_OK, and each header is certainly its message's; or why the connection ended.
 */
enum restante_result headers_look(struct link *, const struct survey *, struct header_digests digests[]);
/* False: all 0. */
bool header_is_known(const struct header_digests *);
