/* See memory.h. */

#include "store/memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mail/wire.h"

static int
memory_call(struct memory_store *m, struct error *error)
{
	if (++m->calls == m->fail_at)
		return error_set(error, m->fail_kind, "call %u fails as the test wants", m->calls);
	return 0;
}

static int
memory_message(struct store *store, size_t index, struct message *message, struct error *error)
{
	(void)error;
	*message = ((struct memory_store *)store)->messages[index];
	return 0;
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
	for (size_t i = 0; i < m->store.count; i++)
		m->removed[i] = m->removed[i] || marked[i];
	return 0;
}

static void
memory_sent(struct store *store, size_t index, uint64_t size, bool in_wire_form)
{
	struct memory_store *m = (struct memory_store *)store;

	m->sent[index] = size;
	m->sent_in_wire_form[index] = in_wire_form;
}

static void
memory_ahead(struct store *store, size_t index)
{
	struct memory_store *m = (struct memory_store *)store;

	if (m->ahead_count < sizeof(m->ahead) / sizeof(m->ahead[0]))
		m->ahead[m->ahead_count++] = index;
}

static int
memory_file(struct store *store, size_t index)
{
	struct memory_store *m = (struct memory_store *)store;
	size_t length = strlen(m->texts[index]);
	int file = -1;

	m->file_count++;
	if (m->has_files)
		file = memfd_create("message", MFD_CLOEXEC);
	if (file >= 0 && pwrite(file, m->texts[index], length, 0) != (ssize_t)length) {
		close(file);
		file = -1;
	}
	return file;
}

static void
memory_release(struct store *store)
{
	((struct memory_store *)store)->released = true;
}

static void
memory_close(struct store *store)
{
	((struct memory_store *)store)->closed = true;
}

static const struct store_ops memory_ops = {
	.scheme = "memory",
	.message = memory_message,
	.read = memory_read,
	.ahead = memory_ahead,
	.file = memory_file,
	.sent = memory_sent,
	.remove = memory_remove,
	.release = memory_release,
	.close = memory_close,
};

void
memory_store_init(struct memory_store *m, const char *const texts[])
{
	*m = (struct memory_store){ .store.ops = &memory_ops, .texts = texts,
		.fail_kind = ERROR_TEMPORARY };
	for (size_t i = 0; texts[i] != NULL && i < MEMORY_MESSAGES_MAX; i++) {
		struct wire_size size;

		wire_size_begin(&size);
		wire_size_add(&size, texts[i], strlen(texts[i]));
		m->messages[i].size = wire_size_end(&size);
		m->messages[i].uidl = m->uidls[i];
		m->messages[i].uidl_size = (size_t)snprintf(m->uidls[i], sizeof(m->uidls[0]), "id%zu", i + 1);
		m->store.count++;
		m->store.octets += m->messages[i].size;
	}
}
