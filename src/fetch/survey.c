/* See survey.h. Lines are gathered as they come, and sorted at the end. */

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
	survey->disorder_count += survey->count > 0 && survey->messages[survey->count - 1].number >= number;
	return survey->count < LINES_MAX && survey->disorder_count <= DISORDER_MAX;
}

static int
add(struct survey *survey, uint64_t number, uint64_t octets, char *uidl, struct error *error)
{
	if (!is_sane(survey, number)) {
		free(uidl);
		return error_set(error, ERROR_PROTOCOL, "the list of messages has no end, or no order");
	}
	if (survey->count == survey->room) {
		size_t room = survey->room > 0 ? survey->room * 2 : 64;
		struct survey_message *messages = reallocarray(survey->messages, room, sizeof(*messages));

		if (messages == NULL) {
			free(uidl);
			return error_set(error, ERROR_TEMPORARY, "no memory for the list of messages");
		}
		survey->messages = messages;
		survey->room = room;
	}
	survey->messages[survey->count++] =
	    (struct survey_message){ .number = number, .octets = octets, .uidl = uidl };
	return 0;
}

int
survey_size(struct survey *survey, uint64_t number, uint64_t octets, struct error *error)
{
	return add(survey, number, octets, NULL, error);
}

int
survey_uidl(struct survey *survey, uint64_t number, const char *uidl, struct error *error)
{
	char *copy;

	survey->uidl_octets += strlen(uidl);
	if (survey->uidl_octets > UIDL_OCTETS_MAX)
		return error_set(error, ERROR_PROTOCOL, "the list of messages has no end");
	copy = strdup(uidl);
	if (copy == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the list of messages");
	return add(survey, number, 0, copy, error);
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
		message->is_sized |= lines[used].uidl == NULL || lines[used].is_sized;
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
	qsort(survey->messages, survey->count, sizeof(*survey->messages), by_number);
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
