/* See pairs.h. */

#include "maildrop/pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/pair.h"
#include "maildrop/doors.h"

static void
pair_end(struct pair *pair)
{
	close(pair->source.descriptor);
	free(pair);
}

/* Its struct, and what the client said behind its password. */
static bool
handover_is_sound(const struct pair_head *head, const char *body, size_t size)
{
	struct ipc_handover handover;

	if (head->type != PAIR_HANDOVER || size < sizeof(handover) || size > sizeof(handover) + EARLY_SIZE ||
	    !ipc_body_is_sound(IPC_HANDOVER, body))
		return false;
	memcpy(&handover, body, sizeof(handover));
	return handover.pumped && handover.session == head->session;
}

static void
pair_hand_over(struct pair *pair, struct scratch *scratch, size_t size)
{
	struct ipc_handover handover;
	struct arrival *arrival;

	memcpy(&handover, scratch->input, sizeof(handover));
	arrival = arrival_new(pair->slot, &handover, pair->source.descriptor,
	    scratch->input + sizeof(handover), size - sizeof(handover));
	if (arrival == NULL) {
		free(pair);
		return;
	}
	arrival->pair = pair;
	doors_let_in(pair->doors, arrival, scratch);
}

/* What the last client said behind its end is dropped. */
static void
pair_ready(struct source *source, struct scratch *scratch)
{
	struct pair *pair = (struct pair *)source;
	struct pair_head head;
	ssize_t n = pair_receive(source->descriptor, &head, scratch->input, sizeof(scratch->input));

	if ((n < 0 && (errno == EAGAIN || errno == ECONNRESET)) || (n >= 0 && head.type == PAIR_OCTETS)) {
		if (pool_arm(pair->doors->pool, source) != 0)
			pair_end(pair);
	} else if (n >= 0 && handover_is_sound(&head, scratch->input, (size_t)n)) {
		pair_hand_over(pair, scratch, (size_t)n);
	} else {
		if (n >= 0 || errno != EPIPE)
			LOG(LOG_LEVEL_ERROR, "message-refused", LOG_NUMBER("slot", pair->slot),
			    LOG_TEXT("reason", "a pair that says what it must not"));
		pair_end(pair);
	}
}

struct pair *
pair_new(const struct doors *doors, int descriptor, uint32_t slot)
{
	struct pair *pair = malloc(sizeof(*pair));

	if (pair != NULL)
		*pair = (struct pair){ .source = { .descriptor = descriptor, .ready = pair_ready },
			.doors = doors, .slot = slot };
	return pair;
}

void
pair_park(struct pair *pair, bool added)
{
	pair->source.added = added;
	if (pool_arm(pair->doors->pool, &pair->source) != 0)
		pair_end(pair);
}
