/*
 * One socket in the loop. A watch can be passed on with its socket, from a connection to the pump
 * that continues it: making a new one would cost libuv six system calls.
 */
#pragma once

#include <uv.h>

struct watch;

/* events: UV_READABLE, UV_WRITABLE, UV_DISCONNECT. The first two when the socket has failed: it tells how. */
typedef void watch_function(void *owner, int events);

/* Watches for nothing as yet. NULL: no memory, or the kernel has no room for it. */
struct watch *watch_new(uv_loop_t *, int socket, watch_function *, void *owner);
/* Costs nothing where it is watched for already. */
void watch_for(struct watch *, int events);
/* What it is watched for. */
int watch_events(const struct watch *);
void watch_pass(struct watch *, watch_function *, void *owner);
/* Before its socket is closed. Nobody is called any more. NULL is fine. */
void watch_end(struct watch *);
