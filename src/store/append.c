/* See append.h: how deliveries meet, and what their stores have in common. */

#include "store/append.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

/* One thread that commits for others, on its stack. */
struct append_leader {
	const struct append_ops *ops;
	uint64_t meeting;
	struct append_leader *next;
};

void
append_group_begin(struct append_group *group)
{
	group->waiting = NULL;
	group->leaders = NULL;
	pthread_mutex_init(&group->mutex, NULL);
	pthread_cond_init(&group->changed, NULL);
}

void
append_group_end(struct append_group *group)
{
	pthread_mutex_destroy(&group->mutex);
	pthread_cond_destroy(&group->changed);
}

int
append_begin(struct append **append, const struct delivery *delivery, struct error *error)
{
	const char *path;
	const struct store_ops *ops = store_ops_find(delivery->place, &path);

	if (ops == NULL || ops->append == NULL)
		return error_set(error, ERROR_PERMANENT, "no store takes mail for the place %.200s",
		    delivery->place);
	return ops->append->begin(append, path, delivery, error);
}

bool
append_takes_pieces(const char *place)
{
	const char *path;
	const struct store_ops *ops = store_ops_find(place, &path);

	return ops != NULL && ops->append != NULL && ops->append->start != NULL;
}

int
append_start(struct append **append, const struct delivery *delivery, struct error *error)
{
	const char *path;
	const struct store_ops *ops = store_ops_find(delivery->place, &path);

	if (ops == NULL || ops->append == NULL || ops->append->start == NULL)
		return error_set(error, ERROR_PERMANENT, "no store takes mail in pieces for the place %.200s",
		    delivery->place);
	return ops->append->start(append, path, delivery, error);
}

int
append_put(struct append *append, const char *piece, size_t size, struct error *error)
{
	return append->ops->put(append, piece, size, error);
}

int
append_finish(struct append *append, struct error *error)
{
	return append->ops->finish(append, error);
}

const char *
append_name(const struct append *append)
{
	return append->ops->name != NULL ? append->ops->name(append) : NULL;
}

void
append_waits_in(const struct append *append, dev_t *device, ino_t *inode)
{
	*device = 0;
	*inode = 0;
	if (append->ops->waits_in != NULL)
		append->ops->waits_in(append, device, inode);
}

/* Those of one store that have not failed, in their order, linked; NULL: there are none. */
static struct append *
appends_link(struct append *const appends[], size_t count, const struct append_ops *ops)
{
	struct append *first = NULL, **last = &first;

	for (size_t i = 0; i < count; i++) {
		if (appends[i]->ops != ops || appends[i]->result != 0 || appends[i]->committed)
			continue;
		*last = appends[i];
		last = &appends[i]->next;
	}
	*last = NULL;
	return first;
}

/* The first of each store. */
static bool
is_first_of_store(struct append *const appends[], size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (appends[i]->ops == appends[index]->ops)
			return false;
	return true;
}

static void
file_settle(struct append *append)
{
	if (append->result == 0 && !append->settled && append->ops->sync != NULL)
		append->result = append->ops->sync(append, &append->error);
	append->settled = append->result == 0;
}

void
append_settle_all(struct append *const appends[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		file_settle(appends[i]);
	for (size_t i = 0; i < count; i++) {
		const struct append_ops *ops = appends[i]->ops;
		struct append *first = is_first_of_store(appends, i) ? appends_link(appends, count, ops) : NULL;

		if (first != NULL && ops->settle != NULL)
			ops->settle(first);
	}
}

void
append_commit_all(struct append *const appends[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		file_settle(appends[i]);
	for (size_t i = 0; i < count; i++) {
		const struct append_ops *ops = appends[i]->ops;
		struct append *first = is_first_of_store(appends, i) ? appends_link(appends, count, ops) : NULL;

		if (first == NULL)
			continue;
		ops->commit(first);
		for (; first != NULL; first = first->next)
			first->committed = first->result == 0;
	}
}

static bool
is_led(const struct append_group *group, const struct append *append)
{
	for (const struct append_leader *leader = group->leaders; leader != NULL; leader = leader->next)
		if (leader->ops == append->ops && leader->meeting == append->meeting)
			return true;
	return false;
}

/* Takes those that meet the leader out of the waiting ones, in the order in which they came. */
static struct append *
followers_take(struct append_group *group, const struct append_leader *leader)
{
	struct append *taken = NULL, **last = &taken, **at = &group->waiting;

	while (*at != NULL) {
		struct append *append = *at;

		if (append->ops != leader->ops || append->meeting != leader->meeting) {
			at = &append->next;
			continue;
		}
		*at = append->next;
		append->next = NULL;
		*last = append;
		last = &append->next;
	}
	return taken;
}

/* The mutex is held, but not while the disk is waited for. */
static void
group_lead(struct append_group *group, const struct append *append)
{
	struct append_leader leader = { append->ops, append->meeting, group->leaders }, **at;
	struct append *taken = followers_take(group, &leader);

	group->leaders = &leader;
	pthread_mutex_unlock(&group->mutex);
	leader.ops->commit(taken);
	pthread_mutex_lock(&group->mutex);
	for (at = &group->leaders; *at != &leader; at = &(*at)->next)
		;
	*at = leader.next;
	/* Who has finished may be gone as soon as the mutex is free. */
	for (; taken != NULL; taken = taken->next)
		taken->finished = true;
	pthread_cond_broadcast(&group->changed);
}

static void
group_commit(struct append_group *group, struct append *append)
{
	struct append **last;

	pthread_mutex_lock(&group->mutex);
	for (last = &group->waiting; *last != NULL; last = &(*last)->next)
		;
	*last = append;
	while (!append->finished) {
		if (is_led(group, append))
			pthread_cond_wait(&group->changed, &group->mutex);
		else
			group_lead(group, append);
	}
	pthread_mutex_unlock(&group->mutex);
}

int
append_commit(struct append *append, struct append_group *group, struct error *error)
{
	if (!append->settled && append->ops->sync != NULL && append->ops->sync(append, error) != 0)
		return -1;
	append->next = NULL;
	append->finished = false;
	if (group != NULL)
		group_commit(group, append);
	else
		append->ops->commit(append);
	if (append->result != 0)
		*error = append->error;
	else
		append->committed = true;
	return append->result;
}

void
append_end(struct append *append)
{
	if (append != NULL)
		append->ops->end(append);
}

void
append_leave(struct append *append)
{
	append->stays = true;
}

int
append_sync(int file)
{
	int result;

	do
		result = fsync(file);
	while (result != 0 && errno == EINTR);
	return result;
}

bool
append_is_quiet(const struct stat *status)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return status->st_mtim.tv_sec + 1 < now.tv_sec ||
	    (status->st_mtim.tv_sec + 1 == now.tv_sec && status->st_mtim.tv_nsec < now.tv_nsec);
}

enum error_kind
append_errno_kind(void)
{
	static const int permanent[] = { EACCES, EPERM, EROFS, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG,
		EFBIG };

	for (size_t i = 0; i < sizeof(permanent) / sizeof(permanent[0]); i++)
		if (errno == permanent[i])
			return ERROR_PERMANENT;
	return ERROR_TEMPORARY;
}

/* How much of a limit is used, without an overflow. */
static unsigned
percent_of(uint64_t used, uint64_t limit)
{
	double percent = limit == 0 ? 0 : (double)used * 100 / (double)limit;

	return percent > 1000 ? 1000 : (unsigned)percent;
}

static unsigned
fuller_percent(const struct quota *quota, uint64_t octets, uint64_t messages)
{
	unsigned of_octets = percent_of(octets, quota->octets);
	unsigned of_messages = percent_of(messages, quota->messages);

	return of_octets > of_messages ? of_octets : of_messages;
}

int
append_quota_check(struct append *append, const struct quota *quota, uint64_t octets,
    uint64_t messages, uint64_t size, struct error *error)
{
	unsigned before = fuller_percent(quota, octets, messages);

	if ((quota->octets != 0 && (size > quota->octets || octets > quota->octets - size)) ||
	    (quota->messages != 0 && messages >= quota->messages))
		return error_set(error, ERROR_FULL, "the maildrop has reached its quota");
	append->quota_percent = fuller_percent(quota, octets + size, messages + 1);
	append->quota_warns = quota->warning_percent != 0 && before < quota->warning_percent &&
	    append->quota_percent >= quota->warning_percent;
	return 0;
}
