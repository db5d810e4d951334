// SPDX-License-Identifier: ISC
//
// What one worker counts: written on its thread, read anywhere, summed when somebody asks.

#pragma once

#include "base/clock.h"
#include "server/reason.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace tunnel {

// One writer: no locked instruction is needed.
class Counter {
public:
    void add(uint64_t n = 1) { value_.store(get() + n, std::memory_order_relaxed); }
    void sub(uint64_t n = 1) { value_.store(get() - n, std::memory_order_relaxed); }
    uint64_t get() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<uint64_t> value_ = 0;
};

// How many took up to each bound, and how long all together.
struct Histogram {
    static constexpr std::array<Micros, 13> bounds = {
        millisecond,       2500,       5 * millisecond,  10 * millisecond, 25 * millisecond,
        50 * millisecond,  100000,     250 * millisecond, 500 * millisecond, second,
        2500 * millisecond, 5 * second, 10 * second};

    void add(Micros took)
    {
        size_t place = 0;
        while (place < bounds.size() && took > bounds[place])
            place++;
        counts[place].add();
        sum.add(took);
    }

    std::array<Counter, bounds.size() + 1> counts; // the last: longer than all bounds
    Counter sum;                                   // microseconds
};

struct Counters {
    Counter visitors; // connected now
    Counter links;    // of clients, logged in now
    Counter logins;   // of links, since the start
    Counter logins_refused;
    Counter handshakes_dropped; // control connections closed unheard, for their number
    std::array<Counter, reason_count> rejects;

    std::array<Counter, 6> responses; // by the first digit of the status; 0: none was sent
    Counter bytes_in;                 // of requests' bodies
    Counter bytes_out;                // of responses
    Histogram durations;              // of exchanges that were no upgrade

    void reject(Reason reason) { rejects[unsigned(reason)].add(); }
};

// Open descriptors of this process.
uint64_t count_descriptors();

} // namespace tunnel
