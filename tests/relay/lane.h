// SPDX-License-Identifier: ISC
//
// One direction of an imitated link: says when bytes that enter it now come out at its far end.
// Arithmetic only: time is an argument, in nanoseconds. TCP repairs what a link loses, so a lost
// segment is time here: the round trip of a fast retransmit where more follows it, else a
// retransmission timeout (RFC 6298; 200 ms is Linux' least). Its effect on the congestion window
// is not imitated.

#pragma once

#include "conditions.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace relay {

constexpr size_t segment_size = 1448; // bytes of TCP payload in an Ethernet frame
constexpr size_t largest_chunk = 64 * 1024;
constexpr Nanos least_timeout = 200 * millisecond;

class Lane {
public:
    explicit Lane(uint64_t seed) : random_(seed) {}

    Conditions conditions;
    bool dark = false; // a black hole: nothing goes in, nothing comes out
    uint64_t entered_bytes = 0, lost_segments = 0, corrupted_bytes = 0; // since the start

    // Bytes that may enter at once: half a millisecond's worth, so that nobody waits long behind.
    size_t chunk_size() const;
    bool has_room(Nanos now) const { return room_at() <= now; }
    Nanos room_at() const; // when the buffer has, if nothing enters meanwhile

    // Bytes that our own kernel may take from a sender ahead of us: few milliseconds' worth. On a
    // real link what its congestion window does not allow stays with the sender. 0: any.
    size_t intake() const;

    // `size` bytes enter; returns when they have arrived. `more_follows`: a loss will be noticed
    // within `round_trip`.
    Nanos enter(Nanos now, size_t size, bool more_follows, Nanos round_trip);
    void corrupt(std::span<uint8_t> bytes);

private:
    Nanos time_for(uint64_t size) const;
    Nanos stall(size_t size, bool more_follows, Nanos round_trip);

    Nanos free_at_ = 0; // when all that entered has been put on the wire
    std::mt19937_64 random_;
};

// When a sender whose segment was lost at `since`, and every repetition with it, tries for the
// first time at or after `now`: the timeout doubles each time (RFC 6298 section 5.5).
Nanos next_retransmission(Nanos since, Nanos now);

} // namespace relay
