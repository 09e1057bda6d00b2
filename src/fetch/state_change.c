/* See state.h: the changes, as lines for the journal. */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fetch/state_inside.h"

/* The line of one change. -1: it cannot be. */
typedef int line_make(struct state *, const struct state_message *, struct state_line *, struct error *);

static int
uidl_check(const char *uidl, struct error *error)
{
	return state_text_valid(uidl, 1, UIDL_OCTETS_MAX) ? 0 :
	    error_set(error, ERROR_PROTOCOL, "this is no UIDL: %.100s", uidl);
}

static int
lines_new(struct state_line **lines, size_t count, struct error *error)
{
	*lines = calloc(count > 0 ? count : 1, sizeof(**lines));
	return *lines != NULL ? 0 : error_set(error, ERROR_TEMPORARY, "no memory for the state");
}

static int
messages_change(struct state *state, line_make *make, const struct state_message *const messages[],
    size_t count, struct error *error)
{
	struct state_line *lines;
	int result;

	if (lines_new(&lines, count, error) != 0)
		return -1;
	result = 0;
	for (size_t i = 0; i < count && result == 0; i++) {
		result = uidl_check(messages[i]->uidl, error);
		lines[i].text = (struct state_text){ messages[i]->uidl,
			strnlen(messages[i]->uidl, UIDL_OCTETS_MAX) };
		if (result == 0)
			result = make(state, messages[i], &lines[i], error);
	}
	if (result == 0)
		result = state_change(state, lines, count, error);
	free(lines);
	return result;
}

static void
facts_put(struct state_line *line, const struct state_message *message)
{
	line->time = message->stored_time > 0 ? message->stored_time : (int64_t)time(NULL);
	line->octets = message->octets;
	memcpy(line->message_id_digest, message->message_id_digest, STATE_DIGEST_SIZE);
	memcpy(line->header_digest, message->header_digest, STATE_DIGEST_SIZE);
}

static int
make_intend(struct state *state, const struct state_message *message, struct state_line *line,
    struct error *error)
{
	size_t size = strnlen(message->mark, MARK_OCTETS_MAX + 1);

	(void)state;
	if (!state_word_valid(message->mark, size, MARK_OCTETS_MAX))
		return error_set(error, ERROR_PERMANENT, "this is no mark: %.100s", message->mark);
	line->verb = STATE_INTEND;
	line->word = (struct state_text){ message->mark, size };
	facts_put(line, message);
	return 0;
}

static int
make_stored(struct state *state, const struct state_message *message, struct state_line *line,
    struct error *error)
{
	const struct state_message *known = state_find(state, message->uidl);

	(void)error;
	line->verb = known != NULL && known->is_intended ? STATE_STORED : STATE_RECORD;
	line->is_skipped = message->is_skipped;
	facts_put(line, message);
	return 0;
}

static int
make_not_stored(struct state *state, const struct state_message *message, struct state_line *line,
    struct error *error)
{
	(void)state;
	(void)message;
	(void)error;
	line->verb = STATE_NOT_STORED;
	return 0;
}

static int
make_deleted(struct state *state, const struct state_message *message, struct state_line *line,
    struct error *error)
{
	(void)state;
	(void)message;
	(void)error;
	line->verb = STATE_DELETED;
	return 0;
}

int
state_intend(struct state *state, const struct state_message *const messages[], size_t count,
    struct error *error)
{
	return messages_change(state, make_intend, messages, count, error);
}

int
state_stored(struct state *state, const struct state_message *const messages[], size_t count,
    struct error *error)
{
	return messages_change(state, make_stored, messages, count, error);
}

int
state_not_stored(struct state *state, const struct state_message *const messages[], size_t count,
    struct error *error)
{
	return messages_change(state, make_not_stored, messages, count, error);
}

int
state_deleted(struct state *state, const struct state_message *const messages[], size_t count,
    struct error *error)
{
	return messages_change(state, make_deleted, messages, count, error);
}

int
state_moved(struct state *state, const struct state_move moves[], size_t count, struct error *error)
{
	struct state_line *lines;
	int result = 0;

	if (lines_new(&lines, count, error) != 0)
		return -1;
	for (size_t i = 0; i < count && result == 0; i++) {
		result = uidl_check(moves[i].old_uidl, error) != 0 ? -1 : uidl_check(moves[i].new_uidl, error);
		lines[i].verb = STATE_MOVED;
		lines[i].word = (struct state_text){ moves[i].old_uidl, strlen(moves[i].old_uidl) };
		lines[i].text = (struct state_text){ moves[i].new_uidl, strlen(moves[i].new_uidl) };
	}
	if (result == 0)
		result = state_change(state, lines, count, error);
	free(lines);
	return result;
}

int
state_value_set(struct state *state, const char *key, const char *value, struct error *error)
{
	struct state_line line = { .verb = STATE_VALUE, .word = { key, strlen(key) },
		.text = { value, strlen(value) } };

	if (!state_word_valid(key, line.word.size, STATE_KEY_OCTETS_MAX) ||
	    !state_text_valid(value, 0, STATE_VALUE_OCTETS_MAX))
		return error_set(error, ERROR_PERMANENT, "the state cannot hold the value %.100s", key);
	if (strcmp(state_value(state, key), value) == 0)
		return 0;
	return state_change(state, &line, 1, error);
}

int
state_forget_all(struct state *state, struct error *error)
{
	struct state_line line = { .verb = STATE_FORGET_ALL };

	return state_change(state, &line, 1, error);
}

/* The server's list */

void
state_list_begin(struct state *state)
{
	for (size_t i = 0; i < state->table.count; i++)
		state_table_at(&state->table, i)->is_listed = false;
}

const struct state_message *
state_list_add(struct state *state, const char *uidl)
{
	struct state_entry *entry = state_table_find(&state->table, uidl, strlen(uidl));

	if (entry == NULL || !entry->is_known)
		return NULL;
	entry->is_listed = true;
	return &entry->message;
}

/* What the list changes for one message; false: nothing. */
static bool
list_verb(const struct state_entry *entry, int64_t now, int64_t keep_seconds, enum state_verb *verb)
{
	const struct state_message *message = &entry->message;

	if (!entry->is_known || message->is_intended)
		return false;
	if (entry->is_listed) {
		*verb = STATE_PRESENT;
		return message->absent_time != 0;
	}
	if (message->is_deleted || keep_seconds <= 0 ||
	    (message->absent_time != 0 && now - message->absent_time >= keep_seconds)) {
		*verb = STATE_FORGET;
		return true;
	}
	*verb = STATE_ABSENT;
	return message->absent_time == 0;
}

/* Into lines, if there are any. Returns how many there are, or would be. */
static size_t
list_lines(const struct state *state, int64_t now, int64_t keep_seconds, struct state_line *lines)
{
	size_t count = 0;

	for (size_t i = 0; i < state->table.count; i++) {
		const struct state_entry *entry = state_table_at(&state->table, i);
		enum state_verb verb;

		if (!list_verb(entry, now, keep_seconds, &verb))
			continue;
		if (lines != NULL)
			lines[count] = (struct state_line){ .verb = verb, .time = verb == STATE_ABSENT ? now : 0,
				.text = { entry->message.uidl, entry->uidl_size } };
		count++;
	}
	return count;
}

int
state_list_end(struct state *state, int64_t now, int64_t keep_seconds, struct error *error)
{
	size_t count = list_lines(state, now, keep_seconds, NULL);
	struct state_line *lines;
	int result;

	if (lines_new(&lines, count, error) != 0)
		return -1;
	list_lines(state, now, keep_seconds, lines);
	result = state_change(state, lines, count, error);
	free(lines);
	return result;
}
