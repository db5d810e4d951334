// SPDX-License-Identifier: ISC
//
// Deficit round robin. A stream that has used its quantum gets another and goes to the end; so
// what it sends is bounded by its share, whatever the length of its frames.

#include "core/schedule.h"

#include <algorithm>

namespace tunnel::core {

constexpr int64_t class_share[priority_classes] = {64, 16, 4, 1};
constexpr int64_t class_quantum = 16384; // bytes; times the share
constexpr int weight_default = 16;
constexpr uint32_t careful_frame = 65536; // bytes, until the rate is known
constexpr uint64_t rate_interval_us = 100'000;

static bool has_fin(const Stream &stream)
{
    return stream.shutdown && !stream.fin_sent && stream.timer != Timer::hold_fin;
}

static bool can_send(const Stream &stream)
{
    if (stream.life != Life::open || (!stream.outbound && !stream.acked))
        return false;
    if (stream.pending || stream.source_ready)
        return stream.send_credit > 0;
    return has_fin(stream);
}

static int16_t quantum(const StreamPool &pool, const Stream &stream)
{
    int weight = tag_at(pool, stream.slot).weight;
    return static_cast<int16_t>(schedule_quantum / deficit_unit * weight / weight_default);
}

static void link(Schedule &schedule, const StreamPool &pool, Stream &stream, bool fresh)
{
    ReadyClass &group = schedule.classes[stream.prio_class];
    (fresh ? group.fresh : group.old).push_back(pool, stream.slot);
    stream.is_new = fresh;
    schedule.linked++;
}

static void unlink(Schedule &schedule, const StreamPool &pool, Stream &stream)
{
    ReadyClass &group = schedule.classes[stream.prio_class];
    (stream.is_new ? group.fresh : group.old).remove(pool, stream.slot);
    schedule.linked--;
}

static void to_old(Schedule &schedule, const StreamPool &pool, Stream &stream)
{
    unlink(schedule, pool, stream);
    link(schedule, pool, stream, false);
}

static void count(Schedule &schedule, Stream &stream, bool sendable)
{
    schedule.sendable += sendable;
    schedule.sendable -= stream.sendable;
    stream.sendable = sendable;
}

void schedule_update(Schedule &schedule, const StreamPool &pool, Stream &stream, bool was_idle)
{
    count(schedule, stream, can_send(stream));
    if (!stream.sendable || linked(stream.ready))
        return;
    if (was_idle)
        stream.deficit = quantum(pool, stream);
    link(schedule, pool, stream, was_idle);
}

void schedule_remove(Schedule &schedule, const StreamPool &pool, Stream &stream)
{
    count(schedule, stream, false);
    if (linked(stream.ready))
        unlink(schedule, pool, stream);
}

static ReadyClass *choose_class(Schedule &schedule)
{
    if (schedule.linked == 0)
        return nullptr;
    for (;;) {
        for (ReadyClass &group : schedule.classes)
            if (group.allowance > 0 && !(group.fresh.empty() && group.old.empty()))
                return &group;
        for (uint32_t i = 0; i < priority_classes; i++) {
            int64_t share = class_share[i] * class_quantum;
            schedule.classes[i].allowance = std::min(schedule.classes[i].allowance + share, share);
        }
    }
}

// Nothing to send now. A new flow that ran dry waits once at the end of the old ones, so that
// it cannot be new again and again; one without credit leaves until it has some.
static void pass_over(Schedule &schedule, const StreamPool &pool, Stream &stream)
{
    bool dry = !stream.pending && !stream.source_ready;
    if (stream.is_new && dry)
        to_old(schedule, pool, stream);
    else
        unlink(schedule, pool, stream);
}

Stream *schedule_pick(Schedule &schedule, const StreamPool &pool)
{
    while (ReadyClass *group = choose_class(schedule)) {
        bool fresh = !group->fresh.empty();
        Stream &stream = stream_at(pool, fresh ? group->fresh.head : group->old.head);
        if (!stream.sendable) {
            pass_over(schedule, pool, stream);
            continue;
        }
        if (stream.deficit > 0)
            return &stream;
        if (schedule.linked == 1) { // alone: nobody to be fair to
            stream.deficit = quantum(pool, stream);
            return &stream;
        }
        stream.deficit = static_cast<int16_t>(stream.deficit + quantum(pool, stream));
        to_old(schedule, pool, stream);
    }
    return nullptr;
}

void schedule_sent(Schedule &schedule, const StreamPool &pool, Stream &stream, uint32_t bytes)
{
    int units = static_cast<int>((bytes + deficit_unit - 1) / deficit_unit);
    stream.deficit = static_cast<int16_t>(std::max(stream.deficit - units, INT16_MIN / 2));
    schedule.classes[stream.prio_class].allowance -= bytes;
    count(schedule, stream, can_send(stream));
    if (!stream.sendable && linked(stream.ready))
        pass_over(schedule, pool, stream);
}

uint32_t schedule_frame_limit(const Schedule &schedule, const tn_mux_config &config)
{
    if (schedule.sendable <= 1)
        return config.max_frame;
    uint32_t most = std::min(config.max_frame, config.contended_frame);
    if (schedule.rate == 0)
        return std::min(most, careful_frame);
    uint64_t limit = schedule.rate * config.frame_time_us / 1'000'000;
    return static_cast<uint32_t>(
        std::clamp<uint64_t>(limit, std::min(config.min_frame, most), most));
}

void schedule_gathered(Schedule &schedule, uint64_t now_us, uint64_t bytes, bool more)
{
    if (!more) {
        schedule.busy_since_us = 0;
        return;
    }
    if (schedule.busy_since_us == 0) { // what went before this moment was not held back
        schedule.busy_since_us = now_us;
        schedule.busy_bytes = 0;
        return;
    }
    schedule.busy_bytes += bytes;
    uint64_t elapsed = now_us - schedule.busy_since_us;
    if (elapsed < rate_interval_us)
        return;
    schedule.rate = std::max<uint64_t>(schedule.busy_bytes * 1'000'000 / elapsed, 1);
    schedule.busy_since_us = now_us;
    schedule.busy_bytes = 0;
}

} // namespace tunnel::core
