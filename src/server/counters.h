// SPDX-License-Identifier: ISC
//
// What one worker counts: written on its thread, read anywhere, summed when somebody asks.

#pragma once

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

struct Counters {
    Counter visitors; // connected now
    Counter sessions; // logged in now
    Counter logins_refused;
    Counter handshakes_dropped; // control connections closed unheard, for their number
    std::array<Counter, reason_count> rejects;

    void reject(Reason reason) { rejects[unsigned(reason)].add(); }
};

// Open descriptors of this process.
uint64_t count_descriptors();

} // namespace tunnel
