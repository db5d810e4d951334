// SPDX-License-Identifier: ISC
//
// Eight bytes at a time. In each mask the highest bit of a byte says yes; only the lowest of the
// bits that are set is sure, since a byte that says yes may borrow from the next.

#ifndef CORE_WORDS_H
#define CORE_WORDS_H

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace tunnel::core {

constexpr uint64_t each_byte = 0x0101010101010101;
constexpr uint64_t high_bits = each_byte * 0x80;

inline uint64_t load_word(const void *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    if constexpr (std::endian::native == std::endian::big)
        word = __builtin_bswap64(word);
    return word;
}

inline uint64_t bytes_below(uint64_t word, uint8_t bound) // bound <= 0x80
{
    return (word - each_byte * bound) & ~word & high_bits;
}

inline uint64_t bytes_equal(uint64_t word, uint8_t byte)
{
    uint64_t zero = word ^ (each_byte * byte);
    return (zero - each_byte) & ~zero & high_bits;
}

#ifdef __SSE2__
// And sixteen, where every bit is sure.
inline __m128i load_block(const void *at)
{
    return _mm_loadu_si128(static_cast<const __m128i *>(at));
}

inline __m128i bytes_in_range(__m128i block, uint8_t first, uint8_t last)
{
    __m128i from_first = _mm_sub_epi8(block, _mm_set1_epi8(static_cast<char>(first)));
    __m128i most = _mm_set1_epi8(static_cast<char>(last - first));
    return _mm_cmpeq_epi8(_mm_min_epu8(from_first, most), from_first);
}

inline unsigned bits_of(__m128i block) { return static_cast<unsigned>(_mm_movemask_epi8(block)); }
#endif

inline size_t first_in(uint64_t mask) { return static_cast<size_t>(std::countr_zero(mask)) / 8; }

} // namespace tunnel::core

#endif
