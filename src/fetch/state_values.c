/* A handful of values by their keys: see state.h. */

#include <stdlib.h>
#include <string.h>

#include "fetch/state_inside.h"

static struct state_pair *
pair_find(const struct state_values *values, const char *key, size_t size)
{
	for (size_t i = 0; i < values->count; i++)
		if (strncmp(values->pairs[i].key, key, size) == 0 && values->pairs[i].key[size] == '\0')
			return &values->pairs[i];
	return NULL;
}

static struct state_pair *
pair_add(struct state_values *values, const struct state_text *key)
{
	struct state_pair *pairs = reallocarray(values->pairs, values->count + 1, sizeof(*pairs)), *pair;

	if (pairs == NULL)
		return NULL;
	values->pairs = pairs;
	pair = &pairs[values->count];
	*pair = (struct state_pair){ .key = strndup(key->octets, key->size) };
	if (pair->key == NULL)
		return NULL;
	values->count++;
	return pair;
}

int
state_values_set(struct state_values *values, const struct state_text *key, const struct state_text *value)
{
	struct state_pair *pair = pair_find(values, key->octets, key->size);
	char *kept = strndup(value->octets, value->size);

	if (kept == NULL || (pair == NULL && (pair = pair_add(values, key)) == NULL)) {
		free(kept);
		return -1;
	}
	free(pair->value);
	pair->value = kept;
	return 0;
}

const char *
state_values_find(const struct state_values *values, const char *key)
{
	const struct state_pair *pair = pair_find(values, key, strlen(key));

	return pair != NULL ? pair->value : "";
}

void
state_values_free(struct state_values *values)
{
	for (size_t i = 0; i < values->count; i++) {
		free(values->pairs[i].key);
		free(values->pairs[i].value);
	}
	free(values->pairs);
}
