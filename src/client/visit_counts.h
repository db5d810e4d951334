// SPDX-License-Identifier: ISC
//
// Numbers about the visits that have ended: how many, how often of late, how long they took.
// Of fixed size; a visit costs a few stores. No clock of its own.

#pragma once

#include "client/visit.h"

#include <array>

namespace tunnel {

class VisitCounts {
public:
    explicit VisitCounts(Micros now) : began_(now) {}

    void add(const VisitRecord &record, Micros now);

    uint64_t total() const { return total_; }
    uint64_t bytes_in() const { return bytes_in_; }
    uint64_t bytes_out() const { return bytes_out_; }
    Micros began() const { return began_; }
    double per_second(Micros span, Micros now) const; // over the last `span`, at most 5 minutes
    // So many percent of the last ones took no longer; 0: there were none.
    Micros percentile(unsigned percent) const;

private:
    static constexpr Micros slot_time = 5 * second;
    struct Slot {
        uint64_t number; // of slot_time since the clock's zero
        uint64_t count;
    };

    Micros began_;
    uint64_t total_ = 0;
    uint64_t bytes_in_ = 0;
    uint64_t bytes_out_ = 0;
    std::array<Slot, 60> slots_ = {};
    std::array<Micros, 512> took_ = {};
};

} // namespace tunnel
