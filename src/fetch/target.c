/* See target.h: what all kinds of targets have in common. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/octets.h"
#include "fetch/target_inside.h"

#define TIMEOUT_SECONDS 300
#define BOOT_ID_FILE    "/proc/sys/kernel/random/boot_id"

static const struct target_ops *const kinds[] = { &target_maildir_ops, &target_mbox_ops, &target_lmtp_ops,
	&target_smtp_ops, &target_command_ops };

/* Opening */

static const struct target_ops *
kind_find(const char *place, const char **rest)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t size = strlen(kinds[i]->scheme);

		if (strncmp(place, kinds[i]->scheme, size) == 0 && place[size] == ':') {
			*rest = place + size + 1;
			return kinds[i];
		}
	}
	return NULL;
}

static int
sender_take(struct target *target, const char *text, struct error *error)
{
	const char *problem;

	if (text == NULL || text[0] == '\0' || strcmp(text, "<>") == 0)
		return 0;
	problem = path_parse(&target->sender, text);
	if (problem != NULL)
		return error_set(error, ERROR_PERMANENT, "the sender %.100s: %s", text, problem);
	path_text(&target->sender, target->sender_text);
	return 0;
}

/* Nobody's name: the caller's, where it is one that mail can be addressed to. */
static int
recipient_take(struct target *target, const char *text, struct error *error)
{
	bool is_given = text != NULL && text[0] != '\0';
	char own[LOCAL_OCTETS_MAX + sizeof("@localhost")];
	const char *problem;

	if (!is_given) {
		if (!caller_name(own, LOCAL_OCTETS_MAX + 1))
			return 0;
		snprintf(own + strlen(own), sizeof("@localhost"), "@localhost");
		text = own;
	}
	problem = path_parse(&target->recipient, text);
	if (problem != NULL && !is_given)
		return 0;
	if (problem != NULL)
		return error_set(error, ERROR_PERMANENT, "the recipient %.100s: %s", text, problem);
	target->has_recipient = true;
	path_text(&target->recipient, target->recipient_text);
	return 0;
}

/* A file that cannot be read makes every boot another one: then less is known after a crash. */
static void
boot_id_take(struct target *target, const char *given)
{
	int file = given == NULL ? open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t size = file >= 0 ? octets_read(file, target->boot_id, BOOT_ID_SIZE - 1) : 0;

	if (given != NULL)
		size = snprintf(target->boot_id, BOOT_ID_SIZE, "%s", given);
	target->boot_id[size > 0 ? size : 0] = '\0';
	target->boot_id[strcspn(target->boot_id, " :\r\n")] = '\0';
	if (file >= 0)
		close(file);
}

static int
settings_take(struct target *target, const struct target_settings *settings, struct error *error)
{
	target->place = strdup(settings->place);
	target->account = strdup(settings->account != NULL ? settings->account : "");
	target->server = strdup(settings->server != NULL ? settings->server : "");
	if (target->place == NULL || target->account == NULL || target->server == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a target");
	target->ops = kind_find(target->place, &target->rest);
	if (target->ops == NULL)
		return error_set(error, ERROR_PERMANENT, "mail cannot be put into %.100s: write "
		    "maildir:PATH, mbox:PATH, lmtp:HOST:PORT, lmtp:unix:PATH, smtp:HOST:PORT or command:TEXT",
		    settings->place);
	target->trace = settings->trace;
	target->timeout_seconds = settings->timeout_seconds > 0 ? settings->timeout_seconds : TIMEOUT_SECONDS;
	target->batch_max = !target->ops->is_exact ? 1 :
	    settings->batch_max > 0 && settings->batch_max < TARGET_BATCH_MAX ? settings->batch_max :
	    TARGET_BATCH_MAX;
	boot_id_take(target, settings->boot_id);
	if (sender_take(target, settings->sender, error) != 0 ||
	    recipient_take(target, settings->recipient, error) != 0)
		return -1;
	return target->ops->open != NULL ? target->ops->open(target, target->rest, error) : 0;
}

int
target_open(struct target **opened, const struct target_settings *settings, struct error *error)
{
	struct target *target = calloc(1, sizeof(*target));

	if (target == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a target");
	if (settings_take(target, settings, error) != 0) {
		target_close(target);
		return -1;
	}
	*opened = target;
	return 0;
}

void
target_close(struct target *target)
{
	if (target == NULL)
		return;
	if (target->ops != NULL && target->ops->close != NULL)
		target->ops->close(target);
	free(target->host);
	free(target->port);
	free(target->place);
	free(target->account);
	free(target->server);
	free(target);
}

bool
target_is_exact(const struct target *target)
{
	return target->ops->is_exact;
}

size_t
target_batch_max(const struct target *target)
{
	return target->batch_max;
}

/* Parcels */

void
parcel_fail(struct parcel *parcel, const struct error *error)
{
	parcel->result = -1;
	parcel->error = *error;
}

static int
parcel_fill(struct parcel *parcel, struct error *error)
{
	struct target *target = parcel->target;
	char trace[1024];
	size_t size;

	if (target->ops->begin(parcel, error) != 0)
		return -1;
	target->parcel_count++;
	if (!target->trace)
		return 0;
	size = target_trace(target, target->parcel_count, trace, sizeof(trace));
	return target->ops->write(parcel, trace, size, error);
}

int
parcel_begin(struct parcel **begun, struct target *target, const char *uidl, struct error *error)
{
	struct parcel *parcel = calloc(1, sizeof(*parcel));

	if (parcel == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a message");
	parcel->target = target;
	parcel->spool = -1;
	parcel->uidl = strdup(uidl);
	parcel->look = look_new();
	error_set(&parcel->error, ERROR_TEMPORARY, "the message is not whole");
	parcel->result = -1;
	if (parcel->uidl == NULL || parcel->look == NULL) {
		parcel_end(parcel);
		return error_set(error, ERROR_TEMPORARY, "no memory for a message");
	}
	if (parcel_fill(parcel, error) != 0) {
		parcel_end(parcel);
		return -1;
	}
	*begun = parcel;
	return 0;
}

int
parcel_write(struct parcel *parcel, const void *data, size_t size, struct error *error)
{
	look_add(parcel->look, data, size);
	parcel->octets += size;
	return parcel->target->ops->write(parcel, data, size, error);
}

int
parcel_finish(struct parcel *parcel, struct error *error)
{
	look_end(parcel->look, parcel->message_id_digest, parcel->header_digest);
	if (parcel->target->ops->finish(parcel, error) != 0)
		return -1;
	parcel->is_finished = true;
	parcel->result = 0;
	return 0;
}

const char *
parcel_mark(const struct parcel *parcel)
{
	return parcel->mark;
}

void
parcel_describe(const struct parcel *parcel, struct state_message *message)
{
	*message = (struct state_message){ .uidl = parcel->uidl, .octets = parcel->octets, .mark = parcel->mark };
	memcpy(message->message_id_digest, parcel->message_id_digest, LOOK_DIGEST_SIZE);
	memcpy(message->header_digest, parcel->header_digest, LOOK_DIGEST_SIZE);
}

void
parcel_end(struct parcel *parcel)
{
	if (parcel == NULL)
		return;
	parcel->target->ops->end(parcel);
	look_free(parcel->look);
	free(parcel->uidl);
	free(parcel);
}

void
parcel_leave(struct parcel *parcel)
{
	if (parcel->append != NULL)
		append_leave(parcel->append);
}

int
parcel_result(const struct parcel *parcel, struct error *error)
{
	if (parcel->result != 0)
		*error = parcel->error;
	return parcel->result;
}

bool
parcel_failed_alone(const struct parcel *parcel)
{
	return parcel->result != 0 && (parcel->error.kind == ERROR_DENIED || parcel->is_put_off);
}

/* Those that have not failed, by as many as the kind takes. */
static void
parcels_each(struct parcel *const parcels[], size_t count,
    void (*act)(struct parcel *const parcels[], size_t count))
{
	struct parcel *good[TARGET_BATCH_MAX];
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (parcels[i]->result == 0 && parcels[i]->is_finished && !parcels[i]->is_committed)
			good[used++] = parcels[i];
		if (used > 0 && (used == TARGET_BATCH_MAX || i + 1 == count)) {
			act(good, used);
			used = 0;
		}
	}
}

void
target_prepare(struct target *target, struct parcel *const parcels[], size_t count)
{
	if (target->ops->prepare != NULL)
		parcels_each(parcels, count, target->ops->prepare);
}

void
target_commit(struct target *target, struct parcel *const parcels[], size_t count)
{
	parcels_each(parcels, count, target->ops->commit);
}

int
target_ask(struct target *target, const char *mark, enum target_answer *answer, struct error *error)
{
	const char *rest = NULL;
	const struct target_ops *kind = kind_find(mark, &rest);

	/* It was on its way to another place: nothing is known of it here. */
	if (kind != target->ops)
		return target_ask_nobody(target, mark, answer, error);
	return kind->ask(target, rest, answer, error);
}

int
target_ask_nobody(struct target *target, const char *mark, enum target_answer *answer, struct error *error)
{
	(void)target;
	(void)mark;
	(void)error;
	*answer = TARGET_UNKNOWN;
	return 0;
}

void
target_clear(struct target *target, const char *mark)
{
	const char *rest = NULL;

	if (kind_find(mark, &rest) == target->ops && target->ops->clear != NULL)
		target->ops->clear(target, rest);
}
