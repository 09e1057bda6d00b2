/* See maildir_list.h. */

#include "store/maildir_list.h"

#include <string.h>

#include "store/maildir_file.h"
#include "store/maildir_scan.h"
#include "store/maildir_uidl.h"

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
	bool complete;	/* the list is one, even if some sizes have to wait */
	bool damaged;	/* what is known */
};

/* Reads what has changed since the index was written (known; NULL: there is none). */
static int
list_renew(int maildir, const struct index_list *known, struct index_list *list,
    struct renewal *renewal, struct error *error)
{
	int counted;

	*renewal = (struct renewal){ .complete = false };
	if (maildir_scan(maildir, known, list, error) != 0)
		return -1;
	if (known != NULL && list_recall(list, known, &renewal->damaged) != 0)
		return error_set(error, ERROR_TEMPORARY, "no memory for a list of messages");
	counted = maildir_files_count(maildir, list, error);
	gone_drop(list);
	if (maildir_uidls_give(maildir, known, list, error) != 0)
		return -1;
	list_complete(list);
	renewal->complete = true;
	return counted;
}

int
maildir_list_make(int maildir, const struct index_place *place, struct index_list *list, bool *news,
    struct error *error)
{
	struct index_list known;
	struct index_stamp stamps[2];
	struct error problem;
	struct renewal renewal;
	int found, result;

	maildir_stamps(maildir, stamps);
	found = index_read(&known, place, stamps, &problem);
	if (found < 0)
		index_tell_ignored(place, &problem);
	if (found > 0 && index_stamp_same(&known.stamps[MAILDIR_NEW], &stamps[MAILDIR_NEW]) &&
	    index_stamp_same(&known.stamps[MAILDIR_CUR], &stamps[MAILDIR_CUR])) {
		*list = known;
		return 0;
	}
	if (found > 0 && !index_map(&known)) {
		index_free(&known);
		found = 0;
	}
	result = list_renew(maildir, found > 0 ? &known : NULL, list, &renewal, error);
	/* What was counted is remembered even if the rest has to wait. */
	*news = renewal.complete;
	if (renewal.damaged) {
		error_set(&problem, ERROR_TEMPORARY, "a part of the index is damaged");
		index_tell_ignored(place, &problem);
	}
	if (found > 0)
		index_free(&known);
	return result;
}

int
maildir_list_again(int maildir, const struct index_list *list, struct index_list *anew)
{
	struct error problem;
	struct renewal renewal;

	*anew = (struct index_list){ 0 };
	if (list_renew(maildir, NULL, anew, &renewal, &problem) == 0 && anew->count == list->count &&
	    anew->octets == list->octets &&
	    index_stamp_same(&list->stamps[MAILDIR_NEW], &anew->stamps[MAILDIR_NEW]) &&
	    index_stamp_same(&list->stamps[MAILDIR_CUR], &anew->stamps[MAILDIR_CUR]))
		return 0;
	index_free(anew);
	return -1;
}
