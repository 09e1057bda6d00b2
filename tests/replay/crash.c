/* See crash.h. */

#include "replay/crash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <xxhash.h>

#define EFFECTS_MAX       1024
#define EXHAUSTIVE_MAX    8
#define SAMPLES           60
#define SEEN_SIZE         (1 << 18)
#define SECTOR_SIZE       512

/* What of an operation reaches the disk at once. */
enum part { PART_WHOLE, PART_TO, PART_FROM };

struct effect {
	const struct operation *operation;
	enum part part;
	uint64_t skip, size;	/* of the data */
	bool is_data;
	bool is_durable, is_kept;
};

enum times_kept { TIMES_TIED, TIMES_OLD, TIMES_NEW, TIMES_COUNT };

struct replay {
	const struct recording *recording;
	enum crash_model model;
	const char *directory;
	crash_check check;
	void *context;
	struct crash_result *result;
	size_t prefix;
	uint64_t promised;
	struct effect effects[EFFECTS_MAX];
	size_t effect_count;
	uint64_t *seen;			/* digests of states that were looked at, hashed */
	uint64_t random;
};

static bool
synced_after(const struct replay *r, const struct operation *operation, uint32_t node)
{
	size_t at = (size_t)(operation - r->recording->operations);

	for (size_t i = at + 1; i < r->prefix; i++)
		if (r->recording->operations[i].kind == OPERATION_SYNC &&
		    (node == DISK_NONE || r->recording->operations[i].node == node))
			return true;
	return false;
}

static bool
is_durable(const struct replay *r, const struct effect *e)
{
	const struct operation *o = e->operation;

	if (e->is_data)
		return synced_after(r, o, o->node);
	if (r->model == CRASH_EXT4)
		return synced_after(r, o, DISK_NONE);
	if (o->kind == OPERATION_TRUNCATE)
		return synced_after(r, o, o->node);
	/* A name does not leave its old directory before it is in the new one. */
	return synced_after(r, o, o->directory) ||
	    (e->part == PART_TO && synced_after(r, o, o->to_directory));
}

static void
effect_add(struct replay *r, const struct operation *o, enum part part, uint64_t skip, uint64_t size)
{
	struct effect *e = &r->effects[r->effect_count++];

	assert_true(r->effect_count <= EFFECTS_MAX);
	*e = (struct effect){ .operation = o, .part = part, .skip = skip, .size = size,
		.is_data = o->kind == OPERATION_WRITE };
	e->is_durable = is_durable(r, e);
}

/* Half of a write may arrive: up to a sector's border, as a disk writes no half sectors. */
static void
write_add(struct replay *r, const struct operation *o)
{
	uint64_t middle = (o->offset + o->size / 2) / SECTOR_SIZE * SECTOR_SIZE;

	if (middle <= o->offset) {
		effect_add(r, o, PART_WHOLE, 0, o->size);
		return;
	}
	effect_add(r, o, PART_WHOLE, 0, middle - o->offset);
	effect_add(r, o, PART_WHOLE, middle - o->offset, o->size - (middle - o->offset));
}

static void
effects_make(struct replay *r)
{
	r->effect_count = 0;
	r->promised = 0;
	for (size_t i = 0; i < r->prefix; i++) {
		const struct operation *o = &r->recording->operations[i];

		if (o->kind == OPERATION_MARK) {
			r->promised |= o->size;
		} else if (o->kind == OPERATION_WRITE) {
			write_add(r, o);
		} else if (o->kind == OPERATION_RENAME && r->model == CRASH_WEAK &&
		    o->directory != o->to_directory) {
			effect_add(r, o, PART_TO, 0, 0);
			effect_add(r, o, PART_FROM, 0, 0);
		} else if (o->kind != OPERATION_SYNC) {
			effect_add(r, o, PART_WHOLE, 0, 0);
		}
	}
}

static void
content_apply(struct disk *disk, const struct effect *e)
{
	const struct operation *o = e->operation;

	switch (o->kind) {
	case OPERATION_ADD:
		disk_put(disk, o->directory, o->name, o->node);
		break;
	case OPERATION_REMOVE:
		disk_drop(disk, o->directory, o->name);
		break;
	case OPERATION_RENAME:
		if (e->part != PART_TO)
			disk_drop(disk, o->directory, o->name);
		if (e->part != PART_FROM)
			disk_put(disk, o->to_directory, o->to_name, o->node);
		break;
	case OPERATION_WRITE:
		disk_write(disk, o->node, o->offset + e->skip, o->data + e->skip, e->size);
		break;
	case OPERATION_TRUNCATE:
		disk_truncate(disk, o->node, o->size);
		break;
	case OPERATION_SYNC:
	case OPERATION_MARK:
		break;
	}
}

static void
times_apply(struct disk *disk, const struct effect *e)
{
	const struct operation *o = e->operation;

	if (o->kind == OPERATION_WRITE || o->kind == OPERATION_TRUNCATE || o->kind == OPERATION_ADD)
		disk->nodes[o->node].times = o->node_times;
	if (o->directory != DISK_NONE && e->part != PART_TO)
		disk->nodes[o->directory].times = o->directory_times;
	if (o->to_directory != DISK_NONE && e->part != PART_FROM)
		disk->nodes[o->to_directory].times = o->to_directory_times;
}

static bool
times_kept(const struct replay *r, const struct effect *e, enum times_kept which)
{
	if (which == TIMES_TIED || (r->model == CRASH_EXT4 && !e->is_data))
		return e->is_kept;
	return which == TIMES_NEW || e->is_durable;
}

/* The size of a file may be on disk before what was written: then there are zeros. */
static void
zeros_apply(struct disk *disk, const struct effect *e)
{
	uint64_t end = e->operation->offset + e->skip + e->size;

	if (disk->nodes[e->operation->node].size < end)
		disk_truncate(disk, e->operation->node, end);
}

static void
state_make(const struct replay *r, enum times_kept which, bool with_zeros, struct disk *disk)
{
	disk_copy(disk, &r->recording->initial);
	for (size_t i = disk->node_count; i < r->recording->now.node_count; i++)
		disk_node_add(disk, r->recording->now.nodes[i].is_directory, r->recording->now.nodes[i].inode);
	for (size_t i = 0; i < r->effect_count; i++) {
		if (r->effects[i].is_kept)
			content_apply(disk, &r->effects[i]);
		else if (with_zeros && r->effects[i].is_data)
			zeros_apply(disk, &r->effects[i]);
		if (times_kept(r, &r->effects[i], which))
			times_apply(disk, &r->effects[i]);
	}
}

/* True the first time. */
static bool
state_is_new(struct replay *r, const struct disk *disk)
{
	uint64_t digest = disk_digest(disk, true);
	size_t at;

	digest = XXH3_64bits_withSeed(&r->promised, sizeof(r->promised), digest) | 1;
	for (at = digest % SEEN_SIZE; r->seen[at] != 0; at = (at + 1) % SEEN_SIZE)
		if (r->seen[at] == digest)
			return false;
	assert_true(r->result->state_count < SEEN_SIZE / 2);
	r->seen[at] = digest;
	return true;
}

static void
story_write(struct replay *r, enum times_kept which, bool with_zeros, const char *problem)
{
	static const char *const times[] = { "as what is kept", "old", "new" };
	static const char *const models[] = { "ext4", "weak", "killed:" };
	char *story = r->result->story;
	size_t size = sizeof(r->result->story);
	int used = snprintf(story, size, "%s\n%s file system, times %s%s, after:\n", problem,
	    models[r->model], times[which],
	    with_zeros ? ", zeros for lost data" : "");

	for (size_t i = 0; i < r->prefix; i++) {
		const struct operation *o = &r->recording->operations[i];
		char line[600] = "";

		record_describe(r->recording, o, line, sizeof(line));
		if ((size_t)used < size)
			used += snprintf(story + used, size - (size_t)used, "  %s", line);
		for (size_t j = 0; j < r->effect_count; j++)
			if (r->effects[j].operation == o && (size_t)used < size)
				used += snprintf(story + used, size - (size_t)used, " %s",
				    r->effects[j].is_kept ? "[kept]" : "[lost]");
		if ((size_t)used < size)
			used += snprintf(story + used, size - (size_t)used, "\n");
	}
}

static void
state_try(struct replay *r)
{
	static const int variant_counts[] = { TIMES_COUNT, 2 * TIMES_COUNT, 1 };
	int variants = variant_counts[r->model];

	for (int i = 0; i < variants && !r->result->is_rejected; i++) {
		enum times_kept which = (enum times_kept)(i % TIMES_COUNT);
		struct disk disk;
		const char *problem;

		state_make(r, which, i >= TIMES_COUNT, &disk);
		if (state_is_new(r, &disk)) {
			r->result->state_count++;
			disk_store(&disk, r->directory);
			problem = r->check(r->context, r->promised);
			if (problem != NULL) {
				r->result->is_rejected = true;
				story_write(r, which, i >= TIMES_COUNT, problem);
			}
		}
		disk_free(&disk);
	}
}

/* Half a rename is its first half. */
static void
choice_try(struct replay *r)
{
	for (size_t i = 1; i < r->effect_count; i++)
		if (r->effects[i].part == PART_FROM && r->effects[i].is_kept)
			r->effects[i - 1].is_kept = true;
	state_try(r);
}

static bool
random_bit(struct replay *r)
{
	r->random = r->random * 6364136223846793005u + 1442695040888963407u;
	return r->random >> 63;
}

/* Some of the combinations, where there are too many. */
static void
choices_sample(struct replay *r, struct effect *const free_effects[], size_t count)
{
	for (size_t n = 0; n <= 3 * count + SAMPLES && !r->result->is_rejected; n++) {
		for (size_t i = 0; i < count; i++)
			free_effects[i]->is_kept = n <= count ? i < n
			    : n <= 2 * count                  ? i == n - count - 1
			    : n <= 3 * count                  ? i != n - 2 * count - 1
			                                      : random_bit(r);
		choice_try(r);
	}
}

static void
choices_try(struct replay *r, struct effect *const free_effects[], size_t count)
{
	if (count > EXHAUSTIVE_MAX) {
		choices_sample(r, free_effects, count);
		return;
	}
	for (unsigned bits = 0; bits < 1u << count && !r->result->is_rejected; bits++) {
		for (size_t i = 0; i < count; i++)
			free_effects[i]->is_kept = bits >> i & 1;
		choice_try(r);
	}
}

/* ext4 writes the data of a file before a rename that puts it over another one. */
static bool
is_flushed(const struct replay *r, const struct effect *data)
{
	for (size_t i = 0; i < r->effect_count; i++) {
		const struct effect *e = &r->effects[i];

		if (e > data && e->is_kept && e->operation->kind == OPERATION_RENAME &&
		    e->operation->replaces && e->operation->node == data->operation->node)
			return true;
	}
	return false;
}

static void
prefix_try_ext4(struct replay *r)
{
	struct effect *free_effects[EFFECTS_MAX];
	size_t changes = 0;

	for (size_t i = 0; i < r->effect_count; i++)
		changes += !r->effects[i].is_data && !r->effects[i].is_durable;
	for (size_t cut = 0; cut <= changes && !r->result->is_rejected; cut++) {
		size_t count = 0, seen = 0;

		for (size_t i = 0; i < r->effect_count; i++)
			if (!r->effects[i].is_data)
				r->effects[i].is_kept = r->effects[i].is_durable || seen++ < cut;
		for (size_t i = 0; i < r->effect_count; i++) {
			struct effect *e = &r->effects[i];

			if (!e->is_data)
				continue;
			e->is_kept = e->is_durable || is_flushed(r, e);
			if (!e->is_kept)
				free_effects[count++] = e;
		}
		choices_try(r, free_effects, count);
	}
}

static void
prefix_try_weak(struct replay *r)
{
	struct effect *free_effects[EFFECTS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < r->effect_count; i++) {
		r->effects[i].is_kept = r->effects[i].is_durable;
		if (!r->effects[i].is_durable)
			free_effects[count++] = &r->effects[i];
	}
	choices_try(r, free_effects, count);
}

/* All is there; of a write that was the last, perhaps its first half alone. */
static void
prefix_try_killed(struct replay *r)
{
	struct effect *last = r->effect_count > 0 ? &r->effects[r->effect_count - 1] : NULL;

	for (size_t i = 0; i < r->effect_count; i++)
		r->effects[i].is_kept = true;
	state_try(r);
	if (last == NULL || !last->is_data || last->skip == 0)
		return;
	last->is_kept = false;
	state_try(r);
}

/* With what is lost of it, a prefix that ends before a sync is all that are between that and the sync before. */
static bool
is_before_sync(const struct replay *r)
{
	const struct recording *recording = r->recording;

	return r->prefix == recording->count || recording->operations[r->prefix].kind == OPERATION_SYNC ||
	    recording->operations[r->prefix].kind == OPERATION_MARK;
}

void
crash_replay(const struct recording *recording, enum crash_model model, const char *directory,
    crash_check check, void *context, struct crash_result *result)
{
	crash_replay_from(recording, 0, model, directory, check, context, result);
}

void
crash_replay_from(const struct recording *recording, size_t first, enum crash_model model,
    const char *directory, crash_check check, void *context, struct crash_result *result)
{
	static void (*const tries[])(struct replay *) = { prefix_try_ext4, prefix_try_weak, prefix_try_killed };
	struct replay *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	*result = (struct crash_result){ .state_count = 0 };
	*r = (struct replay){ .recording = recording, .model = model, .directory = directory,
		.check = check, .context = context, .result = result, .random = 1,
		.seen = calloc(SEEN_SIZE, sizeof(uint64_t)) };
	assert_non_null(r->seen);
	for (r->prefix = first; r->prefix <= recording->count && !result->is_rejected; r->prefix++) {
		if (first > 0 && !is_before_sync(r))
			continue;
		effects_make(r);
		tries[model](r);
	}
	calls_show(NULL, 0);
	free(r->seen);
	free(r);
}
