// SPDX-License-Identifier: ISC
//
// How long to wait before the next try: full jitter, so that the clients of a server that was
// away do not all come back in the same second. No timer, no clock, no random numbers of its
// own.

#pragma once

#include "base/clock.h"

#include <algorithm>
#include <cstdint>

namespace tunnel {

class Backoff {
public:
    struct Settings {
        Micros initial_delay;
        Micros max_delay;
        double multiplier;
        uint64_t max_attempts; // 0: for ever
    };

    explicit Backoff(const Settings &settings) : settings_(settings) {}

    void set(const Settings &settings) { settings_ = settings; } // from the next failure on

    // Tries that have failed, and sessions that were short.
    uint64_t failures() const { return failures_; }

    // As many tries in a row have failed as may.
    bool exhausted() const
    {
        return settings_.max_attempts != 0 && failures_ >= forgiven_ + settings_.max_attempts;
    }

    // One more try failed: the delay before the next, for `random` in [0, 1). What the server
    // asked for comes on top, so that its clients stay spread then too.
    Micros fail(double random, Micros asked_for = 0)
    {
        double grown = double(settings_.initial_delay);
        for (uint64_t i = 0; i < failures_ && grown < double(settings_.max_delay); i++)
            grown *= settings_.multiplier;
        failures_++;
        double spread = std::min(grown, double(settings_.max_delay));
        return std::min(asked_for, most_asked_for) + least + Micros(random * spread);
    }

    // A session ended after `life`, and fail() follows. That it stood ends a row of tries, and its
    // loss is none; only a good one makes the delays short again.
    void lived(Micros life)
    {
        if (life >= good_life)
            failures_ = 0;
        forgiven_ = failures_ + 1;
    }

private:
    static constexpr Micros least = 100 * millisecond;
    static constexpr Micros good_life = 60 * second;
    static constexpr Micros most_asked_for = 600 * second; // of retry_after_ms

    Settings settings_;
    uint64_t failures_ = 0;
    uint64_t forgiven_ = 0; // of them, before this row of tries
};

} // namespace tunnel
