/* See headers.h. */

#include "fetch/headers.h"

#include <string.h>

bool
header_is_known(const struct header_digests *digests)
{
	static const struct header_digests none;

	return memcmp(digests, &none, sizeof(none)) != 0;
}

/* One message's header, up to its DONE. */
static enum restante_result
look_at(struct link *link, unsigned long command, struct header_digests *digests)
{
	struct look *look = look_new();
	const struct restante_event *event;
	enum restante_event_type type;

	if (look == NULL)
		return RESTANTE_MEMORY;
	while ((type = restante_session_next(link->session, &event)) != RESTANTE_EVENT_END) {
		if (restante_event_command(event) != command)
			continue;
		if (type == RESTANTE_EVENT_DATA) {
			size_t size;
			const void *data = restante_event_data(event, &size);

			look_add(look, data, size);
		} else if (type == RESTANTE_EVENT_DONE) {
			if (restante_event_result(event) == RESTANTE_OK)
				look_end(look, digests->message_id, digests->header);
			look_free(look);
			return RESTANTE_OK;
		}
	}
	look_free(look);
	return restante_event_result(event) != RESTANTE_OK ? restante_event_result(event) : RESTANTE_CLOSED;
}

/*
 * Had the server said a reply too many or too few, its answer to LIST, which names the message, would not be
 * the next: the library ends the connection at one that is about another, or about none.
 */
static enum restante_result
prove(struct link *link, uint64_t number)
{
	unsigned long command = restante_client_list(link->client, number);
	const struct restante_event *event;
	enum restante_event_type type;

	while ((type = restante_session_next(link->session, &event)) != RESTANTE_EVENT_END) {
		if (type != RESTANTE_EVENT_DONE || restante_event_command(event) != command)
			continue;
		if (restante_event_result(event) == RESTANTE_OK)
			return RESTANTE_OK;
		restante_client_abort(link->client, RESTANTE_BROKEN,
		    "the server has shown the header of a message, and then does not know it: nobody can tell "
		    "which header is whose");
	}
	return restante_event_result(event) != RESTANTE_OK ? restante_event_result(event) : RESTANTE_CLOSED;
}

enum restante_result
headers_look(struct link *link, const struct survey *survey, struct header_digests digests[])
{
	unsigned long replies[LINK_WINDOW];
	size_t asked = 0;

	memset(digests, 0, survey->count * sizeof(*digests));
	for (size_t index = 0; index < survey->count; index++) {
		enum restante_result result;

		for (; asked < survey->count && asked < index + LINK_WINDOW; asked++)
			replies[asked % LINK_WINDOW] =
			    restante_client_top(link->client, survey->messages[asked].number, 0);
		result = look_at(link, replies[index % LINK_WINDOW], &digests[index]);
		if (result != RESTANTE_OK)
			return result;
	}
	return survey->count > 0 ? prove(link, survey->messages[survey->count - 1].number) : RESTANTE_OK;
}
