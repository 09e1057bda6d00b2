/* Inside ipc: one sendmsg or recvmsg with descriptors, and nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* descriptor: -1 or one to attach. Never blocks, never raises SIGPIPE. As sendmsg(). */
ssize_t packet_send(int socket, struct iovec parts[], size_t part_count, int descriptor);
#define PACKET_DESCRIPTOR_LOST -2

/*
 * As recvmsg(), non-blocking; 0 is the end of the stream. *descriptor: the one that came along
 * (close-on-exec), -1, or LOST if this process has no room for one. *whole is false if the datagram
 * was longer than the parts, or if more than one descriptor came: those are closed.
 */
ssize_t packet_receive(int socket, struct iovec parts[], size_t part_count, int *descriptor,
    bool *whole);
