/*
 * See mbox_learn.h. What was appended is read, once for all that came, with a session's lock and the
 * delivery locks. The gate (session_lock.h) is the directory of the mbox.
 */

#include "store/mbox_learn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/mbox_load.h"
#include "store/session_lock.h"

/* The gate is closed. */
static enum learning
list_renew(struct mbox *m)
{
	struct error error;

	if (mbox_load(m, &error) != 0)
		return error.kind == ERROR_BUSY ? LEARNING_LATER : LEARNING_LEFT;
	if (!m->news)
		return LEARNING_DONE;
	/* It is used to look for a message without the locks, and then its time is to prove something. */
	if (!m->list.stamp.file.settled)
		return LEARNING_LATER;
	return mbox_remember(m, &m->list) == 0 ? LEARNING_DONE : LEARNING_LEFT;
}

enum learning
mbox_learn(const char *path, int index_directory)
{
	struct mbox m = { .file = -1, .index_directory = index_directory, .learns = true };
	char directory[PLACE_SIZE];
	enum learning learning = LEARNING_LEFT;
	int gate;

	mbox_directory(directory, path);
	gate = gate_close(AT_FDCWD, directory);
	if (gate < 0)
		return errno == EWOULDBLOCK ? LEARNING_LATER : LEARNING_LEFT;
	m.path = strdup(path);
	if (m.path != NULL)
		learning = list_renew(&m);
	if (m.file >= 0)
		close(m.file);
	close(gate);
	mbox_list_free(&m.list);
	free(m.path);
	return learning;
}
