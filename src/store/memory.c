/* See memory.h. */

#include "store/memory.h"

#include <stdio.h>
#include <string.h>

#include "mail/wire.h"

static int
memory_call(struct memory_store *m, struct error *error)
{
	if (++m->calls == m->fail_at)
		return error_set(error, m->fail_kind, "call %u fails as the test wants", m->calls);
	return 0;
}

static const struct message *
memory_messages(const struct store *store, size_t *count)
{
	const struct memory_store *m = (const struct memory_store *)store;

	*count = m->count;
	return m->messages;
}

static ssize_t
memory_read(struct store *store, size_t index, uint64_t offset, void *buffer, size_t size,
    struct error *error)
{
	struct memory_store *m = (struct memory_store *)store;
	size_t length = strlen(m->texts[index]), left;

	if (memory_call(m, error) != 0)
		return -1;
	left = offset < length ? length - (size_t)offset : 0;
	if (m->read_size != 0 && size > m->read_size)
		size = m->read_size;
	if (size > left)
		size = left;
	memcpy(buffer, m->texts[index] + length - left, size);
	return (ssize_t)size;
}

static int
memory_remove(struct store *store, const bool marked[], struct error *error)
{
	struct memory_store *m = (struct memory_store *)store;

	m->remove_count++;
	if (memory_call(m, error) != 0)
		return -1;
	for (size_t i = 0; i < m->count; i++)
		m->removed[i] = m->removed[i] || marked[i];
	return 0;
}

static void
memory_close(struct store *store)
{
	((struct memory_store *)store)->closed = true;
}

static const struct store_ops memory_ops = {
	.scheme = "memory",
	.messages = memory_messages,
	.read = memory_read,
	.remove = memory_remove,
	.close = memory_close,
};

void
memory_store_init(struct memory_store *m, const char *const texts[])
{
	*m = (struct memory_store){ .store.ops = &memory_ops, .texts = texts,
		.fail_kind = ERROR_TEMPORARY };
	for (; texts[m->count] != NULL && m->count < 16; m->count++) {
		struct wire_size size;

		wire_size_begin(&size);
		wire_size_add(&size, texts[m->count], strlen(texts[m->count]));
		snprintf(m->uidls[m->count], sizeof(m->uidls[0]), "id%zu", m->count + 1);
		m->messages[m->count] = (struct message){ .size = wire_size_end(&size),
			.uidl = m->uidls[m->count] };
	}
}
