// SPDX-License-Identifier: ISC
//
// UTF-8 as RFC 3629 has it: no surrogates, no longer forms than needed, nothing above U+10FFFF.

#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <cstddef>
#include <cstdint>

namespace tunnel::core {

// Bytes of the character at `at` (before `end`); 0 if there is none that is well formed.
inline size_t utf8_size(const uint8_t *at, const uint8_t *end)
{
    auto continues = [&](size_t i, uint8_t from = 0x80, uint8_t to = 0xbf) {
        return at[i] >= from && at[i] <= to;
    };
    auto there = static_cast<size_t>(end - at);
    uint8_t first = there > 0 ? at[0] : 0x80;
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return there >= 2 && continues(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        uint8_t from = first == 0xe0 ? 0xa0 : 0x80;
        uint8_t to = first == 0xed ? 0x9f : 0xbf;
        return there >= 3 && continues(1, from, to) && continues(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        uint8_t from = first == 0xf0 ? 0x90 : 0x80;
        uint8_t to = first == 0xf4 ? 0x8f : 0xbf;
        return there >= 4 && continues(1, from, to) && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

} // namespace tunnel::core

#endif
