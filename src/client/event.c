/* What an event lends. */

#include "client/engine.h"

unsigned long
restante_event_command(const struct restante_event *event)
{
	return event->command;
}

enum restante_result
restante_event_result(const struct restante_event *event)
{
	return event->result;
}

enum restante_code
restante_event_code(const struct restante_event *event)
{
	return event->code;
}

uint64_t
restante_event_number(const struct restante_event *event)
{
	return event->number;
}

uint64_t
restante_event_octets(const struct restante_event *event)
{
	return event->octets;
}

const char *
restante_event_text(const struct restante_event *event)
{
	return event->text;
}

const void *
restante_event_data(const struct restante_event *event, size_t *size)
{
	*size = event->data_size;
	return event->data;
}
