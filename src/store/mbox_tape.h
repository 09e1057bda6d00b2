/*
 * The system calls that change a file, for tests of crashes: the linker's --wrap leads them through
 * here. They are counted. The n-th can kill the process, as kill -9 does, or lose what was not
 * synced as well, as a power failure does: any of the calls since the last fsync may have reached
 * the disk, and a growth half-way. Or it fails as on a full disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALLS_MAX 64

/* What a call did to the file: it grew or shrank to size, or data was written at offset. */
struct call {
	bool writes;
	uint64_t offset, size;
	uint8_t *data;
};

struct tape {
	unsigned calls, die_at;		/* 0: never */
	unsigned fail_at;		/* this call fails with ENOSPC */
	bool record;
	/* since the last fsync */
	struct call pending[CALLS_MAX];
	size_t pending_count;
	uint8_t *synced;		/* shared: what a power failure leaves for certain */
	size_t *synced_size;
	unsigned chance;		/* which of the pending calls reach the disk */
};

extern struct tape tape;
