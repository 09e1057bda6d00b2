/* See maildir_list.h. */

#include "store/maildir_list.h"

#include <stdint.h>
#include <string.h>

#include "store/maildir_file.h"
#include "store/maildir_scan.h"
#include "store/maildir_uidl.h"
#include "store/store.h"

/*
 * The same file among what is known, from *k on, which moves to the first that is not before it:
 * several files may have one base, new/ and cur/ one each. NULL: it is new, or there is damage.
 */
static const struct index_entry *
known_find(const struct index_list *known, size_t *k, const struct index_list *list,
    const struct index_entry *entry, bool *damaged)
{
	size_t at = *k;

	for (; at < known->count; at++) {
		int order;

		*damaged = !index_entry_sound(known, at);
		if (*damaged)
			return NULL;
		order = maildir_compare(known, &known->entries[at], list, entry);
		if (order < 0)
			*k = at + 1;
		else if (order > 0 || known->entries[at].inode == entry->inode)
			return order == 0 ? &known->entries[at] : NULL;
	}
	return NULL;
}

/* What is known already of the messages that are still there. Both lists have one order. */
static int
list_recall(struct index_list *list, const struct index_list *known, bool *damaged)
{
	size_t k = 0;

	for (size_t i = 0; i < list->count && !*damaged; i++) {
		struct index_entry *entry = &list->grown[i];
		const struct index_entry *old = known_find(known, &k, list, entry, damaged);

		if (old == NULL)
			continue;
		if (old->flags & INDEX_SIZED) {
			entry->wire_size = old->wire_size;
			entry->flags |= old->flags & (INDEX_SIZED | INDEX_COUNTED | INDEX_WIRE_FORM);
			entry->stamp = old->stamp;
		}
		if (old->uidl_size > 0 && index_set_uidl(list, i, index_own_uidl(known, old)) != 0)
			return -1;
	}
	return 0;
}

/* Messages that vanished before they were counted have no number yet: they are left out. */
static void
gone_drop(struct index_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if ((list->grown[i].flags & INDEX_GONE) == 0)
			list->grown[kept++] = list->grown[i];
	list->count = kept;
}

/* Adds up; a size that is only estimated must be counted next time, so nothing is settled then. */
static void
list_complete(struct index_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		list->octets += list->entries[i].wire_size;
		if ((list->entries[i].flags & INDEX_SIZED) == 0)
			list->stamps[MAILDIR_NEW].settled = list->stamps[MAILDIR_CUR].settled = false;
	}
	index_shrink(list);
}

struct renewal {
	size_t count_max;	/* of messages; with more there is no list */
	bool opens;	/* the messages whose sizes are not known; else there is no list then */
	bool complete;	/* the list is one, even if some sizes have to wait */
	bool damaged;	/* what is known */
};

static const struct renewal for_a_session = { .count_max = SIZE_MAX, .opens = true };

static bool
is_sized(const struct index_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if ((list->entries[i].flags & INDEX_SIZED) == 0)
			return false;
	return true;
}

/* Reads what has changed since the index was written (known; NULL: there is none). */
static int
list_renew(int maildir, const struct index_list *known, struct index_list *list,
    struct renewal *renewal, struct error *error)
{
	int counted;

	if (maildir_scan(maildir, known, renewal->count_max, list, error) != 0)
		return -1;
	if (known != NULL && list_recall(list, known, &renewal->damaged) != 0)
		return error_set(error, ERROR_TEMPORARY, "no memory for a list of messages");
	if (!renewal->opens && !is_sized(list))
		return error_set(error, ERROR_TEMPORARY, "messages would have to be read");
	counted = maildir_files_count(maildir, list, error);
	gone_drop(list);
	if (maildir_uidls_give(maildir, known, list, error) != 0)
		return -1;
	list_complete(list);
	renewal->complete = true;
	return counted;
}

void
maildir_index_locate(struct index_place *place, int maildir, int index_directory,
    const uint8_t maildrop[INDEX_MAILDROP_SIZE])
{
	if (index_directory == STORE_INDEX_BESIDE)
		index_place_beside(place, maildir, INDEX_NAME);
	else if (index_directory >= 0)
		index_place_apart(place, index_directory, maildrop);
	else
		index_place_none(place);
}

/* Is there an index that can be used, and does it tell all there is? */
enum knowledge { NOTHING_KNOWN, SOME_KNOWN, ALL_KNOWN };

static enum knowledge
known_read(int maildir, const struct index_place *place, struct index_list *known)
{
	struct index_stamp stamps[2];
	struct error problem;
	int found;

	maildir_stamps(maildir, stamps);
	found = index_read(known, place, stamps, &problem);
	if (found < 0)
		index_tell_ignored(place, &problem);
	if (found <= 0)
		return NOTHING_KNOWN;
	return index_stamp_same(&known->stamps[MAILDIR_NEW], &stamps[MAILDIR_NEW]) &&
	        index_stamp_same(&known->stamps[MAILDIR_CUR], &stamps[MAILDIR_CUR])
	    ? ALL_KNOWN
	    : SOME_KNOWN;
}

/* With what is known, which is freed; NULL: nothing. */
static int
list_renew_from(int maildir, const struct index_place *place, struct index_list *known,
    struct index_list *list, struct renewal *renewal, struct error *error)
{
	struct error problem;
	int result;

	if (known != NULL && !index_map(known)) {
		index_free(known);
		known = NULL;
	}
	result = list_renew(maildir, known, list, renewal, error);
	if (renewal->damaged) {
		error_set(&problem, ERROR_TEMPORARY, "a part of the index is damaged");
		index_tell_ignored(place, &problem);
	}
	if (known != NULL)
		index_free(known);
	return result;
}

int
maildir_list_make(int maildir, const struct index_place *place, struct index_list *list, bool *news,
    struct error *error)
{
	struct renewal renewal = for_a_session;
	struct index_list known;
	enum knowledge knowledge = known_read(maildir, place, &known);
	int result;

	if (knowledge == ALL_KNOWN) {
		*list = known;
		return 0;
	}
	result = list_renew_from(maildir, place, knowledge == SOME_KNOWN ? &known : NULL, list, &renewal,
	    error);
	/* What was counted is remembered even if the rest has to wait. */
	*news = renewal.complete;
	return result;
}

int
maildir_list_learn(int maildir, const struct index_place *place, size_t count_max,
    struct index_list *list)
{
	struct renewal renewal = { .count_max = count_max };
	struct index_list known;
	enum knowledge knowledge = known_read(maildir, place, &known);
	struct error error;

	*list = (struct index_list){ 0 };
	if (knowledge == ALL_KNOWN || (knowledge == SOME_KNOWN && known.count > count_max)) {
		index_free(&known);
		return knowledge == ALL_KNOWN ? 0 : -1;
	}
	if (list_renew_from(maildir, place, knowledge == SOME_KNOWN ? &known : NULL, list, &renewal,
		&error) == 0)
		return 1;
	index_free(list);
	return -1;
}

int
maildir_list_again(int maildir, const struct index_list *list, struct index_list *anew)
{
	struct renewal renewal = for_a_session;
	struct error problem;

	*anew = (struct index_list){ 0 };
	if (list_renew(maildir, NULL, anew, &renewal, &problem) == 0 && anew->count == list->count &&
	    anew->octets == list->octets &&
	    index_stamp_same(&list->stamps[MAILDIR_NEW], &anew->stamps[MAILDIR_NEW]) &&
	    index_stamp_same(&list->stamps[MAILDIR_CUR], &anew->stamps[MAILDIR_CUR]))
		return 0;
	index_free(anew);
	return -1;
}
