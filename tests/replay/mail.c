/* See mail.h. */

#include "replay/mail.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "mail/wire.h"
#include "replay/calls.h"
#include "store/store.h"

static char problem[1024];

#define PROBLEM(...) (snprintf(problem, sizeof(problem), __VA_ARGS__), problem)

/* Short and long, with CRLF or LF, dots, and without a last line end. */
size_t
letter_write(size_t number, char *buffer, size_t size)
{
	const char *end = number % 3 == 1 ? "\r\n" : "\n";
	size_t lines = number % 4 == 3 ? 60 : number % 5;
	int used = snprintf(buffer, size, "Subject: letter %zu%s%s", number, end, end);

	for (size_t i = 0; i < lines; i++)
		used += snprintf(buffer + used, size - (size_t)used, "%sline %zu of letter %zu%s",
		    i == 1 ? "." : "", i, number, end);
	if (number % 5 == 4)
		used += snprintf(buffer + used, size - (size_t)used, "the end of %zu", number);
	return (size_t)used;
}

/* The whole message: NULL if it cannot be read. */
static char *
text_read(struct store *store, size_t index, size_t *size, struct error *error)
{
	size_t capacity = 4096;
	char *text = malloc(capacity);
	ssize_t n;

	assert_non_null(text);
	*size = 0;
	while ((n = store_read(store, index, *size, text + *size, capacity - *size, error)) > 0) {
		*size += (size_t)n;
		if (*size < capacity)
			continue;
		capacity *= 2;
		text = realloc(text, capacity);
		assert_non_null(text);
	}
	if (n == 0)
		return text;
	free(text);
	return NULL;
}

void
mail_learn(struct mail *mail)
{
	struct error error = { .kind = ERROR_NONE };
	struct store *store;

	mail->count = 0;
	calls_close_directory(mail->is_closed);
	if (store_open(&store, mail->place, &error) != 0)
		fail_msg("%s", error.text);
	assert_true(store->count <= LETTERS_MAX);
	for (; mail->count < store->count; mail->count++) {
		struct letter *letter = &mail->letters[mail->count];
		struct message message;

		*letter = (struct letter){ .size = 0 };
		assert_int_equal(store_message(store, mail->count, &message, &error), 0);
		snprintf(letter->uidl, sizeof(letter->uidl), "%.*s", (int)message.uidl_size, message.uidl);
		letter->size = message.size;
		letter->text = text_read(store, mail->count, &letter->text_size, &error);
		assert_non_null(letter->text);
	}
	store_close(store);
	calls_close_directory(false);
}

void
mail_expect(struct mail *mail, const char *text, size_t size, uint64_t arrives_by)
{
	struct letter *letter = &mail->letters[mail->count++];
	struct wire_size wire;

	assert_true(mail->count <= LETTERS_MAX);
	wire_size_begin(&wire);
	wire_size_add(&wire, text, size);
	*letter = (struct letter){ .size = wire_size_end(&wire), .text = malloc(size + 1),
		.text_size = size, .arrives_by = arrives_by };
	assert_non_null(letter->text);
	memcpy(letter->text, text, size);
}

void
mail_free(struct mail *mail)
{
	for (size_t i = 0; i < mail->count; i++)
		free(mail->letters[i].text);
	mail->count = 0;
}

struct letter *
mail_find(struct mail *mail, const char *uidl, size_t uidl_size)
{
	for (size_t i = 0; i < mail->count; i++)
		if (strlen(mail->letters[i].uidl) == uidl_size &&
		    memcmp(mail->letters[i].uidl, uidl, uidl_size) == 0)
			return &mail->letters[i];
	return NULL;
}

struct look {
	const struct mail *mail;
	struct store *store;
	unsigned seen[LETTERS_MAX];
	bool may_be_gone;	/* a listed message may turn out not to be there */
	bool may_be_damaged;	/* the session may have to end */
	bool is_damaged;
};

static const char *
message_compare(struct look *look, const struct message *message, const char *text, size_t size)
{
	size_t i = 0;

	while (i < look->mail->count && (look->mail->letters[i].text_size != size ||
	    memcmp(look->mail->letters[i].text, text, size) != 0))
		i++;
	if (i == look->mail->count)
		return PROBLEM("%.*s is not whole, or nobody's: %zu octets \"%.60s\"",
		    (int)message->uidl_size, message->uidl, size, size > 0 ? text : "");
	if (++look->seen[i] > 1)
		return PROBLEM("%.*s is there twice", (int)message->uidl_size, message->uidl);
	if (look->mail->letters[i].size != message->size)
		return PROBLEM("%.*s has the size %" PRIu64 " instead of %" PRIu64,
		    (int)message->uidl_size, message->uidl, message->size, look->mail->letters[i].size);
	if (look->mail->letters[i].uidl[0] != '\0' &&
	    (strlen(look->mail->letters[i].uidl) != message->uidl_size ||
	        memcmp(look->mail->letters[i].uidl, message->uidl, message->uidl_size) != 0))
		return PROBLEM("%s has the UIDL %.*s now", look->mail->letters[i].uidl,
		    (int)message->uidl_size, message->uidl);
	return NULL;
}

static const char *
message_look(struct look *look, size_t index, uint64_t *octets)
{
	struct message message;
	struct error error;
	const char *wrong;
	char *text;
	size_t size;

	if (store_message(look->store, index, &message, &error) != 0) {
		look->is_damaged = true;
		return look->may_be_damaged ? NULL : PROBLEM("damaged: %s", error.text);
	}
	*octets += message.size;
	text = text_read(look->store, index, &size, &error);
	if (text == NULL)
		return error.kind == ERROR_GONE && look->may_be_gone
		    ? NULL
		    : PROBLEM("%.*s cannot be read: %s", (int)message.uidl_size, message.uidl, error.text);
	wrong = message_compare(look, &message, text, size);
	free(text);
	return wrong;
}

static const char *
letters_compare(const struct look *look, uint64_t promised)
{
	for (size_t i = 0; i < look->mail->count; i++) {
		const struct letter *letter = &look->mail->letters[i];

		if (look->seen[i] > 0 && (letter->removed_by & promised) != 0)
			return PROBLEM("%s was removed and is there again", letter->uidl);
		if (look->seen[i] == 0 && letter->removed_by == 0 &&
		    (letter->arrives_by & promised) == letter->arrives_by)
			return PROBLEM("letter %zu %s is missing", i, letter->uidl);
	}
	return NULL;
}

/* One session. */
static const char *
session_look(const struct mail *mail, uint64_t promised, struct look *look)
{
	struct error error;
	uint64_t octets = 0;
	const char *wrong = NULL;

	look->mail = mail;
	if (store_open(&look->store, mail->place, &error) != 0)
		return PROBLEM("cannot be opened: %s", error.text);
	for (size_t i = 0; i < look->store->count && wrong == NULL && !look->is_damaged; i++)
		wrong = message_look(look, i, &octets);
	if (wrong == NULL && !look->is_damaged && octets != look->store->octets)
		wrong = PROBLEM("the sum is %" PRIu64 " instead of %" PRIu64, look->store->octets, octets);
	store_close(look->store);
	return wrong != NULL || look->is_damaged ? wrong : letters_compare(look, promised);
}

static const char *
mail_look(const struct mail *mail, uint64_t promised, struct look *look)
{
	const char *wrong;

	calls_close_directory(mail->is_closed);
	wrong = session_look(mail, promised, look);
	calls_close_directory(false);
	return wrong;
}

const char *
mail_check(const struct mail *mail, uint64_t promised, enum mail_tolerance tolerance)
{
	struct look first = { .may_be_gone = tolerance != MAIL_STRICT, .may_be_damaged = true };
	struct look second = { .may_be_gone = false }, third = { .may_be_gone = false };
	const char *wrong = mail_look(mail, promised, &first);

	if (wrong == NULL)
		wrong = mail_look(mail, promised, &second);
	if (wrong != NULL || tolerance == MAIL_MAY_BE_HIDDEN || unlink(mail->index) != 0)
		return wrong;
	wrong = mail_look(mail, promised, &third);
	if (wrong == NULL && memcmp(second.seen, third.seen, sizeof(second.seen)) != 0)
		wrong = PROBLEM("the index hides a message");
	return wrong;
}
