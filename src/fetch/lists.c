/* See lists.h. */

#include "fetch/lists.h"

#include <stdio.h>
#include <string.h>

struct reading {
	struct lists *lists;
	unsigned long uidl, list; /* commands; 0: answered */
};

/* What cannot be kept, or believed, ends the connection. */
static void
take_item(struct link *link, struct reading *reading, const struct restante_event *event)
{
	struct survey *survey = &reading->lists->survey;
	unsigned long command = restante_event_command(event);
	struct error error;
	int outcome = 0;

	if (command == reading->uidl)
		outcome = survey_uidl(survey, restante_event_number(event), restante_event_text(event), &error);
	else if (command == reading->list)
		outcome =
		    survey_size(survey, restante_event_number(event), restante_event_octets(event), &error);
	if (outcome != 0)
		restante_client_abort(
		    link->client, error.kind == ERROR_PROTOCOL ? RESTANTE_BROKEN : RESTANTE_MEMORY, error.text);
}

static void
take_done(struct reading *reading, const struct restante_event *event)
{
	struct lists *lists = reading->lists;
	enum restante_result result = restante_event_result(event);
	unsigned long command = restante_event_command(event);

	if (result != RESTANTE_OK && (command == reading->uidl || command == reading->list))
		snprintf(lists->text, sizeof(lists->text), "%s", restante_event_text(event));
	if (command == reading->uidl) {
		lists->uidl = result;
		reading->uidl = 0;
	} else if (command == reading->list) {
		lists->list = result;
		reading->list = 0;
	}
}

static enum restante_result
read_all(struct link *link, struct reading *reading)
{
	const struct restante_event *event;

	while (reading->uidl != 0 || reading->list != 0) {
		enum restante_event_type type = restante_session_next(link->session, &event);

		if (type == RESTANTE_EVENT_READY)
			reading->lists->is_logged_in = true;
		else if (type == RESTANTE_EVENT_ITEM)
			take_item(link, reading, event);
		else if (type == RESTANTE_EVENT_DONE)
			take_done(reading, event);
		else if (type == RESTANTE_EVENT_END)
			return restante_event_result(event) != RESTANTE_OK ? restante_event_result(event)
									   : RESTANTE_CLOSED;
	}
	return RESTANTE_OK;
}

enum restante_result
lists_read(struct link *link, struct lists *lists)
{
	struct reading reading = { .lists = lists };
	struct error error;
	enum restante_result result;

	memset(lists, 0, sizeof(*lists));
	survey_begin(&lists->survey);
	reading.uidl = restante_client_uidl(link->client, 0);
	reading.list = restante_client_list(link->client, 0);
	link_connect(link);
	if (reading.uidl == 0 || reading.list == 0) {
		/* The options make no sense, or there is no memory: its end says which. */
		reading.uidl = reading.list = ~0UL;
	}
	result = read_all(link, &reading);
	link_watch(link);
	if (result == RESTANTE_OK && survey_end(&lists->survey, &error) != 0)
		result = RESTANTE_MEMORY;
	return result;
}
