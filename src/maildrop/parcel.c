/* See parcel.h. */

#include "maildrop/parcel.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "maildrop/folder.h"

#define LARGE_OCTETS (256 * 1024)

void
parcel_begin(struct parcel *parcel, const struct ipc_message *message, struct rules *rules)
{
	parcel->deliver = &message->body.deliver;
	parcel->text = message->type == IPC_DELIVER_TEXT ? &message->body.deliver_text : NULL;
	parcel->rules = rules;
	parcel->message = message->descriptor;
	parcel->append = NULL;
	parcel->began_milliseconds = clock_milliseconds();
	parcel->place[0] = '\0';
}

/* Where there is no such folder the message goes to the maildrop: it must go somewhere. */
static void
place_find(struct parcel *parcel)
{
	const struct ipc_deliver *deliver = parcel->deliver;

	if (deliver->folder[0] != '\0' &&
	    folder_find(parcel->place, deliver->warrant.place, deliver->folder))
		return;
	if (deliver->folder[0] != '\0')
		LOG(LOG_LEVEL_INFO, "folder-missing", LOG_SESSION(deliver->session),
		    LOG_TEXT("user", deliver->warrant.user), LOG_TEXT("folder", deliver->folder));
	snprintf(parcel->place, sizeof(parcel->place), "%s", deliver->warrant.place);
}

/* A store ends lines with LF. Returns the head's size. */
static size_t
head_convert(char head[TRACE_SIZE], const struct ipc_deliver *deliver)
{
	size_t used = 0;

	for (size_t i = 0; i < deliver->head_size; i++)
		if (deliver->head[i] != '\r' || i + 1 == deliver->head_size || deliver->head[i + 1] != '\n')
			head[used++] = (char)deliver->head[i];
	return used;
}

/* lmtp takes nothing that is bigger; whoever hands that in may not have room made for it first. */
static bool
is_too_big(const struct parcel *parcel, uint64_t size)
{
	uint64_t limit = parcel->rules->message_octets_max;

	return limit > 0 && size > limit;
}

/* Anything but a file might keep a thread for ever. */
static int
size_find(const struct parcel *parcel, uint64_t *size, struct error *error)
{
	struct stat status;

	if (parcel->text != NULL) {
		*size = parcel->text->size;
		return 0;
	}
	if (parcel->message < 0)
		return error_set(error, ERROR_TEMPORARY, "too many open descriptors");
	if (fstat(parcel->message, &status) != 0 || !S_ISREG(status.st_mode))
		return error_set(error, ERROR_TEMPORARY, "the message is not in a file");
	*size = (uint64_t)status.st_size;
	return 0;
}

int
parcel_look(struct parcel *parcel, bool *large, struct error *error)
{
	const struct ipc_deliver *deliver = parcel->deliver;
	uint64_t size = 0;

	if (size_find(parcel, &size, error) != 0)
		return -1;
	if (is_too_big(parcel, size))
		return error_set(error, ERROR_TEMPORARY, "the message is bigger than lmtp_size_max_octets");
	place_find(parcel);
	parcel->delivery = (struct delivery){ .place = parcel->place,
		.index_directory = parcel->rules->index_directory, .sender = deliver->sender,
		.head = parcel->head, .head_size = head_convert(parcel->head, deliver),
		.message = parcel->message, .text = parcel->text != NULL ? (const char *)parcel->text->text : NULL,
		.message_size = size, .message_size_known = true,
		.quota = { deliver->warrant.octets_max, deliver->warrant.messages_max,
		    parcel->rules->quota_warning_percent } };
	*large = size > LARGE_OCTETS;
	return 0;
}

int
parcel_write(struct parcel *parcel, struct error *error)
{
	return append_begin(&parcel->append, &parcel->delivery, error);
}

int
parcel_commit(struct parcel *parcel, struct append_group *group, struct error *error)
{
	return append_commit(parcel->append, group, error);
}

void
parcel_log(const struct parcel *parcel, const struct error *error)
{
	const struct ipc_deliver *deliver = parcel->deliver;
	const char *user = deliver->warrant.user;

	if (error != NULL) {
		LOG(LOG_LEVEL_WARNING, "delivery-failed", LOG_SESSION(deliver->session),
		    LOG_TEXT("user", user), LOG_TEXT("place", parcel->place),
		    LOG_TEXT("kind", error_kind_name(error->kind)), LOG_REASON(error));
		return;
	}
	LOG(LOG_LEVEL_INFO, "delivered", LOG_SESSION(deliver->session), LOG_TEXT("user", user),
	    LOG_TEXT("place", parcel->place),
	    LOG_NUMBER("octets", parcel->delivery.message_size + parcel->delivery.head_size),
	    LOG_NUMBER("milliseconds", clock_milliseconds() - parcel->began_milliseconds));
	if (parcel->append->quota_warns)
		LOG(LOG_LEVEL_WARNING, "quota-warning", LOG_TEXT("user", user),
		    LOG_NUMBER("percent", parcel->append->quota_percent));
}

void
parcel_end(struct parcel *parcel)
{
	append_end(parcel->append);
	parcel->append = NULL;
	if (parcel->message >= 0)
		close(parcel->message);
	rules_release(parcel->rules);
}
