/*
 * See survey.h. Lists come in order and have the same messages: the second finds each where it is expected. A line
 * that is not expected is kept by itself, and sorted in at the end.
 */

#include "fetch/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of both lists together: what a stranger may have us remember. */
#define LINES_MAX    (2 << 20)
#define DISORDER_MAX 10000
#define UIDL_OCTETS_MAX (64 << 20)

void
survey_begin(struct survey *survey)
{
	memset(survey, 0, sizeof(*survey));
}

/* A list that begins once is in order but for its first line. */
static bool
is_sane(struct survey *survey, uint64_t number)
{
	if (survey->line_count > 0 && survey->last_number >= number) {
		survey->disorder_count++;
		survey->next = 0;
	}
	survey->last_number = number;
	return survey->line_count++ < LINES_MAX && survey->disorder_count <= DISORDER_MAX;
}

/* What the other list said of this message, if that is what comes next there. */
static struct survey_message *
expected(struct survey *survey, uint64_t number)
{
	if (survey->next == survey->count || survey->messages[survey->next].number != number)
		return NULL;
	return &survey->messages[survey->next++];
}

static int
no_end(struct error *error)
{
	return error_set(error, ERROR_PROTOCOL, "the list of messages has no end, or no order");
}

static int
add(struct survey *survey, const struct survey_message *message, struct error *error)
{
	if (survey->count == survey->room) {
		size_t room = survey->room > 0 ? survey->room * 2 : 64;
		struct survey_message *messages = reallocarray(survey->messages, room, sizeof(*messages));

		if (messages == NULL)
			return error_set(error, ERROR_TEMPORARY, "no memory for the list of messages");
		survey->messages = messages;
		survey->room = room;
	}
	survey->next += survey->next == survey->count;
	survey->messages[survey->count++] = *message;
	return 0;
}

int
survey_size(struct survey *survey, uint64_t number, uint64_t octets, struct error *error)
{
	const struct survey_message line = { .number = number, .octets = octets, .is_sized = true };
	struct survey_message *message;

	if (!is_sane(survey, number))
		return no_end(error);
	message = expected(survey, number);
	if (message == NULL)
		return add(survey, &line, error);
	message->is_sized = true;
	if (octets > message->octets)
		message->octets = octets;
	return 0;
}

int
survey_uidl(struct survey *survey, uint64_t number, const char *uidl, struct error *error)
{
	struct survey_message line = { .number = number }, *message;

	survey->uidl_octets += strlen(uidl);
	if (survey->uidl_octets > UIDL_OCTETS_MAX || !is_sane(survey, number))
		return no_end(error);
	line.uidl = strdup(uidl);
	if (line.uidl == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the list of messages");
	message = expected(survey, number);
	if (message != NULL && message->uidl == NULL) {
		message->uidl = line.uidl;
		return 0;
	}
	if (add(survey, &line, error) == 0)
		return 0;
	free(line.uidl);
	return -1;
}

static int
by_number(const void *a, const void *b)
{
	const struct survey_message *first = a, *second = b;

	return (first->number > second->number) - (first->number < second->number);
}

/* By UIDL, equal ones by their numbers; those without one at the end. */
static int
by_uidl(const void *a, const void *b)
{
	const struct survey_message *const *first = a, *const *second = b;
	int order;

	if ((*first)->uidl == NULL || (*second)->uidl == NULL)
		return ((*first)->uidl == NULL) - ((*second)->uidl == NULL);
	order = strcmp((*first)->uidl, (*second)->uidl);
	return order != 0 ? order : by_number(*first, *second);
}

/* All lines about one number, from the first on; returns how many. */
static size_t
merge(struct survey *survey, struct survey_message *lines, size_t count, struct survey_message *message)
{
	bool is_twice = false;
	size_t used;

	*message = (struct survey_message){ .number = lines->number };
	for (used = 0; used < count && lines[used].number == message->number; used++) {
		message->is_sized |= lines[used].is_sized;
		if (lines[used].octets > message->octets)
			message->octets = lines[used].octets;
		if (lines[used].uidl != NULL && message->uidl != NULL)
			is_twice |= strcmp(lines[used].uidl, message->uidl) != 0;
		if (lines[used].uidl != NULL && message->uidl == NULL)
			message->uidl = lines[used].uidl;
		else
			free(lines[used].uidl);
	}
	survey->sizeless_count += !message->is_sized;
	survey->nameless_count += message->uidl == NULL;
	if (is_twice) {
		free(message->uidl);
		message->uidl = NULL;
		survey->twice_count++;
	}
	return used;
}

/* Sorting takes as much memory again: not where there is nothing to sort. */
static void
put_in_order(struct survey *survey)
{
	for (size_t i = 1; i < survey->count; i++)
		if (survey->messages[i - 1].number > survey->messages[i].number) {
			qsort(survey->messages, survey->count, sizeof(*survey->messages), by_number);
			return;
		}
}

static void
merge_all(struct survey *survey)
{
	size_t count = survey->count, used = 0;

	survey->count = 0;
	while (used < count) {
		struct survey_message message;

		used += merge(survey, survey->messages + used, count - used, &message);
		survey->messages[survey->count++] = message;
	}
}

static int
number_same(struct survey *survey, struct survey_message **order, struct error *error)
{
	const char *before = NULL;
	size_t nth = 1;

	for (size_t i = 0; i < survey->count && order[i]->uidl != NULL; i++) {
		char *name;

		if (before == NULL || strcmp(before, order[i]->uidl) != 0) {
			before = order[i]->uidl;
			nth = 1;
			continue;
		}
		if (asprintf(&name, "%s (%zu)", before, ++nth) < 0)
			return error_set(error, ERROR_TEMPORARY, "no memory for the list of messages");
		free(order[i]->uidl);
		order[i]->uidl = name;
		survey->same_count++;
	}
	return 0;
}

int
survey_end(struct survey *survey, struct error *error)
{
	struct survey_message **order;
	int outcome;

	survey->nameless_count = survey->sizeless_count = survey->twice_count = survey->same_count = 0;
	if (survey->count == 0)
		return 0;
	put_in_order(survey);
	merge_all(survey);
	order = calloc(survey->count, sizeof(struct survey_message *));
	if (order == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the list of messages");
	for (size_t i = 0; i < survey->count; i++)
		order[i] = &survey->messages[i];
	qsort(order, survey->count, sizeof(*order), by_uidl);
	outcome = number_same(survey, order, error);
	free(order);
	return outcome;
}

bool
survey_fits(const struct survey *survey)
{
	return survey->twice_count == 0 && (survey->nameless_count == 0 || survey->sizeless_count == 0);
}

void
survey_free(struct survey *survey)
{
	for (size_t i = 0; i < survey->count; i++)
		free(survey->messages[i].uidl);
	free(survey->messages);
	memset(survey, 0, sizeof(*survey));
}
