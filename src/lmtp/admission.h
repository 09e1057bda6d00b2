/* Who of those that knock at the listening sockets is let in. */
#pragma once

#include "front/listener.h"

/* As struct listeners wants it. */
void admission_accepted(struct listener *, int socket, const struct sockaddr_storage *);
