/* The table of stores, and the calls that go through it. A new store costs a row. */

#include "store/store.h"

#include <stdio.h>
#include <string.h>

#include "store/maildir.h"
#include "store/mbox.h"

static const struct store_ops *const stores[] = {
	&maildir_ops,
	&mbox_ops,
};

const struct store_ops *
store_ops_find(const char *place, const char **path)
{
	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		size_t length = strlen(stores[i]->scheme);

		if (strncmp(place, stores[i]->scheme, length) == 0 && place[length] == ':') {
			*path = place + length + 1;
			return stores[i];
		}
	}
	return NULL;
}

int
store_root(char root[PLACE_SIZE], const char *place)
{
	const char *path, *slash;
	const struct store_ops *ops = store_ops_find(place, &path);

	if (ops == NULL)
		return -1;
	slash = strrchr(path, '/');
	if (!ops->is_file)
		snprintf(root, PLACE_SIZE, "%s", path);
	else if (slash == NULL)
		snprintf(root, PLACE_SIZE, ".");
	else
		snprintf(root, PLACE_SIZE, "%.*s", (int)(slash > path ? slash - path : 1), path);
	return 0;
}

int
store_open_with(struct store **store, const char *place, int index_directory, struct error *error)
{
	const char *path;
	const struct store_ops *ops = store_ops_find(place, &path);

	if (ops == NULL)
		return error_set(error, ERROR_PERMANENT, "no store for the place %.200s", place);
	return ops->open(store, path, index_directory, error);
}

int
store_open(struct store **store, const char *place, struct error *error)
{
	return store_open_with(store, place, STORE_INDEX_BESIDE, error);
}

int
store_message(struct store *store, size_t index, struct message *message, struct error *error)
{
	return store->ops->message(store, index, message, error);
}

ssize_t
store_read(struct store *store, size_t index, uint64_t offset, void *buffer, size_t size,
    struct error *error)
{
	return store->ops->read(store, index, offset, buffer, size, error);
}

int
store_remove(struct store *store, const bool marked[], struct error *error)
{
	return store->ops->remove(store, marked, error);
}

void
store_ahead(struct store *store, size_t index)
{
	if (store->ops->ahead != NULL)
		store->ops->ahead(store, index);
}

int
store_file(struct store *store, size_t index)
{
	return store->ops->file != NULL ? store->ops->file(store, index) : -1;
}

void
store_sent(struct store *store, size_t index, uint64_t size, bool in_wire_form)
{
	store->ops->sent(store, index, size, in_wire_form);
}

void
store_release(struct store *store)
{
	store->ops->release(store);
}

enum learning
store_learn(const char *place, int index_directory)
{
	const char *path;
	const struct store_ops *ops = store_ops_find(place, &path);

	if (ops == NULL || ops->learn == NULL || index_directory == STORE_INDEX_NONE)
		return LEARNING_LEFT;
	return ops->learn(path, index_directory);
}

void
store_close(struct store *store)
{
	if (store != NULL)
		store->ops->close(store);
}
