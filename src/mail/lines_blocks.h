/*
 * count() and convert() of lines.h by blocks of 64 octets, for a file that has defined
 *
 *	TARGET				the attribute for its instructions
 *	struct block_masks block_masks(const char *)	bit i says what octet i is
 *	void block_copy(char *, const char *)		64 octets
 *
 * before including this. What does not fill the blocks is left to memchr().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mail/lines.h"

#define BLOCK_SIZE 64

/* Where something is to be put in, in one block. */
struct block_places {
	uint64_t bare, dots;
};

/* What the block before it ended with, as bit 0. */
struct block_before {
	uint64_t cr, lf;
};

static inline TARGET struct block_places
block_places(const char *text, struct block_before *before)
{
	struct block_masks masks = block_masks(text);
	struct block_places places = {
		.bare = masks.lf & ~(masks.cr << 1 | before->cr),
		.dots = masks.dot & (masks.lf << 1 | before->lf),
	};

	before->cr = masks.cr >> (BLOCK_SIZE - 1);
	before->lf = masks.lf >> (BLOCK_SIZE - 1);
	return places;
}

static TARGET void
count(struct line_counts *counts, const char *text, size_t size, char before)
{
	struct block_before last = { .cr = before == '\r', .lf = before == '\n' };
	uint64_t bare_count = 0, dot_count = 0;
	size_t done = 0;

	for (; size - done >= BLOCK_SIZE; done += BLOCK_SIZE) {
		struct block_places places = block_places(text + done, &last);

		bare_count += (uint64_t)__builtin_popcountll(places.bare);
		if (places.dots != 0)
			dot_count += (uint64_t)__builtin_popcountll(places.dots);
	}
	counts->bare_count += bare_count;
	counts->dot_count += dot_count;
	lines_memchr.count(counts, text + done, size - done, done > 0 ? text[done - 1] : before);
}

/*
 * A block is copied whole, and again from each place on, one octet further. So a copy may read
 * almost a block more than the block, and write two more.
 */
static TARGET size_t
convert(struct line_counts *counts, char *output, size_t output_size, const char *text, size_t size,
    char before)
{
	struct block_before last = { .cr = before == '\r', .lf = before == '\n' };
	uint64_t dot_count = 0;
	size_t done = 0, used = 0;

	while (size - done >= 2 * BLOCK_SIZE && output_size - used >= 3 * BLOCK_SIZE) {
		struct block_places places = block_places(text + done, &last);

		block_copy(output + used, text + done);
		for (uint64_t left = places.bare | places.dots; left != 0; left &= left - 1) {
			size_t place = (size_t)__builtin_ctzll(left);

			output[used++ + place] = text[done + place] == '\n' ? '\r' : '.';
			block_copy(output + used + place, text + done + place);
		}
		if (places.dots != 0)
			dot_count += (uint64_t)__builtin_popcountll(places.dots);
		done += BLOCK_SIZE;
		used += BLOCK_SIZE;
	}
	counts->bare_count += used - done - dot_count;
	counts->dot_count += dot_count;
	return done + lines_memchr.convert(counts, output + used, output_size - used, text + done,
	    size - done, done > 0 ? text[done - 1] : before);
}
