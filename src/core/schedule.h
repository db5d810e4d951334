// SPDX-License-Identifier: ISC
//
// Whose bytes go next: deficit round robin with a first turn for new flows (RFC 8290, section
// 4.2) inside each of four priority classes, the classes themselves weighted 64:16:4:1. A stream
// stands in at most one list; one that lacks credit stands in none.

#pragma once

#include "core/stream_pool.h"

namespace tunnel::core {

constexpr uint32_t priority_classes = 4;
constexpr int schedule_quantum = 16384; // bytes, at weight 16

struct ReadyClass {
    SlotList<ready_link> fresh; // just became ready, served first
    SlotList<ready_link> old;
    int64_t allowance; // bytes left in this round of the classes
};

struct Schedule {
    ReadyClass classes[priority_classes];
    uint32_t sendable; // streams that could send now
    uint32_t linked;   // streams in lists; some may have nothing left
    // Bytes that left while more was always waiting: the rate of the link.
    uint64_t busy_since_us; // 0: not busy
    uint64_t busy_bytes;
    uint64_t rate; // bytes per second, 0: unknown
};

// To be called after every change that bears on whether `stream` can send. `was_idle` gives it
// the first turn of a new flow.
void schedule_update(Schedule &schedule, const StreamPool &pool, Stream &stream, bool was_idle);
void schedule_remove(Schedule &schedule, const StreamPool &pool, Stream &stream);
// The stream whose turn it is, or nullptr. It keeps its turn until schedule_sent().
Stream *schedule_pick(Schedule &schedule, const StreamPool &pool);
// A frame of `bytes`, header included, was made from the stream that was picked.
void schedule_sent(Schedule &schedule, const StreamPool &pool, Stream &stream, uint32_t bytes);
// Payload bytes that one frame may have now.
uint32_t schedule_frame_limit(const Schedule &schedule, const tn_mux_config &config);
// A gather is over; `more` says whether it left something.
void schedule_gathered(Schedule &schedule, uint64_t now_us, uint64_t bytes, bool more);

} // namespace tunnel::core
