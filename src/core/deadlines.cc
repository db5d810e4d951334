// SPDX-License-Identifier: ISC
//
// Deadlines are milliseconds modulo 2^32; differences stay far below half of that (24 days).

#include "core/deadlines.h"

namespace tunnel::core {

// How long after `now` the deadline is, in milliseconds of the clock rounded down.
static int32_t until(const Deadlines &deadlines, uint32_t deadline)
{
    return static_cast<int32_t>(deadline - static_cast<uint32_t>(deadlines.now_us / 1000));
}

void deadline_arm(Deadlines &deadlines, const StreamPool &pool, Stream &stream, Timer timer)
{
    deadline_cancel(deadlines, pool, stream);
    auto index = static_cast<uint32_t>(timer);
    if (deadlines.duration_ms[index] == 0)
        return;
    uint64_t start_ms = (deadlines.now_us + 999) / 1000;
    tag_at(pool, stream.slot).deadline =
        static_cast<uint32_t>(start_ms) + deadlines.duration_ms[index];
    deadlines.queue[index].push_back(pool, stream.slot);
    stream.timer = timer;
}

void deadline_cancel(Deadlines &deadlines, const StreamPool &pool, Stream &stream)
{
    if (stream.timer == Timer::none)
        return;
    deadlines.queue[static_cast<uint32_t>(stream.timer)].remove(pool, stream.slot);
    stream.timer = Timer::none;
}

Stream *deadline_due(const Deadlines &deadlines, const StreamPool &pool)
{
    for (const auto &queue : deadlines.queue)
        if (!queue.empty() && until(deadlines, tag_at(pool, queue.head).deadline) <= 0)
            return &stream_at(pool, queue.head);
    return nullptr;
}

uint64_t deadline_next_us(const Deadlines &deadlines, const StreamPool &pool)
{
    uint64_t next = UINT64_MAX;
    uint64_t now_ms = deadlines.now_us / 1000;
    for (const auto &queue : deadlines.queue) {
        if (queue.empty())
            continue;
        int32_t left = until(deadlines, tag_at(pool, queue.head).deadline);
        uint64_t when = (now_ms + static_cast<uint64_t>(left > 0 ? left : 0)) * 1000;
        next = when < next ? when : next;
    }
    return next;
}

} // namespace tunnel::core
