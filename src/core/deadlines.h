// SPDX-License-Identifier: ISC
//
// The timers of one mux's streams, a first-in-first-out queue for each class: since a class has
// one duration, its queue is sorted, and arming, cancelling and expiring are O(1).

#pragma once

#include "core/stream_pool.h"

namespace tunnel::core {

struct Deadlines {
    SlotList<timer_link> queue[timer_classes];
    uint32_t duration_ms[timer_classes]; // 0: this class never fires
    uint64_t now_us;
};

// Replaces whatever timer the stream had.
void deadline_arm(Deadlines &deadlines, const StreamPool &pool, Stream &stream, Timer timer);
void deadline_cancel(Deadlines &deadlines, const StreamPool &pool, Stream &stream);
// A stream whose time has come, its timer still set; nullptr if none.
Stream *deadline_due(const Deadlines &deadlines, const StreamPool &pool);
uint64_t deadline_next_us(const Deadlines &deadlines, const StreamPool &pool);

} // namespace tunnel::core
