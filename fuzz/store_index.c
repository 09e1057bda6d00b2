/*
 * An index file that somebody has damaged or made up. First octet: 0 uses the octets as they are;
 * otherwise header and checksums are put right, so that what lies behind them is reached.
 */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "store/index_file.h"

#include <xxhash.h>

static int directory = -1;
static char path[] = "/tmp/restante-fuzz-XXXXXX";

static void
remove_directory(void)
{
	(void)unlinkat(directory, INDEX_NAME, 0);
	(void)rmdir(path);
}

static void
make_directory(void)
{

	PROMISE(mkdtemp(path) != NULL);
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	PROMISE(directory >= 0);
	atexit(remove_directory);
}

static void
look_at_all(const struct index_list *list)
{
	for (size_t i = 0; i < list->count && i < 1000; i++) {
		size_t size = 0;

		if (!index_entry_sound(list, i))
			continue;
		(void)strlen(index_base(list, &list->entries[i]));
		(void)strlen(index_flags(list, &list->entries[i]));
		if (index_uidl(list, &list->entries[i], &size) != NULL)
			PROMISE(size < UIDL_SIZE);
	}
}

/* As if index_write() had written it, for so many entries as there is room for. */
static void
put_right(char *file, size_t size, uint64_t count)
{
	struct index_header *header = (struct index_header *)file;
	struct index_entry *entries = (struct index_entry *)(header + 1);
	char *texts;

	if (size < sizeof(*header))
		return;
	if (count > (size - sizeof(*header)) / sizeof(*entries))
		count = (size - sizeof(*header)) / sizeof(*entries);
	texts = (char *)(entries + count);
	header->head = index_file_head;
	header->count = count;
	header->texts_size = (uint64_t)(file + size - texts);
	header->stamps[0].inode = 1;
	memset(header->maildrop, 0, sizeof(header->maildrop));
	header->checksum = XXH3_64bits(header, offsetof(struct index_header, checksum));
	for (uint64_t i = 0; i < count; i++) {
		struct index_entry *entry = &entries[i];
		size_t octets = (size_t)entry->base_size + entry->flags_size + entry->uidl_size + 3;

		if (entry->name <= header->texts_size && octets <= header->texts_size - entry->name)
			entry->checksum = XXH3_64bits_withSeed((const char *)entry + sizeof(entry->checksum),
			    sizeof(*entry) - sizeof(entry->checksum),
			    XXH3_64bits(texts + entry->name, octets));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct index_stamp stamps[2];
	struct index_place place;
	struct index_list list;
	uint8_t count = fuzz_octet(&data, &size);
	char *text = fuzz_text(data, size);
	struct error error;
	int file;

	if (count > 0)
		put_right(text, size, count);
	if (directory < 0)
		make_directory();
	(void)unlinkat(directory, INDEX_NAME, 0);
	memset(stamps, 0, sizeof(stamps));
	stamps[0].inode = stamps[1].inode = 1;
	file = openat(directory, INDEX_NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	PROMISE(file >= 0 && write(file, text, size) == (ssize_t)size);
	close(file);
	index_place_beside(&place, directory, INDEX_NAME);
	if (index_read(&list, &place, stamps, &error) == 1) {
		look_at_all(&list);
		index_free(&list);
	}
	free(text);
	return 0;
}
