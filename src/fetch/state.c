/* See state.h: what the lines of the journal mean, and which are written. */

#include "fetch/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "fetch/state_inside.h"

/* Reading */

static int
no_memory(struct error *error)
{
	return error_set(error, ERROR_TEMPORARY, "no memory for the state");
}

static void
facts_take(struct state_message *message, const struct state_line *line)
{
	message->octets = line->octets;
	memcpy(message->message_id_digest, line->message_id_digest, STATE_DIGEST_SIZE);
	memcpy(message->header_digest, line->header_digest, STATE_DIGEST_SIZE);
}

static int
apply_intend(struct state *state, struct state_entry *entry, const struct state_line *line)
{
	if (state_table_intend(&state->table, entry, line->word.octets, line->word.size) != 0)
		return -1;
	entry->message.stored_time = line->time;
	facts_take(&entry->message, line);
	return 0;
}

static int
apply_stored(struct state *state, struct state_entry *entry, const struct state_line *line)
{
	state_table_intend(&state->table, entry, NULL, 0);
	entry->message.stored_time = line->time;
	entry->message.is_stored = true;
	entry->message.is_skipped = entry->message.is_deleted = false;
	return 0;
}

static int
apply_record(struct state *state, struct state_entry *entry, const struct state_line *line)
{
	state_table_intend(&state->table, entry, NULL, 0);
	facts_take(&entry->message, line);
	entry->message.stored_time = line->time;
	entry->message.absent_time = line->absent_time;
	entry->message.is_stored = true;
	entry->message.is_skipped = line->is_skipped;
	entry->message.is_deleted = line->is_deleted;
	return 0;
}

static int
apply_not_stored(struct state *state, struct state_entry *entry, const struct state_line *line)
{
	(void)line;
	state_table_intend(&state->table, entry, NULL, 0);
	if (!entry->message.is_stored)
		state_table_know(&state->table, entry, false);
	return 0;
}

static int
apply_deleted(struct state *state, struct state_entry *entry, const struct state_line *line)
{
	(void)state;
	(void)line;
	entry->message.is_deleted = true;
	return 0;
}

static int
apply_moved(struct state *state, struct state_entry *old, const struct state_line *line)
{
	struct state_entry *entry = state_table_make(&state->table, line->text.octets, line->text.size);
	struct state_message message = old->message;

	if (entry == NULL)
		return -1;
	if (entry == old)
		return 0;
	state_table_know(&state->table, entry, false);
	if (message.is_intended &&
	    state_table_intend(&state->table, entry, message.mark, strlen(message.mark)) != 0)
		return -1;
	message.uidl = entry->message.uidl;
	message.mark = entry->message.mark;
	message.absent_time = 0;
	entry->message = message;
	state_table_know(&state->table, entry, true);
	state_table_know(&state->table, old, false);
	return 0;
}

static int
apply_absent(struct state *state, struct state_entry *entry, const struct state_line *line)
{
	(void)state;
	entry->message.absent_time = line->time;
	return 0;
}

static int
apply_forget(struct state *state, struct state_entry *entry, const struct state_line *line)
{
	(void)line;
	state_table_know(&state->table, entry, false);
	return 0;
}

static void
apply_forget_all(struct state *state)
{
	for (size_t i = 0; i < state->table.count; i++)
		state_table_know(&state->table, state_table_at(&state->table, i), false);
}

/* Those that make a message known, and those that are about a message that is. */
static const struct {
	bool makes;
	int (*apply)(struct state *, struct state_entry *, const struct state_line *);
} meanings[STATE_VERB_COUNT] = {
	[STATE_INTEND] = { true, apply_intend },
	[STATE_STORED] = { true, apply_stored },
	[STATE_RECORD] = { true, apply_record },
	[STATE_NOT_STORED] = { false, apply_not_stored },
	[STATE_DELETED] = { false, apply_deleted },
	[STATE_MOVED] = { false, apply_moved },
	[STATE_ABSENT] = { false, apply_absent },
	[STATE_PRESENT] = { false, apply_absent },
	[STATE_FORGET] = { false, apply_forget },
};

static int
message_apply(struct state *state, const struct state_line *line)
{
	const struct state_text *uidl = line->verb == STATE_MOVED ? &line->word : &line->text;
	struct state_entry *entry;

	if (meanings[line->verb].makes)
		entry = state_table_make(&state->table, uidl->octets, uidl->size);
	else
		entry = state_table_find(&state->table, uidl->octets, uidl->size);
	if (entry == NULL)
		return meanings[line->verb].makes ? -1 : 0;
	if (!meanings[line->verb].makes && !entry->is_known)
		return 0;
	state_table_know(&state->table, entry, true);
	return meanings[line->verb].apply(state, entry, line);
}

static int
line_apply(void *context, const struct state_line *line, struct error *error)
{
	struct state *state = context;
	int result = 0;

	if (meanings[line->verb].apply != NULL)
		result = message_apply(state, line);
	else if (line->verb == STATE_FORGET_ALL)
		apply_forget_all(state);
	else if (line->verb == STATE_VALUE)
		result = state_values_set(&state->values, &line->word, &line->text);
	return result == 0 ? 0 : no_memory(error);
}

/* Opening */

static int
state_lock(struct state *state, struct error *error)
{
	const struct journal *journal = &state->journal;

	state->lock = openat(journal->directory, journal->names.lock,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (state->lock < 0)
		return error_errno(error, ERROR_PERMANENT, "cannot open %.100s", journal->names.lock);
	if (flock(state->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return error_set(error, ERROR_BUSY, "another restante is collecting for %.100s",
		    state->account);
	return error_errno(error, ERROR_TEMPORARY, "cannot lock %.100s", journal->names.lock);
}

static int
state_read(struct state *state, const char *directory, struct error *error)
{
	struct journal *journal = &state->journal;
	int result;

	if (state_names_make(&journal->names, state->account, error) != 0)
		return -1;
	journal->directory = state_directory_open(directory, !state->read_only, error);
	if (journal->directory < 0)
		return error->kind == ERROR_GONE && state->read_only ? 0 : -1;
	if (!state->read_only && state_lock(state, error) != 0)
		return -1;
	result = journal_read(journal, state->read_only, line_apply, state, error);
	if (result < 0 || state->read_only)
		return result < 0 ? -1 : 0;
	/* Whoever was here before may have been stopped before this. */
	if (result == 0 ? state_directory_sync(directory, error) != 0 : journal_name_sync(journal, error) != 0)
		return -1;
	return result == 0 || !journal->is_sealed ? state_compact(state, error) : 0;
}

int
state_open(struct state **opened, const char *directory, const char *account, bool read_only,
    struct error *error)
{
	struct state *state = calloc(1, sizeof(*state));

	if (state == NULL)
		return no_memory(error);
	state->lock = state->journal.directory = state->journal.file = -1;
	state->read_only = read_only;
	state->account = strdup(account);
	if (state->account == NULL) {
		free(state);
		return no_memory(error);
	}
	if (state_read(state, directory, error) != 0) {
		state_close(state);
		return -1;
	}
	*opened = state;
	return 0;
}

/* The lock goes last. */
void
state_close(struct state *state)
{
	if (state == NULL)
		return;
	journal_seal(&state->journal);
	journal_close(&state->journal);
	if (state->lock >= 0)
		close(state->lock);
	state_table_free(&state->table);
	state_values_free(&state->values);
	free(state->account);
	free(state);
}

/* Looking */

const struct state_message *
state_find(const struct state *state, const char *uidl)
{
	const struct state_entry *entry = state_table_find(&state->table, uidl, strlen(uidl));

	return entry != NULL && entry->is_known ? &entry->message : NULL;
}

const struct state_message *
state_next(const struct state *state, const struct state_message *message)
{
	size_t index = message != NULL ? ((const struct state_entry *)message)->index + 1 : 0;

	for (; index < state->table.count; index++) {
		const struct state_entry *entry = state_table_at(&state->table, index);

		if (entry->is_known)
			return &entry->message;
	}
	return NULL;
}

size_t
state_count(const struct state *state)
{
	return state->table.known_count;
}

size_t
state_intended_count(const struct state *state)
{
	return state->table.intended_count;
}

const char *
state_value(const struct state *state, const char *key)
{
	return state_values_find(&state->values, key);
}

/* Rewriting */

static void
record_make(struct state_line *line, const struct state_entry *entry)
{
	const struct state_message *message = &entry->message;

	*line = (struct state_line){ .verb = STATE_RECORD, .time = message->stored_time,
		.absent_time = message->absent_time, .octets = message->octets,
		.is_skipped = message->is_skipped, .is_deleted = message->is_deleted,
		.text = { message->uidl, entry->uidl_size } };
	memcpy(line->message_id_digest, message->message_id_digest, STATE_DIGEST_SIZE);
	memcpy(line->header_digest, message->header_digest, STATE_DIGEST_SIZE);
}

/* One that was stored before it was intended again takes two lines. */
static int
entry_rewrite(struct journal_rewriting *r, const struct state_entry *entry, struct error *error)
{
	struct state_line line;

	record_make(&line, entry);
	if (entry->message.is_stored && journal_rewrite_put(r, &line, error) != 0)
		return -1;
	if (!entry->message.is_intended)
		return 0;
	line.verb = STATE_INTEND;
	line.word = (struct state_text){ entry->message.mark, strlen(entry->message.mark) };
	return journal_rewrite_put(r, &line, error);
}

int
state_compact(struct state *state, struct error *error)
{
	struct journal_rewriting r;
	int result = 0;

	if (journal_rewrite_begin(&r, &state->journal, state->account, error) != 0)
		return -1;
	for (size_t i = 0; i < state->values.count && result == 0; i++) {
		const struct state_pair *pair = &state->values.pairs[i];
		struct state_line line = { .verb = STATE_VALUE, .word = { pair->key, strlen(pair->key) },
			.text = { pair->value, strlen(pair->value) } };

		result = journal_rewrite_put(&r, &line, error);
	}
	for (size_t i = 0; i < state->table.count && result == 0; i++) {
		const struct state_entry *entry = state_table_at(&state->table, i);

		if (entry->is_known)
			result = entry_rewrite(&r, entry, error);
	}
	return journal_rewrite_end(&r, result != 0, error);
}

int
state_compact_if_due(struct state *state, struct error *error)
{
	size_t needed = state->table.known_count + state->table.intended_count + state->values.count;

	return state->journal.line_count > 2 * needed + COMPACTION_LINES_MIN ? state_compact(state, error) : 0;
}

/* Changing */

int
state_change(struct state *state, struct state_line lines[], size_t count, struct error *error)
{
	if (count == 0)
		return 0;
	if (state->read_only)
		return error_set(error, ERROR_PERMANENT, "the state was opened to be read");
	if (journal_append(&state->journal, lines, count, error) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (line_apply(state, &lines[i], error) != 0) {
			state->journal.is_broken = true;
			return -1;
		}
	return 0;
}
