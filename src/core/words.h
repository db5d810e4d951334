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

inline size_t first_in(uint64_t mask) { return static_cast<size_t>(std::countr_zero(mask)) / 8; }

} // namespace tunnel::core

#endif
