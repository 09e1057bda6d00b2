/*
 * The lock of a session, and the gate before it.
 *
 * The lock is flock(2) on the Maildir or the mbox: one session has it, and another hears at once that it
 * is taken. Whoever learns (store_learn()) takes it as well, for a moment of which no client is to hear.
 * So he closes the gate first, a lock on a directory: a session that finds its lock taken waits until
 * the gate is open, and then it either gets the lock or knows that another session has it.
 *
 * Nothing is left behind, and the kernel frees both locks when their holder dies.
 */
#pragma once

/* For sessions, and whatever is to look like one. -1 and errno; EWOULDBLOCK: another has the lock. */
int session_lock(int file, int at, const char *gate);
/*
 * Closes the gate, and returns a descriptor that does so until it is closed. The session's lock is to be
 * taken behind it, without waiting. -1 and errno; EWOULDBLOCK: it is closed, or kept open.
 */
int gate_close(int at, const char *gate);
/*
 * Nobody closes the gate for as long as the descriptor is open. Waits for whoever has closed it; where
 * that takes too long, or there is no such directory, -1.
 */
int gate_keep_open(int at, const char *gate);
