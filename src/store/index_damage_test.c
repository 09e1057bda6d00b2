/*
 * Every kind of index that must not be used, for every kind of maildrop, beside the mail and apart
 * from it: no session notices, it is told of once, and the next sessions have a good one.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <xxhash.h>

#include "base/log.h"
#include "store/index_file.h"
#include "store/mbox_index_file.h"
#include "store/store.h"

#define MESSAGES   3
#define SIZE_MAX_OF_INDEX 4096
#define ENVELOPE   "From anna@example.org Fri Jul  8 12:08:34 2011\n"

static char root[] = "/tmp/restante-damage-XXXXXX";
static int log_file, index_directory;

struct index_octets {
	_Alignas(8) char octets[SIZE_MAX_OF_INDEX];
	size_t size;
};

static const char *const letters[MESSAGES] = {
	"Subject: a\n\nalpha\n", "Subject: b\n\nbeta\n", "Subject: c\n\ngamma\n",
};

static void
file_put(const char *path, const char *text, int flags)
{
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	close(file);
}

static void
maildir_make(const char *directory)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/new", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/cur", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	for (int i = 0; i < MESSAGES; i++) {
		snprintf(path, sizeof(path), "%s/cur/%d.M1P1.mx:2,S", directory, 1000 + i);
		file_put(path, letters[i], O_EXCL);
	}
}

static void
maildir_deliver(const char *directory)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/new/2000.M1P1.mx", directory);
	file_put(path, "Subject: d\n\ndelta\n", O_EXCL);
}

static void
mbox_make(const char *directory)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/box", directory);
	for (int i = 0; i < MESSAGES; i++) {
		file_put(path, ENVELOPE, O_APPEND);
		file_put(path, letters[i], O_APPEND);
		file_put(path, "\n", O_APPEND);
	}
}

static void
mbox_deliver(const char *directory)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/box", directory);
	file_put(path, ENVELOPE "Subject: d\n\ndelta\n\n", O_APPEND);
}

static const struct kind {
	const char *name, *place, *index;
	size_t header_size, entry_size;
	void (*make)(const char *directory);
	void (*deliver)(const char *directory);
} kinds[] = {
	{ "maildir", "maildir:%s", "restante-index", sizeof(struct index_header),
	    sizeof(struct index_entry), maildir_make, maildir_deliver },
	{ "mbox", "mbox:%s/box", ".box.restante-index", sizeof(struct mbox_index_header),
	    sizeof(struct mbox_entry), mbox_make, mbox_deliver },
};

/* One maildrop of a kind. */
struct maildrop {
	const struct kind *kind;
	char directory[64], place[160], index[192];
	int index_directory;
};

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	return walk->level == 0 ? 0 : remove(path);
}

static void
maildrop_make(struct maildrop *m, const struct kind *kind, const char *name, bool apart)
{
	uint8_t digest[INDEX_MAILDROP_SIZE];
	struct index_place place;
	char *path;

	*m = (struct maildrop){ .kind = kind, .index_directory = apart ? index_directory : STORE_INDEX_BESIDE };
	snprintf(m->directory, sizeof(m->directory), "%s/%s", root, name);
	snprintf(m->place, sizeof(m->place), kind->place, m->directory);
	snprintf(m->index, sizeof(m->index), "%s/%s", m->directory, kind->index);
	if (apart) {
		path = strchr(m->place, ':') + 1;
		index_maildrop_digest(digest, kind->name, path);
		index_place_apart(&place, index_directory, digest);
		snprintf(m->index, sizeof(m->index), "%s/indexes/%.64s", root, place.name);
	}
	assert_int_equal(mkdir(m->directory, 0700), 0);
	kind->make(m->directory);
}

static void
index_load(const struct maildrop *m, struct index_octets *index)
{
	int file = open(m->index, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(file, index->octets, sizeof(index->octets));

	assert_true(file >= 0 && n >= 0 && (size_t)n < sizeof(index->octets));
	index->size = (size_t)n;
	close(file);
}

/* As a new file, as a rename leaves it. */
static void
index_store(const struct maildrop *m, const struct index_octets *index)
{
	int file;

	assert_int_equal(unlink(m->index), 0);
	file = open(m->index, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(write(file, index->octets, index->size), (ssize_t)index->size);
	close(file);
}

/* Another file, or one that was written since, has another mark. */
static int64_t
index_mark(const struct maildrop *m)
{
	struct stat status;

	assert_int_equal(stat(m->index, &status), 0);
	return (int64_t)status.st_ino ^ (status.st_ctim.tv_sec << 32) ^ (status.st_ctim.tv_nsec << 12);
}

/* A session that sees everything, and everything right. */
static void
session_run(const struct maildrop *m, const char *what, size_t first)
{
	struct error error = { .kind = ERROR_NONE };
	struct store *store;
	uint64_t octets = 0;

	if (store_open_with(&store, m->place, m->index_directory, &error) != 0)
		fail_msg("%s: %s", what, error.text);
	assert_int_equal(store->count, MESSAGES);
	for (size_t n = 0; n < MESSAGES; n++) {
		size_t i = (first + n) % MESSAGES;
		struct message message;
		char text[64];
		ssize_t size;

		if (store_message(store, i, &message, &error) != 0)
			fail_msg("%s: message %zu: %s", what, i, error.text);
		octets += message.size;
		size = store_read(store, i, 0, text, sizeof(text), &error);
		if (size != (ssize_t)strlen(letters[i]) || memcmp(text, letters[i], (size_t)size) != 0)
			fail_msg("%s: message %zu is another: %s", what, i, error.text);
		assert_int_equal(message.size, size + 3);
	}
	assert_int_equal(octets, store->octets);
	store_release(store);
	store_close(store);
}

static void
log_clear(void)
{
	assert_int_equal(ftruncate(log_file, 0), 0);
	assert_int_equal(lseek(log_file, 0, SEEK_SET), 0);
}

/* How many lines say that an index was ignored; all of them must give that reason. */
static size_t
log_count(const char *what, const char *reason)
{
	char text[8192];
	ssize_t n = pread(log_file, text, sizeof(text) - 1, 0);
	size_t count = 0;

	assert_true(n >= 0);
	text[n] = '\0';
	for (const char *line = text; (line = strstr(line, "index-ignored")) != NULL; line++) {
		count++;
		if (strstr(line, reason) == NULL)
			fail_msg("%s: %s", what, line);
	}
	return count;
}

static struct index_head *
head_of(struct index_octets *index)
{
	return (struct index_head *)index->octets;
}

static uint64_t *
checksum_of(struct index_octets *index, const struct kind *kind)
{
	return (uint64_t *)(void *)(index->octets + kind->header_size - sizeof(uint64_t));
}

static void
checksum_make(struct index_octets *index, const struct kind *kind)
{
	*checksum_of(index, kind) = XXH3_64bits(index->octets, kind->header_size - sizeof(uint64_t));
}

static void
damage_cut(struct index_octets *index, const struct kind *kind, unsigned variant)
{
	const size_t sizes[] = { 0, kind->header_size - 1, kind->header_size, index->size - 1 };

	index->size = sizes[variant];
}

/* A header in which each number has the other order; its checksum is right for that machine. */
static void
damage_swap(struct index_octets *index, const struct kind *kind, unsigned variant)
{
	uint64_t *numbers = (uint64_t *)(void *)(index->octets + sizeof(struct index_head));
	struct index_head *b = head_of(index);

	(void)variant;
	b->version = __builtin_bswap32(b->version);
	b->byte_order = __builtin_bswap32(b->byte_order);
	b->header_size = __builtin_bswap32(b->header_size);
	b->entry_size = __builtin_bswap32(b->entry_size);
	while (numbers < checksum_of(index, kind)) {
		*numbers = __builtin_bswap64(*numbers);
		numbers++;
	}
	checksum_make(index, kind);
	*checksum_of(index, kind) = __builtin_bswap64(*checksum_of(index, kind));
}

static void
damage_age(struct index_octets *index, const struct kind *kind, unsigned variant)
{
	struct index_head *b = head_of(index);

	switch (variant) {
	case 0:
		b->version--;
		break;
	case 1:
		b->version++;
		break;
	case 2:
		b->header_size += 8;	/* a field more */
		break;
	default:
		b->entry_size += 8;
		break;
	}
	checksum_make(index, kind);
}

/* One bit of each octet of the header in turn. */
static void
damage_header(struct index_octets *index, const struct kind *kind, unsigned variant)
{
	size_t at = sizeof(struct index_head) + variant % (kind->header_size - sizeof(struct index_head));

	index->octets[at] ^= (char)(1 << variant % 8);
}

static void
damage_entry(struct index_octets *index, const struct kind *kind, unsigned variant)
{
	index->octets[kind->header_size + variant * kind->entry_size + 25] ^= 0x20;
}

static const struct damage {
	const char *name, *reason;
	void (*make)(struct index_octets *, const struct kind *, unsigned variant);
	unsigned variants;
} damages[] = {
	{ "cut", "not an index", damage_cut, 2 },
	{ "of another byte order", "byte order", damage_swap, 1 },
	{ "of an older or newer version", "another version", damage_age, 4 },
	{ "with a bit flipped in its header", "damaged", damage_header, 64 },
	{ "with a bit flipped behind", "the index is damaged", damage_entry, MESSAGES },
};

/* What was put into the index's place: the sessions that follow. */
static void
assert_cured(const struct maildrop *m, const char *what, const char *reason, size_t first)
{
	struct index_octets before, after;
	int64_t mark;

	index_load(m, &before);
	log_clear();
	session_run(m, what, first);
	if (log_count(what, reason) != 1)
		fail_msg("%s: told %zu times", what, log_count(what, reason));
	index_load(m, &after);
	if (after.size == before.size && memcmp(after.octets, before.octets, after.size) == 0)
		fail_msg("%s: it is still there", what);
	mark = index_mark(m);
	session_run(m, what, first);
	session_run(m, what, 0);
	assert_int_equal(log_count(what, reason), 1);
	if (index_mark(m) != mark)
		fail_msg("%s: the new one is not used", what);
}

static void
kind_damage(const struct kind *kind, bool apart)
{
	struct maildrop m;
	struct index_octets good;
	char what[128];

	maildrop_make(&m, kind, "a", apart);
	usleep(150000);
	session_run(&m, "good", 0);
	index_load(&m, &good);
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
		for (unsigned variant = 0; variant < damages[i].variants; variant++) {
			struct index_octets bad = good;

			snprintf(what, sizeof(what), "%s, %s, %s %u", kind->name, apart ? "apart" : "beside",
			    damages[i].name, variant);
			damages[i].make(&bad, kind, variant);
			index_store(&m, &bad);
			assert_cured(&m, what, damages[i].reason, variant);
		}
	for (unsigned variant = 2; variant < 4; variant++) {
		struct index_octets bad = good;

		damage_cut(&bad, kind, variant);
		index_store(&m, &bad);
		assert_cured(&m, "cut behind the header", "it is cut", 0);
	}
}

static void
clear(void)
{
	char path[64];

	nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	snprintf(path, sizeof(path), "%s/indexes", root);
	assert_int_equal(mkdir(path, 0700), 0);
	if (index_directory > 0)
		close(index_directory);
	index_directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(index_directory >= 0);
}

static void
test_damage_costs_no_session(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (int apart = 0; apart < 2; apart++) {
			clear();
			kind_damage(&kinds[i], apart != 0);
		}
}

/* Also where that other one has the same mail, of the same age. */
static void
test_another_maildrops(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (int apart = 0; apart < 2; apart++) {
			struct maildrop a, b;
			struct index_octets other;

			clear();
			maildrop_make(&a, &kinds[i], "a", apart != 0);
			maildrop_make(&b, &kinds[i], "b", apart != 0);
			usleep(150000);
			session_run(&a, "a", 0);
			session_run(&b, "b", 0);
			index_load(&b, &other);
			/* Beside it an mbox is known by its name, since its inode is another after any rewriting. */
			if (apart == 0 && kinds[i].make == mbox_make) {
				char path[128];

				snprintf(path, sizeof(path), "%s/else", a.directory);
				assert_int_equal(link(strchr(a.place, ':') + 1, path), 0);
				snprintf(a.place, sizeof(a.place), "mbox:%.128s", path);
				snprintf(a.index, sizeof(a.index), "%s/.else.restante-index", a.directory);
				file_put(a.index, "", O_EXCL);
			}
			index_store(&a, &other);
			assert_cured(&a, "another's", "belongs to another maildrop", 0);
		}
}

/* The maildrop is the same, its place is not: an index apart is one of a place. */
static void
test_another_place_with_the_same_mail(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct maildrop a, b;
		struct index_octets other;
		char moved[64];

		clear();
		maildrop_make(&a, &kinds[i], "a", true);
		maildrop_make(&b, &kinds[i], "b", true);
		usleep(150000);
		session_run(&a, "a", 0);
		session_run(&b, "b", 0);
		index_load(&a, &other);
		index_store(&b, &other);
		snprintf(moved, sizeof(moved), "%s/c", root);
		assert_int_equal(rename(b.directory, moved), 0);
		assert_int_equal(rename(a.directory, b.directory), 0);
		assert_cured(&b, "another place's", "belongs to another maildrop", 0);
	}
}

/* Somebody else's temporary file keeps it from being replaced: one line all the same. */
static void
test_what_cannot_be_replaced_is_told_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct index_octets bad;
		struct maildrop m;
		char temporary[256];

		clear();
		maildrop_make(&m, &kinds[i], "a", true);
		usleep(150000);
		session_run(&m, "good", 0);
		index_load(&m, &bad);
		damage_age(&bad, &kinds[i], 1);
		index_store(&m, &bad);
		snprintf(temporary, sizeof(temporary), "%s.tmp", m.index);
		file_put(temporary, "", O_EXCL);
		log_clear();
		for (int session = 0; session < 4; session++)
			session_run(&m, "stuck", 0);
		assert_int_equal(log_count("stuck", "another version"), 1);
	}
}

static void
entry_damage(const struct maildrop *m, unsigned variant)
{
	struct index_octets bad;

	index_load(m, &bad);
	damage_entry(&bad, m->kind, variant);
	index_store(m, &bad);
}

/* What was lent before the damage was met stays; what is removed is what was meant. */
static void
test_met_in_the_middle(void **state)
{
	static const bool marked[MESSAGES] = { false, true, true };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct message first, second, third;
		struct error error;
		struct maildrop m;
		struct store *store;
		char uidl[UIDL_SIZE];

		clear();
		maildrop_make(&m, &kinds[i], "a", false);
		usleep(150000);
		session_run(&m, "good", 0);
		entry_damage(&m, 2);
		assert_int_equal(store_open(&store, m.place, &error), 0);
		assert_int_equal(store_message(store, 0, &first, &error), 0);
		memcpy(uidl, first.uidl, first.uidl_size);
		assert_int_equal(store_message(store, 2, &third, &error), 0);
		assert_int_equal(store_message(store, 1, &second, &error), 0);
		assert_memory_equal(uidl, first.uidl, first.uidl_size);
		store_close(store);
		entry_damage(&m, 2);
		assert_int_equal(store_open(&store, m.place, &error), 0);
		assert_int_equal(store_remove(store, marked, &error), 0);
		store_close(store);
		assert_int_equal(store_open(&store, m.place, &error), 0);
		assert_int_equal(store->count, 1);
		assert_int_equal(store_message(store, 0, &first, &error), 0);
		assert_memory_equal(uidl, first.uidl, first.uidl_size);
		store_close(store);
	}
}

/* The maildrop is no longer what the index was of: nobody can say what was announced as what. */
static void
test_met_when_mail_has_come(void **state)
{
	static const bool marked[MESSAGES + 1] = { true, true, true };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (int removing = 0; removing < 2; removing++) {
			struct message message;
			struct error error;
			struct maildrop m;
			struct store *store;

			clear();
			maildrop_make(&m, &kinds[i], "a", false);
			usleep(150000);
			session_run(&m, "good", 0);
			entry_damage(&m, 2);
			assert_int_equal(store_open(&store, m.place, &error), 0);
			kinds[i].deliver(m.directory);
			assert_int_equal(removing ? store_remove(store, marked, &error)
			                          : store_message(store, 2, &message, &error), -1);
			assert_int_equal(error.kind, ERROR_TEMPORARY);
			store_close(store);
			assert_int_equal(store_open(&store, m.place, &error), 0);
			assert_int_equal(store->count, removing ? 2 : 4);
			store_close(store);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damage_costs_no_session),
		cmocka_unit_test(test_another_maildrops),
		cmocka_unit_test(test_another_place_with_the_same_mail),
		cmocka_unit_test(test_what_cannot_be_replaced_is_told_once),
		cmocka_unit_test(test_met_in_the_middle),
		cmocka_unit_test(test_met_when_mail_has_come),
	};
	int result;

	log_file = memfd_create("log", MFD_CLOEXEC);
	if (mkdtemp(root) == NULL || log_file < 0)
		return 1;
	log_descriptor_set(log_file, LOG_FORM_PLAIN);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(root);
	return result;
}
