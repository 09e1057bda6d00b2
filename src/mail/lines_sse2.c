/* Four registers of 16 octets a block: every x86-64 processor. See lines_blocks.h. */

#include <emmintrin.h>

#include "mail/lines.h"

#define TARGET

struct block_masks {
	uint64_t lf, cr, dot;
};

static inline uint64_t
octet_mask(const __m128i parts[4], char octet)
{
	__m128i octets = _mm_set1_epi8(octet);
	uint64_t mask = 0;

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		mask |= (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(parts[i], octets)) << (16 * i);
	return mask;
}

static inline void
block_load(__m128i parts[4], const char *text)
{
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		parts[i] = _mm_loadu_si128((const __m128i_u *)(text + 16 * i));
}

static inline struct block_masks
block_masks(const char *text)
{
	__m128i parts[4];

	block_load(parts, text);
	return (struct block_masks){ octet_mask(parts, '\n'), octet_mask(parts, '\r'),
		octet_mask(parts, '.') };
}

static inline void
block_copy(char *to, const char *from)
{
	__m128i parts[4];

	block_load(parts, from);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		_mm_storeu_si128((__m128i_u *)(to + 16 * i), parts[i]);
}

#include "mail/lines_blocks.h"

static bool
usable(void)
{
	return true;
}

const struct lines lines_sse2 = {
	.name = "SSE2",
	.usable = usable,
	.count = count,
	.convert = convert,
};
