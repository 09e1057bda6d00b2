/*
 * The index of an mbox that somebody has damaged or made up. First octet: 0 uses the octets as they
 * are; otherwise header and checksums are put right for so many entries (bits 0-6), so that what
 * lies behind them is reached, and for an mbox that has grown since (bit 7).
 */

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "store/mbox_index_file.h"
#include "store/mbox_scan.h"
#include "store/store.h"

#include <xxhash.h>

#define ENVELOPE "From anna@example.org Fri Jul  8 12:08:34 2011\n"
#define BEFORE   ENVELOPE "Subject: a\nStatus: RO\n\nalpha\n\n" ENVELOPE "Subject: b\n\nbeta\n\n"
#define APPENDED ENVELOPE "Subject: c\n\ngamma\n\n"

#define READ_MAX (64 * 1024)

static char directory[] = "/tmp/restante-fuzz-XXXXXX";
static char place[64], index_path[64];
static const char *mbox;
static int file = -1;
static struct mbox_stamp stamp;

static void
remove_directory(void)
{
	(void)unlink(index_path);
	(void)unlink(mbox);
	(void)rmdir(directory);
}

static void
make_directory(void)
{
	struct timespec now;
	struct stat status;

	PROMISE(mkdtemp(directory) != NULL);
	snprintf(place, sizeof(place), "mbox:%s/anna", directory);
	snprintf(index_path, sizeof(index_path), "%s/.anna.restante-index", directory);
	mbox = place + strlen("mbox:");
	file = open(mbox, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	PROMISE(file >= 0 && write(file, BEFORE APPENDED, strlen(BEFORE APPENDED)) > 0);
	atexit(remove_directory);
	usleep(150000);
	PROMISE(fstat(file, &status) == 0 && clock_gettime(CLOCK_REALTIME, &now) == 0);
	index_stamp_make(&stamp.file, &status, &now);
	stamp.size = (uint64_t)status.st_size;
	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
}

/* As if mbox_index_write() had written it, for so many entries as there is room for. */
static size_t
put_right(char *octets, size_t size, uint64_t count, bool grown)
{
	struct mbox_index_header *header = (struct mbox_index_header *)octets;
	struct mbox_entry *entries = (struct mbox_entry *)(header + 1);
	struct error error;

	if (size < sizeof(*header))
		return size;
	if (count > (size - sizeof(*header)) / sizeof(*entries))
		count = (size - sizeof(*header)) / sizeof(*entries);
	header->head = mbox_index_head;
	header->count = count;
	header->stamp = stamp;
	header->end = grown ? strlen(BEFORE) : stamp.size;
	PROMISE(mbox_tail_digest(file, header->end, &header->tail, &error) == 0);
	index_maildrop_digest(header->maildrop, "mbox", "anna");
	header->checksum = XXH3_64bits(header, offsetof(struct mbox_index_header, checksum));
	for (uint64_t i = 0; i < count; i++)
		entries[i].checksum = XXH3_64bits((const char *)&entries[i] + sizeof(entries[i].checksum),
		    sizeof(entries[i]) - sizeof(entries[i].checksum));
	return sizeof(*header) + count * sizeof(*entries);
}

static void
message_read(struct store *store, size_t index)
{
	char buffer[300];
	struct error error;
	uint64_t offset = 0;
	ssize_t n;

	while (offset < READ_MAX &&
	    (n = store_read(store, index, offset, buffer, sizeof(buffer), &error)) > 0) {
		PROMISE((size_t)n <= sizeof(buffer));
		offset += (uint64_t)n;
	}
}

static void
session_run(void)
{
	struct store *store;
	struct error error;

	if (store_open(&store, place, &error) != 0)
		return;
	for (size_t i = 0; i < store->count && i < 100; i++) {
		struct message message;

		if (store_message(store, i, &message, &error) != 0)
			continue;
		PROMISE(message.uidl_size < UIDL_SIZE);
		message_read(store, i);
	}
	store_close(store);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how = fuzz_octet(&data, &size);
	char *octets = fuzz_text(data, size);
	int index;

	if (file < 0)
		make_directory();
	if (how > 0)
		size = put_right(octets, size, how & 0x7f, how & 0x80);
	index = open(index_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	PROMISE(index >= 0 && write(index, octets, size) == (ssize_t)size);
	close(index);
	session_run();
	free(octets);
	return 0;
}
