/*
 * Four registers of 16 octets a block: every arm64 processor. NEON has no instruction that makes a
 * mask: each octet keeps its bit, and pairs are added until eight octets are one. See
 * lines_blocks.h.
 */

#include <arm_neon.h>

#include "mail/lines.h"

#define TARGET

struct block_masks {
	uint64_t lf, cr, dot;
};

static inline uint64_t
octet_mask(uint8x16x4_t parts, char octet)
{
	const uint8x16_t bits = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
	uint8x16_t octets = vdupq_n_u8((uint8_t)octet);
	uint8x16_t first = vpaddq_u8(vandq_u8(vceqq_u8(parts.val[0], octets), bits),
	    vandq_u8(vceqq_u8(parts.val[1], octets), bits));
	uint8x16_t second = vpaddq_u8(vandq_u8(vceqq_u8(parts.val[2], octets), bits),
	    vandq_u8(vceqq_u8(parts.val[3], octets), bits));
	uint8x16_t all = vpaddq_u8(first, second);

	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}

static inline uint8x16x4_t
block_load(const char *text)
{
	uint8x16x4_t parts;

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		parts.val[i] = vld1q_u8((const uint8_t *)text + 16 * i);
	return parts;
}

static inline struct block_masks
block_masks(const char *text)
{
	uint8x16x4_t parts = block_load(text);

	return (struct block_masks){ octet_mask(parts, '\n'), octet_mask(parts, '\r'),
		octet_mask(parts, '.') };
}

static inline void
block_copy(char *to, const char *from)
{
	uint8x16x4_t parts = block_load(from);

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		vst1q_u8((uint8_t *)to + 16 * i, parts.val[i]);
}

#include "mail/lines_blocks.h"

static bool
usable(void)
{
	return true;
}

const struct lines lines_neon = {
	.name = "NEON",
	.usable = usable,
	.count = count,
	.convert = convert,
};
