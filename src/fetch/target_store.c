/*
 * The exact targets: a Maildir and an mbox, by way of store/append.h, and what can be found out of them
 * after a crash.
 *
 * The mark of a message in a Maildir is the boot in which it was written, its tmp/ and the name of its file.
 * On the same boot a name that is gone from tmp/ has been moved, even if its owner has moved or deleted the
 * message since: tmp/ was synced with the name in it before the mark was journalled. That holds for as long
 * as nobody cleans tmp/ of old files (36 hours is the custom) and for the same tmp/. On another boot only a
 * file that is found has arrived.
 *
 * The mark of one in an mbox is the digest of its text and how large the mbox was.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/limits.h"
#include "base/number.h"
#include "fetch/target_inside.h"
#include "store/maildir_locate.h"
#include "store/maildir_name.h"
#include "store/mbox_ask.h"
#include "store/store.h"

#define TMP_TRUSTED_SECONDS (24 * 60 * 60)

static int
store_target_open(struct target *target, const char *rest, struct error *error)
{
	if (rest[0] != '/' || strlen(target->place) >= PLACE_SIZE)
		return error_set(error, ERROR_PERMANENT, "%.100s: write an absolute path", target->place);
	return 0;
}

static int
store_parcel_begin(struct parcel *parcel, struct error *error)
{
	struct target *target = parcel->target;

	parcel->delivery = (struct delivery){ .place = target->place, .index_directory = STORE_INDEX_BESIDE,
		.sender = target->sender_text, .head = "", .message = -1, .beside = target->beside };
	if (append_start(&parcel->append, &parcel->delivery, error) != 0)
		return -1;
	target->beside = parcel->append;
	return 0;
}

static int
store_parcel_write(struct parcel *parcel, const char *data, size_t size, struct error *error)
{
	return append_put(parcel->append, data, size, error);
}

static void
store_parcel_end(struct parcel *parcel)
{
	if (parcel->target->beside == parcel->append)
		parcel->target->beside = NULL;
	append_end(parcel->append);
}

static void
appends_act(struct parcel *const parcels[], size_t count,
    void (*act)(struct append *const appends[], size_t count))
{
	struct append *appends[TARGET_BATCH_MAX] = { NULL };

	for (size_t i = 0; i < count; i++)
		appends[i] = parcels[i]->append;
	act(appends, count);
	for (size_t i = 0; i < count; i++) {
		if (appends[i]->result != 0)
			parcel_fail(parcels[i], &appends[i]->error);
		parcels[i]->is_committed = appends[i]->committed;
	}
}

static void
store_prepare(struct parcel *const parcels[], size_t count)
{
	appends_act(parcels, count, append_settle_all);
}

static void
store_commit(struct parcel *const parcels[], size_t count)
{
	appends_act(parcels, count, append_commit_all);
}

static int
mark_check(const struct parcel *parcel, int size, struct error *error)
{
	if (size > 0 && (size_t)size < sizeof(parcel->mark))
		return 0;
	return error_set(error, ERROR_PERMANENT, "the name of a message's file is too long");
}

/* The next part of a mark, ended by ':'; false: there is none. */
static bool
part_next(const char **mark, char *part, size_t size)
{
	size_t length = strcspn(*mark, ":");

	if ((*mark)[length] != ':' || length >= size)
		return false;
	memcpy(part, *mark, length);
	part[length] = '\0';
	*mark += length + 1;
	return true;
}

static bool
number_part(const char **mark, uint64_t *number)
{
	char part[NUMBER_DIGITS_MAX + 1];

	return part_next(mark, part, sizeof(part)) && number_parse(part, number);
}

/* Maildir: "BOOT:DEVICE:INODE:UNIQUE" */

struct maildir_mark {
	char boot_id[BOOT_ID_SIZE];
	uint64_t device, inode;
	const char *unique;
};

static int
maildir_finish(struct parcel *parcel, struct error *error)
{
	dev_t device;
	ino_t inode;

	if (append_finish(parcel->append, error) != 0)
		return -1;
	append_waits_in(parcel->append, &device, &inode);
	return mark_check(parcel, snprintf(parcel->mark, sizeof(parcel->mark),
	    "maildir:%s:%" PRIu64 ":%" PRIu64 ":%s", parcel->target->boot_id, (uint64_t)device,
	    (uint64_t)inode, append_name(parcel->append)), error);
}

static bool
maildir_mark_parse(struct maildir_mark *mark, const char *text)
{
	if (!part_next(&text, mark->boot_id, sizeof(mark->boot_id)) || !number_part(&text, &mark->device) ||
	    !number_part(&text, &mark->inode))
		return false;
	mark->unique = text;
	return text[0] != '\0' && strchr(text, '/') == NULL;
}

/* What is not in tmp/ any more has been moved out of it. */
static bool
tmp_is_trusted(const struct target *target, const struct maildir_mark *mark,
    const struct maildir_found *found)
{
	struct maildir_name name;
	time_t now = time(NULL);

	maildir_name_parse(&name, mark->unique);
	return target->boot_id[0] != '\0' && strcmp(target->boot_id, mark->boot_id) == 0 &&
	    found->is_maildir && found->tmp_device == mark->device && found->tmp_inode == mark->inode &&
	    (uint64_t)now >= name.time && (uint64_t)now - name.time < TMP_TRUSTED_SECONDS;
}

static int
maildir_ask(struct target *target, const char *text, enum target_answer *answer, struct error *error)
{
	struct maildir_found found;
	struct maildir_mark mark;

	if (!maildir_mark_parse(&mark, text))
		return target_ask_nobody(target, text, answer, error);
	if (maildir_locate(target->rest, mark.unique, &found, error) != 0)
		return -1;
	if (found.in_place)
		*answer = TARGET_ARRIVED;
	else if (found.in_tmp)
		*answer = TARGET_NOT_ARRIVED;
	else
		*answer = tmp_is_trusted(target, &mark, &found) ? TARGET_ARRIVED : TARGET_UNKNOWN;
	return 0;
}

static void
maildir_clear(struct target *target, const char *text)
{
	struct maildir_mark mark;

	if (maildir_mark_parse(&mark, text))
		maildir_tmp_remove(target->rest, mark.unique);
}

/* mbox: "SIZE:DIGEST" */

static int
mbox_finish(struct parcel *parcel, struct error *error)
{
	struct stat status = { .st_size = 0 };

	if (append_finish(parcel->append, error) != 0)
		return -1;
	if (lstat(parcel->target->rest, &status) != 0 && errno != ENOENT)
		return error_errno(error, append_errno_kind(), "cannot look at the mbox %.150s",
		    parcel->target->rest);
	return mark_check(parcel, snprintf(parcel->mark, sizeof(parcel->mark), "mbox:%" PRIu64 ":%s",
	    (uint64_t)status.st_size, append_name(parcel->append)), error);
}

static int
mbox_target_ask(struct target *target, const char *text, enum target_answer *answer, struct error *error)
{
	static const enum target_answer answers[] = {
		[MBOX_ARRIVED] = TARGET_ARRIVED,
		[MBOX_NOT_ARRIVED] = TARGET_NOT_ARRIVED,
		[MBOX_REWRITTEN] = TARGET_UNKNOWN,
	};
	enum mbox_answer found;
	uint64_t size;

	if (!number_part(&text, &size) || strlen(text) != MBOX_NAME_SIZE)
		return target_ask_nobody(target, text, answer, error);
	if (mbox_ask(target->rest, text, size, &found, error) != 0)
		return -1;
	*answer = answers[found];
	return 0;
}

const struct target_ops target_maildir_ops = {
	.scheme = "maildir",
	.is_exact = true,
	.open = store_target_open,
	.begin = store_parcel_begin,
	.write = store_parcel_write,
	.finish = maildir_finish,
	.end = store_parcel_end,
	.prepare = store_prepare,
	.commit = store_commit,
	.ask = maildir_ask,
	.clear = maildir_clear,
};

const struct target_ops target_mbox_ops = {
	.scheme = "mbox",
	.is_exact = true,
	.open = store_target_open,
	.begin = store_parcel_begin,
	.write = store_parcel_write,
	.finish = mbox_finish,
	.end = store_parcel_end,
	.prepare = store_prepare,
	.commit = store_commit,
	.ask = mbox_target_ask,
};
