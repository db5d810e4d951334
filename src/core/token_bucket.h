// SPDX-License-Identifier: ISC
//
// How often something may happen: `burst` times at once, then `rate` times a second.

#pragma once

#include <algorithm>
#include <cstdint>

namespace tunnel::core {

struct TokenBucket {
    uint64_t level = 0; // millionths of a token
    uint64_t filled_us = 0;

    void fill(uint32_t burst, uint64_t now_us)
    {
        level = uint64_t{burst} * 1'000'000;
        filled_us = now_us;
    }

    // Takes one token; false if there is none. A burst of 0 means no limit.
    bool take(uint32_t burst, uint32_t rate, uint64_t now_us)
    {
        if (burst == 0)
            return true;
        uint64_t elapsed = std::min<uint64_t>(now_us - filled_us, 3'600'000'000);
        level = std::min(level + elapsed * rate, uint64_t{burst} * 1'000'000);
        filled_us = now_us;
        if (level < 1'000'000)
            return false;
        level -= 1'000'000;
        return true;
    }
};

} // namespace tunnel::core
