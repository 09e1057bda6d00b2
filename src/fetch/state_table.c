/* See state_table.h. */

#include "fetch/state_table.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#define BLOCK_ENTRIES 1024
#define TEXT_SIZE     65536
#define SLOTS_FIRST   1024

struct state_block {
	struct state_entry entries[BLOCK_ENTRIES];
};

static const char no_mark[] = "";

struct state_entry *
state_table_at(const struct state_table *table, size_t index)
{
	return &table->blocks[index / BLOCK_ENTRIES]->entries[index % BLOCK_ENTRIES];
}

void
state_table_free(struct state_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		state_table_intend(table, state_table_at(table, i), NULL, 0);
	for (size_t i = 0; i * BLOCK_ENTRIES < table->count; i++)
		free(table->blocks[i]);
	for (size_t i = 0; i < table->text_count; i++)
		free(table->texts[i]);
	free(table->blocks);
	free(table->texts);
	free(table->slots);
	*table = (struct state_table){ .count = 0 };
}

/* Where it is, or would be. */
static size_t
slot_of(const struct state_table *table, const char *uidl, size_t size)
{
	size_t mask = table->slot_count - 1, slot = XXH3_64bits(uidl, size) & mask;

	for (; table->slots[slot] != 0; slot = (slot + 1) & mask) {
		const struct state_entry *entry = state_table_at(table, table->slots[slot] - 1);

		if (entry->uidl_size == size && memcmp(entry->message.uidl, uidl, size) == 0)
			break;
	}
	return slot;
}

struct state_entry *
state_table_find(const struct state_table *table, const char *uidl, size_t size)
{
	size_t slot;

	if (table->slot_count == 0)
		return NULL;
	slot = slot_of(table, uidl, size);
	return table->slots[slot] != 0 ? state_table_at(table, table->slots[slot] - 1) : NULL;
}

/* At most three quarters are used. */
static int
slots_grow(struct state_table *table)
{
	size_t count = table->slot_count == 0 ? SLOTS_FIRST : 2 * table->slot_count;
	uint32_t *old = table->slots, *slots;

	if (table->count < table->slot_count / 4 * 3)
		return 0;
	slots = table->count < UINT32_MAX / 4 ? calloc(count, sizeof(*slots)) : NULL;
	if (slots == NULL)
		return -1;
	table->slots = slots;
	table->slot_count = count;
	for (size_t i = 0; i < table->count; i++) {
		const struct state_entry *entry = state_table_at(table, i);

		slots[slot_of(table, entry->message.uidl, entry->uidl_size)] = (uint32_t)(i + 1);
	}
	free(old);
	return 0;
}

/* Room for one more in an array that grows by doubling: NULL: no memory. */
static void *
array_grow(void *array, size_t count, size_t size)
{
	bool is_full = (count & (count - 1)) == 0;

	return is_full ? reallocarray(array, count == 0 ? 1 : 2 * count, size) : array;
}

static struct state_entry *
entry_add(struct state_table *table)
{
	if (table->count % BLOCK_ENTRIES == 0) {
		size_t count = table->count / BLOCK_ENTRIES;
		void *blocks = array_grow(table->blocks, count, sizeof(*table->blocks));

		if (blocks == NULL)
			return NULL;
		table->blocks = blocks;
		table->blocks[count] = calloc(1, sizeof(*table->blocks[count]));
		if (table->blocks[count] == NULL)
			return NULL;
	}
	return state_table_at(table, table->count);
}

static const char *
text_keep(struct state_table *table, const char *text, size_t size)
{
	char *kept;

	if (size + 1 > table->text_left) {
		void *texts = array_grow(table->texts, table->text_count, sizeof(*table->texts));

		if (texts == NULL)
			return NULL;
		table->texts = texts;
		kept = malloc(TEXT_SIZE);
		if (kept == NULL)
			return NULL;
		table->texts[table->text_count++] = table->text = kept;
		table->text_left = TEXT_SIZE;
	}
	kept = table->text;
	memcpy(kept, text, size);
	kept[size] = '\0';
	table->text += size + 1;
	table->text_left -= size + 1;
	return kept;
}

struct state_entry *
state_table_make(struct state_table *table, const char *uidl, size_t size)
{
	struct state_entry *entry = state_table_find(table, uidl, size);
	const char *kept;

	if (entry != NULL)
		return entry;
	if (slots_grow(table) != 0 || (entry = entry_add(table)) == NULL)
		return NULL;
	kept = text_keep(table, uidl, size);
	if (kept == NULL) {
		/* Its block goes with the next entry, or would be lost here. */
		if (table->count % BLOCK_ENTRIES == 0)
			free(table->blocks[table->count / BLOCK_ENTRIES]);
		return NULL;
	}
	*entry = (struct state_entry){ .message = { .uidl = kept, .mark = no_mark },
		.uidl_size = (uint32_t)size, .index = (uint32_t)table->count };
	table->slots[slot_of(table, kept, size)] = (uint32_t)++table->count;
	return entry;
}

void
state_table_know(struct state_table *table, struct state_entry *entry, bool known)
{
	if (!known) {
		state_table_intend(table, entry, NULL, 0);
		entry->message = (struct state_message){ .uidl = entry->message.uidl, .mark = no_mark };
	}
	if (entry->is_known != known)
		table->known_count += known ? 1 : (size_t)-1;
	entry->is_known = known;
}

int
state_table_intend(struct state_table *table, struct state_entry *entry, const char *mark, size_t size)
{
	struct state_message *message = &entry->message;
	char *kept = mark != NULL ? strndup(mark, size) : NULL;

	if (mark != NULL && kept == NULL)
		return -1;
	if (message->mark != no_mark)
		free((char *)message->mark);
	message->mark = kept != NULL ? kept : no_mark;
	if (message->is_intended != (mark != NULL))
		table->intended_count += mark != NULL ? 1 : (size_t)-1;
	message->is_intended = mark != NULL;
	return 0;
}
