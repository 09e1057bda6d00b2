/*
 * See match.h.
 *
 * What is digested of a header is a list of what authors write, rather than all but what servers add: the
 * latter are many and not known in advance (Received, Return-Path, Delivered-To, X-UIDL, Status,
 * X-Mozilla-Status, X-Spam-..., and whatever a migration tool leaves). What an author wrote tells messages
 * apart well enough together with Message-ID and size.
 */

#include "fetch/match.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <nettle/sha2.h>

#define NAME_SIZE        32
#define HEADER_SIZE_MAX  (1024 * 1024)	/* what is looked at of a header */

static const char *const authors_lines[] = { "from", "sender", "reply-to", "to", "cc", "date", "subject",
	"message-id", "in-reply-to", "references", "mime-version", "content-type" };

/* Where in a line the next octet is. */
enum place {
	PLACE_BEGIN,	/* of a line: a space goes on with the one before */
	PLACE_NAME,
	PLACE_VALUE,
	PLACE_OVER,	/* behind the header */
};

struct look {
	struct sha256_ctx header, message_id;
	enum place place;
	char name[NAME_SIZE];
	size_t name_size;
	size_t size;
	bool takes;			/* the line is an author's */
	bool is_message_id;		/* the first such line */
	bool has_value;			/* an octet of the value was seen */
	bool owes_space;		/* and spaces behind it */
	bool has_line, has_message_id;
};

struct look *
look_new(void)
{
	struct look *look = calloc(1, sizeof(*look));

	if (look == NULL)
		return NULL;
	sha256_init(&look->header);
	sha256_init(&look->message_id);
	return look;
}

void
look_free(struct look *look)
{
	free(look);
}

static void
value_put(struct look *look, uint8_t octet)
{
	sha256_update(&look->header, 1, &octet);
	if (look->is_message_id)
		sha256_update(&look->message_id, 1, &octet);
}

/* The name is known: is the line one of ours? */
static void
name_end(struct look *look)
{
	while (look->name_size > 0 && look->name[look->name_size - 1] == ' ')
		look->name_size--;
	look->name[look->name_size] = '\0';
	look->takes = look->is_message_id = false;
	for (size_t i = 0; i < sizeof(authors_lines) / sizeof(authors_lines[0]); i++)
		look->takes = look->takes || strcmp(look->name, authors_lines[i]) == 0;
	look->has_value = look->owes_space = false;
	look->place = PLACE_VALUE;
	if (!look->takes)
		return;
	sha256_update(&look->header, look->name_size + 1, (const uint8_t *)look->name);
	look->has_line = true;
	look->is_message_id = !look->has_message_id && strcmp(look->name, "message-id") == 0;
	look->has_message_id = look->has_message_id || look->is_message_id;
}

static void
value_end(struct look *look)
{
	static const uint8_t end = '\n';

	if (look->takes)
		sha256_update(&look->header, 1, &end);
	look->takes = look->is_message_id = false;
}

static void
name_take(struct look *look, unsigned char octet)
{
	if (octet == ':')
		name_end(look);
	else if (octet == '\n')
		look->place = PLACE_BEGIN;
	else if (look->name_size < NAME_SIZE - 1)
		look->name[look->name_size++] = (char)tolower(octet == '\t' ? ' ' : octet);
}

/* Any number of spaces, folds among them, is one. */
static void
value_take(struct look *look, unsigned char octet)
{
	if (octet == '\n')
		look->place = PLACE_BEGIN;
	if (!look->takes)
		return;
	if (octet == ' ' || octet == '\t' || octet == '\n') {
		look->owes_space = look->has_value;
		return;
	}
	if (look->owes_space)
		value_put(look, ' ');
	look->owes_space = false;
	look->has_value = true;
	value_put(look, octet);
}

static void
octet_take(struct look *look, unsigned char octet)
{
	if (look->place == PLACE_BEGIN) {
		if (octet == ' ' || octet == '\t') {
			look->place = PLACE_VALUE;
			value_take(look, octet);
			return;
		}
		value_end(look);
		look->name_size = 0;
		look->place = octet == '\n' ? PLACE_OVER : PLACE_NAME;
	}
	if (look->place == PLACE_NAME)
		name_take(look, octet);
	else if (look->place == PLACE_VALUE)
		value_take(look, octet);
}

void
look_add(struct look *look, const void *data, size_t size)
{
	const unsigned char *octets = data;

	for (size_t i = 0; i < size && look->place != PLACE_OVER; i++) {
		if (octets[i] != '\r')
			octet_take(look, octets[i]);
		if (++look->size >= HEADER_SIZE_MAX)
			look->place = PLACE_OVER;
	}
}

void
look_end(struct look *look, uint8_t message_id_digest[LOOK_DIGEST_SIZE],
    uint8_t header_digest[LOOK_DIGEST_SIZE])
{
	value_end(look);
	look->place = PLACE_OVER;
	memset(message_id_digest, 0, LOOK_DIGEST_SIZE);
	memset(header_digest, 0, LOOK_DIGEST_SIZE);
	if (look->has_message_id)
		sha256_digest(&look->message_id, LOOK_DIGEST_SIZE, message_id_digest);
	if (look->has_line)
		sha256_digest(&look->header, LOOK_DIGEST_SIZE, header_digest);
}

bool
match_is_due(size_t listed_count, size_t known_count, size_t expected_count)
{
	return listed_count > 0 && known_count == 0 && expected_count > 0;
}

/* Messages of both sides, sorted so that those that may be the same stand together. */
struct candidate {
	const struct match_message *message;
	bool is_listed;
};

static int
digests_compare(const struct match_message *a, const struct match_message *b)
{
	int order = memcmp(a->header_digest, b->header_digest, LOOK_DIGEST_SIZE);

	return order != 0 ? order : memcmp(a->message_id_digest, b->message_id_digest, LOOK_DIGEST_SIZE);
}

static int
candidates_compare(const void *x, const void *y)
{
	const struct candidate *a = x, *b = y;
	int order = digests_compare(a->message, b->message);

	if (order == 0 && a->message->octets != b->message->octets)
		order = a->message->octets < b->message->octets ? -1 : 1;
	return order != 0 ? order : a->is_listed - b->is_listed;
}

static bool
is_none(const uint8_t digest[LOOK_DIGEST_SIZE])
{
	static const uint8_t none[LOOK_DIGEST_SIZE];

	return memcmp(digest, none, LOOK_DIGEST_SIZE) == 0;
}

/*
 * As many of one side as of the other, in which nothing differs: whichever of them is which, all are known.
 * Returns how many pairs.
 */
static size_t
pairs_of(const struct candidate all[], size_t count, struct match_pair pairs[])
{
	size_t known = 0;

	while (known < count && !all[known].is_listed)
		known++;
	if (known != count - known)
		return 0;
	for (size_t i = 0; i < known; i++)
		pairs[i] = (struct match_pair){ all[i].message->uidl, all[known + i].message->uidl };
	return known;
}

/*
 * Those with the same header. One alone of each side is the same message, whatever its size: that is a
 * hint of the server's. But where there is no Message-ID, or there are several, sizes must agree.
 */
static size_t
group_match(const struct candidate all[], size_t count, struct match_pair pairs[])
{
	size_t used = 0, end;

	if (is_none(all[0].message->header_digest))
		return 0;
	if (count == 2 && all[0].is_listed != all[1].is_listed && !is_none(all[0].message->message_id_digest)) {
		const struct candidate *known = all[0].is_listed ? &all[1] : &all[0];
		const struct candidate *listed = all[0].is_listed ? &all[0] : &all[1];

		pairs[0] = (struct match_pair){ known->message->uidl, listed->message->uidl };
		return 1;
	}
	for (size_t begin = 0; begin < count; begin = end) {
		for (end = begin + 1; end < count; end++)
			if (all[end].message->octets != all[begin].message->octets)
				break;
		used += pairs_of(all + begin, end - begin, pairs + used);
	}
	return used;
}

ptrdiff_t
match_messages(const struct match_message known[], size_t known_count,
    const struct match_message listed[], size_t listed_count, struct match_pair pairs[])
{
	size_t count = known_count + listed_count, used = 0, end;
	struct candidate *all = calloc(count > 0 ? count : 1, sizeof(*all));

	if (all == NULL)
		return -1;
	for (size_t i = 0; i < known_count; i++)
		all[i] = (struct candidate){ &known[i], false };
	for (size_t i = 0; i < listed_count; i++)
		all[known_count + i] = (struct candidate){ &listed[i], true };
	qsort(all, count, sizeof(*all), candidates_compare);
	for (size_t begin = 0; begin < count; begin = end) {
		for (end = begin + 1; end < count; end++)
			if (digests_compare(all[end].message, all[begin].message) != 0)
				break;
		used += group_match(all + begin, end - begin, pairs + used);
	}
	free(all);
	return (ptrdiff_t)used;
}
