/* See known.h. Each has its place; whoever comes later to the same takes it. */

#include "lmtp/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lmtp/lmtp.h"

struct known {
	uint64_t until;		/* of loop->now */
	char user[USER_SIZE];	/* who else is meant by it follows from the settings */
	struct ipc_warrant warrant;
};

static const char *
name_of(const struct ipc_recipient *question)
{
	return question->extended[0] != '\0' ? question->extended : question->user;
}

/* FNV-1a. The clients are MTAs of ours: who makes names collide makes auth be asked, as without this. */
static size_t
slot_of(const struct ipc_recipient *question)
{
	uint32_t hash = 2166136261u;

	for (const char *c = name_of(question); *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return (hash ^ hash >> 16) & (KNOWN_SLOTS - 1);
}

const struct ipc_warrant *
known_find(const struct lmtp *lmtp, const struct ipc_recipient *question)
{
	const struct known *known = lmtp->known != NULL ? &lmtp->known[slot_of(question)] : NULL;

	if (known == NULL || known->until <= lmtp->loop.now || strcmp(known->user, name_of(question)) != 0)
		return NULL;
	return &known->warrant;
}

/* Without memory auth is asked each time. */
void
known_keep(struct lmtp *lmtp, const struct ipc_recipient *question, const struct ipc_warrant *warrant)
{
	struct known *known;

	if (lmtp->known == NULL)
		lmtp->known = calloc(KNOWN_SLOTS, sizeof(*lmtp->known));
	if (lmtp->known == NULL)
		return;
	known = &lmtp->known[slot_of(question)];
	known->until = lmtp->loop.now + KNOWN_MILLISECONDS;
	snprintf(known->user, sizeof(known->user), "%s", name_of(question));
	known->warrant = *warrant;
}

void
known_forget_all(struct lmtp *lmtp)
{
	free(lmtp->known);
	lmtp->known = NULL;
}
