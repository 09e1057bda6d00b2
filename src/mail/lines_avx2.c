/* Two registers of 32 octets a block: x86-64 processors since 2013. See lines_blocks.h. */

#include <immintrin.h>

#include "mail/lines.h"

#define TARGET __attribute__((target("avx2,bmi,popcnt")))

struct block_masks {
	uint64_t lf, cr, dot;
};

static inline TARGET uint64_t
octet_mask(__m256i low, __m256i high, char octet)
{
	__m256i octets = _mm256_set1_epi8(octet);
	uint32_t first = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, octets));
	uint32_t second = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, octets));

	return first | (uint64_t)second << 32;
}

static inline TARGET struct block_masks
block_masks(const char *text)
{
	__m256i low = _mm256_loadu_si256((const __m256i_u *)text);
	__m256i high = _mm256_loadu_si256((const __m256i_u *)(text + 32));

	return (struct block_masks){ octet_mask(low, high, '\n'), octet_mask(low, high, '\r'),
		octet_mask(low, high, '.') };
}

static inline TARGET void
block_copy(char *to, const char *from)
{
	__m256i low = _mm256_loadu_si256((const __m256i_u *)from);
	__m256i high = _mm256_loadu_si256((const __m256i_u *)(from + 32));

	_mm256_storeu_si256((__m256i_u *)to, low);
	_mm256_storeu_si256((__m256i_u *)(to + 32), high);
}

#include "mail/lines_blocks.h"

static bool
usable(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	    __builtin_cpu_supports("popcnt");
}

const struct lines lines_avx2 = {
	.name = "AVX2",
	.usable = usable,
	.count = count,
	.convert = convert,
};
