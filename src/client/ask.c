/* The commands of the caller (RFC 1939, RFC 1460, RFC 2449, RFC 6856): one row for each kind of reply. */

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "client/engine.h"
#include "pop3/listing.h"

/* What is parsed is cut up; the text is to stay whole. */
static char *
copy_text(char copy[REPLY_OCTETS_MAX], const char *text)
{
	memcpy(copy, text, strlen(text) + 1);	/* a line is shorter */
	return copy;
}

static int
set_values(struct restante_client *client, const struct listing *listing)
{
	client->event.number = listing->number;
	client->event.octets = listing->octets;
	if (listing->uidl != NULL)
		client->event.text = listing->uidl;
	return 0;
}

/* A reply about one message must be about the one that was asked for. */
static int
set_of_message(struct restante_client *client, const struct command *command, const struct listing *listing,
    struct error *error)
{
	if (command->message != 0 && listing->number != command->message)
		return error_set(error, ERROR_PROTOCOL,
		    "asked about message %" PRIu64 ", told about %" PRIu64, command->message,
		    listing->number);
	return set_values(client, listing);
}

static int
stat_values(struct restante_client *client, struct command *command, char *text, struct error *error)
{
	char copy[REPLY_OCTETS_MAX];
	struct listing listing;

	(void)command;
	return listing_stat(&listing, copy_text(copy, text), error) != 0 ? -1 : set_values(client, &listing);
}

static int
last_values(struct restante_client *client, struct command *command, char *text, struct error *error)
{
	char copy[REPLY_OCTETS_MAX];
	struct listing listing;

	(void)command;
	return listing_last(&listing, copy_text(copy, text), error) != 0 ? -1 : set_values(client, &listing);
}

static int
scan_values(struct restante_client *client, struct command *command, char *text, struct error *error)
{
	char copy[REPLY_OCTETS_MAX];
	struct listing listing;

	if (listing_scan(&listing, copy_text(copy, text), error) != 0)
		return -1;
	return set_of_message(client, command, &listing, error);
}

static int
uidl_values(struct restante_client *client, struct command *command, char *text, struct error *error)
{
	struct listing listing;

	if (listing_uidl(&listing, text, error) != 0)
		return -1;
	return set_of_message(client, command, &listing, error);
}

/* "+OK 120 octets": a hint, if it is there at all. */
static int
message_values(struct restante_client *client, struct command *command, char *text, struct error *error)
{
	char digits[NUMBER_DIGITS_MAX + 1] = "";
	size_t length = strspn(text, "0123456789");

	(void)error;
	client->event.number = command->message;
	if (length > 0 && length < sizeof(digits) && strncasecmp(text + length, " octets", 7) == 0) {
		memcpy(digits, text, length);
		number_parse(digits, &client->event.octets);
	}
	return 0;
}

enum ask {
	ASK_STAT,
	ASK_LIST,
	ASK_LIST_ONE,
	ASK_UIDL,
	ASK_UIDL_ONE,
	ASK_MESSAGE,
	ASK_CHANGE,
	ASK_LAST,
	ASK_LINE,
	ASK_LINES,
	ASK_CAPA,
	ASK_QUIT,
};

/* What does not leave early says or does something else where nobody is logged in. */
static const struct command_kind kinds[] = {
	[ASK_STAT] = { .shape = SHAPE_LINE, .leaves_early = true, .values = stat_values },
	[ASK_LIST] = { .shape = SHAPE_LIST, .leaves_early = true, .item = scan_values },
	[ASK_LIST_ONE] = { .shape = SHAPE_LINE, .leaves_early = true, .values = scan_values },
	[ASK_UIDL] = { .shape = SHAPE_LIST, .leaves_early = true, .item = uidl_values },
	[ASK_UIDL_ONE] = { .shape = SHAPE_LINE, .leaves_early = true, .values = uidl_values },
	[ASK_MESSAGE] = { .shape = SHAPE_MESSAGE, .leaves_early = true, .values = message_values },
	[ASK_CHANGE] = { .shape = SHAPE_LINE, .leaves_early = true },
	[ASK_LAST] = { .shape = SHAPE_LINE, .leaves_early = true, .values = last_values },
	[ASK_LINE] = { .shape = SHAPE_LINE },
	[ASK_LINES] = { .shape = SHAPE_LIST },
	[ASK_CAPA] = { .shape = SHAPE_LIST, .values = greet_capa_begins, .item = greet_capability },
	[ASK_QUIT] = { .shape = SHAPE_LINE },
};

bool
command_is_quit(const struct command *command)
{
	return command->kind == &kinds[ASK_QUIT];
}

unsigned long
restante_client_stat(struct restante_client *client)
{
	return command_ask(client, &kinds[ASK_STAT], 0, "STAT");
}

unsigned long
restante_client_list(struct restante_client *client, uint64_t number)
{
	if (number == 0)
		return command_ask(client, &kinds[ASK_LIST], 0, "LIST");
	return command_ask(client, &kinds[ASK_LIST_ONE], number, "LIST %" PRIu64, number);
}

unsigned long
restante_client_uidl(struct restante_client *client, uint64_t number)
{
	if (number == 0)
		return command_ask(client, &kinds[ASK_UIDL], 0, "UIDL");
	return command_ask(client, &kinds[ASK_UIDL_ONE], number, "UIDL %" PRIu64, number);
}

unsigned long
restante_client_retr(struct restante_client *client, uint64_t number)
{
	return number == 0 ? 0 : command_ask(client, &kinds[ASK_MESSAGE], number, "RETR %" PRIu64, number);
}

unsigned long
restante_client_top(struct restante_client *client, uint64_t number, uint64_t lines)
{
	return number == 0 ? 0 :
	    command_ask(client, &kinds[ASK_MESSAGE], number, "TOP %" PRIu64 " %" PRIu64, number, lines);
}

unsigned long
restante_client_dele(struct restante_client *client, uint64_t number)
{
	return number == 0 ? 0 : command_ask(client, &kinds[ASK_CHANGE], number, "DELE %" PRIu64, number);
}

unsigned long
restante_client_rset(struct restante_client *client)
{
	return command_ask(client, &kinds[ASK_CHANGE], 0, "RSET");
}

unsigned long
restante_client_noop(struct restante_client *client)
{
	return command_ask(client, &kinds[ASK_CHANGE], 0, "NOOP");
}

unsigned long
restante_client_last(struct restante_client *client)
{
	return command_ask(client, &kinds[ASK_LAST], 0, "LAST");
}

/* Nothing that a caller hands in can end a line and begin another. */
static bool
is_line(const char *text)
{
	return text[0] != '\0' && strpbrk(text, "\r\n") == NULL;
}

unsigned long
restante_client_lang(struct restante_client *client, const char *tag)
{
	if (tag == NULL)
		return command_ask(client, &kinds[ASK_LINES], 0, "LANG");
	return is_line(tag) ? command_ask(client, &kinds[ASK_LINE], 0, "LANG %s", tag) : 0;
}

unsigned long
restante_client_capa(struct restante_client *client)
{
	return command_ask(client, &kinds[ASK_CAPA], 0, "CAPA");
}

unsigned long
restante_client_quit(struct restante_client *client)
{
	unsigned long number = command_ask(client, &kinds[ASK_QUIT], 0, "QUIT");

	if (number != 0)
		client->is_quitting = true;
	return number;
}

unsigned long
restante_client_command(struct restante_client *client, const char *line, bool is_list)
{
	return is_line(line) ? command_ask(client, &kinds[is_list ? ASK_LINES : ASK_LINE], 0, "%s", line) : 0;
}
