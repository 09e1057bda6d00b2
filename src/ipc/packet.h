/* Inside ipc: one sendmsg or recvmsg with descriptors, and nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* descriptor: -1 or one to attach. Never blocks, never raises SIGPIPE. As sendmsg(). */
ssize_t packet_send(int socket, struct iovec parts[], size_t part_count, int descriptor);
/*
 * As recvmsg(), non-blocking; 0 is the end of the stream. *descriptor: the one that came along
 * (close-on-exec) or -1. *whole is false if the datagram was longer than the parts, or if
 * more than one descriptor came: those are closed.
 */
ssize_t packet_receive(int socket, struct iovec parts[], size_t part_count, int *descriptor,
    bool *whole);
