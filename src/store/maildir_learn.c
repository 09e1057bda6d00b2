/*
 * See maildir_learn.h. What a delivery knows of its message cannot simply be added to the index: what the
 * directory looked like before and looks like behind it does not tell whether another program put
 * something there as well. So new/ is read, once for all that came, when its last change is old enough
 * for its time to prove something.
 */

#include "store/maildir_learn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/index.h"
#include "store/maildir.h"
#include "store/maildir_list.h"
#include "store/maildir_scan.h"
#include "store/session_lock.h"

static bool
is_settled(const struct index_stamp stamps[2])
{
	return stamps[MAILDIR_NEW].settled && stamps[MAILDIR_CUR].settled;
}

/* Two names of one file do not settle by waiting (maildir_scan.c). */
static enum learning
unsettled(int maildir)
{
	struct index_stamp stamps[2];

	maildir_stamps(maildir, stamps);
	return is_settled(stamps) ? LEARNING_LEFT : LEARNING_LATER;
}

/* The session's lock is held. */
static enum learning
index_renew(int maildir, const char *path, int index_directory)
{
	uint8_t maildrop[INDEX_MAILDROP_SIZE] = { 0 };
	struct index_place place;
	struct index_list list;
	struct error error;
	enum learning learning = LEARNING_DONE;
	int result;

	if (index_directory >= 0)
		index_maildrop_digest(maildrop, maildir_ops.scheme, path);
	maildir_index_locate(&place, maildir, index_directory, maildrop);
	result = maildir_list_learn(maildir, &place, STORE_LEARN_COUNT_MAX, &list);
	if (result <= 0)
		return result == 0 ? LEARNING_DONE : LEARNING_LEFT;
	if (!is_settled(list.stamps)) {
		learning = unsettled(maildir);
	} else if (index_write(&list, NULL, &place, &error) != 0) {
		index_tell_not_written(&error);
		learning = LEARNING_LEFT;
	}
	index_free(&list);
	return learning;
}

static enum learning
learn_locked(int maildir, const char *path, int index_directory)
{
	int gate = gate_close(maildir, MAILDIR_GATE);
	enum learning learning;

	if (gate < 0)
		return errno == EWOULDBLOCK ? LEARNING_LATER : LEARNING_LEFT;
	if (flock(maildir, LOCK_EX | LOCK_NB) == 0)
		learning = index_renew(maildir, path, index_directory);
	else
		learning = errno == EWOULDBLOCK ? LEARNING_LATER : LEARNING_LEFT;
	/* Whoever waits for the gate is to find the lock free. */
	flock(maildir, LOCK_UN);
	close(gate);
	return learning;
}

enum learning
maildir_learn(const char *path, int index_directory)
{
	int maildir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct index_stamp stamps[2];
	enum learning learning = LEARNING_LATER;

	if (maildir < 0)
		return LEARNING_LEFT;
	maildir_stamps(maildir, stamps);
	if (is_settled(stamps))
		learning = learn_locked(maildir, path, index_directory);
	close(maildir);
	return learning;
}
