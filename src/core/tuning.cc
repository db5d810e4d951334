// SPDX-License-Identifier: ISC
//
// A window that limits its stream is used up once in each round trip; so "two thirds of it came
// in the least round-trip time" tells that it does, and "less" that the link does. It doubles
// until the link is full and ends at one and a half bandwidth-delay products: the quarter of a
// window that is not granted yet is missing from it, and what goes beyond that is a queue.

#include "core/tuning.h"

#include "core/mux_state.h"

#include <algorithm>

namespace tunnel::core {

namespace {

// After a window has grown, the first probe still measures the old one.
constexpr uint32_t hurried_probes = 2;
// Bytes both ways beside a ping that make no queue to speak of. A stream that gets less in a
// round trip does not grow either, so a wrong guess here changes nothing.
constexpr uint64_t quiet_bytes = 32768;
// What was learned is worth half as much after this time, if nothing confirms it.
constexpr uint64_t half_life_us = 60'000'000;

void note_rate(tn_mux &mux, uint64_t rtt)
{
    uint64_t bytes = mux.stats.payload_in - mux.tuning.in_at_ping;
    if (bytes == 0)
        return;
    mux.stats.rate_in = std::max(bytes * 1'000'000 / rtt, mux.stats.rate_in / 8 * 7);
    mux.stats.bdp = mux.stats.rate_in * mux.stats.rtt_min_us / 1'000'000;
}

uint32_t learned(const tn_mux &mux)
{
    uint64_t halvings = (mux.clock.now_us - mux.tuning.learned_us) / half_life_us;
    uint32_t window = halvings < 32 ? mux.tuning.learned >> halvings : 0;
    return window > TN_INITIAL_WINDOW ? window : 0;
}

void learn(tn_mux &mux, const Stream &stream)
{
    uint32_t window = stream.window * window_unit;
    if (window <= TN_INITIAL_WINDOW)
        return;
    mux.tuning.learned = window;
    mux.tuning.learned_us = mux.clock.now_us;
}

// What a probe has found out about a stream.
struct Finding {
    uint64_t bytes; // that it consumed
    uint64_t need;  // the same in the least round-trip time
    uint64_t most;  // at the best rate of late
    bool queued;    // the answer had to wait: the link is full
};

// Returns whether the window of the stream grew.
bool tune(tn_mux &mux, Stream &stream, const Finding &found)
{
    uint64_t window = uint64_t{stream.window} * window_unit;
    bool limits = found.need * 3 >= window * 2;
    bool too_large = found.queued && found.bytes * 3 >= window * 2;
    bool grew = false;
    if (limits)
        grew = credit_grow(mux, stream, std::min(found.need, window) * (found.queued ? 3 : 4) / 2);
    else if (too_large)
        credit_trim(mux, stream, found.most * 3 / 2);
    if (found.need * 3 >= window) // half of it would not have done
        learn(mux, stream);
    return grew;
}

} // namespace

void tuning_init(tn_mux &mux)
{
    for (Reader &reader : mux.tuning.readers)
        reader = {.slot = no_slot, .bytes = 0};
}

// An exact count of eight at a time: whoever sends more in one frame than the least of them has
// taken by now gets that place. By frames, so that it does not depend on how input is cut.
void tuning_receive(tn_mux &mux, const Stream &stream, uint32_t size)
{
    if (!mux.ping.outstanding)
        return;
    Reader *least = mux.tuning.readers;
    for (Reader &reader : mux.tuning.readers) {
        if (reader.slot == stream.slot)
            return;
        bool nobody = reader.slot == no_slot && least->slot != no_slot;
        if (nobody || reader.bytes < least->bytes)
            least = &reader;
    }
    if (least->bytes < size)
        *least = {.slot = stream.slot, .bytes = 0};
}

void tuning_consume(tn_mux &mux, const Stream &stream, uint32_t size)
{
    if (!mux.ping.outstanding)
        return;
    for (Reader &reader : mux.tuning.readers)
        if (reader.slot == stream.slot)
            reader.bytes += std::min(size, UINT32_MAX - reader.bytes);
}

void tuning_forget(tn_mux &mux, const Stream &stream)
{
    for (Reader &reader : mux.tuning.readers)
        if (reader.slot == stream.slot)
            reader = {.slot = no_slot, .bytes = 0};
}

void tuning_ping(tn_mux &mux)
{
    Tuning &tuning = mux.tuning;
    tuning.in_at_ping = mux.stats.payload_in;
    tuning.out_at_ping = mux.stats.payload_out;
    for (Reader &reader : tuning.readers)
        reader.bytes = 0;
}

void tuning_pong(tn_mux &mux, uint64_t rtt_us)
{
    Tuning &tuning = mux.tuning;
    uint64_t rtt = std::max<uint64_t>(rtt_us, 1);
    note_rate(mux, rtt);
    uint64_t least = mux.stats.rtt_min_us;
    uint64_t received = std::max<uint64_t>(mux.stats.payload_in - tuning.in_at_ping, 1);
    bool grew = false;
    for (Reader &reader : tuning.readers) {
        if (reader.bytes == 0)
            continue;
        uint64_t bytes = reader.bytes;
        Finding found = {.bytes = bytes,
                         .need = bytes * least / rtt,
                         .most = mux.stats.bdp * bytes / received,
                         .queued = rtt * 4 > least * 5};
        grew |= tune(mux, stream_at(mux.pool->streams, reader.slot), found);
    }
    if (grew)
        tuning.hurry = hurried_probes;
    else if (tuning.hurry)
        tuning.hurry--;
}

void tuning_heard(tn_mux &mux)
{
    if (mux.clock.now_us == mux.last_input_us)
        return;
    mux.tuning.gap_us = mux.clock.now_us - mux.last_input_us;
    mux.tuning.in_at_heard = mux.stats.payload_in;
}

// Either hardly anything travelled beside the ping, or nothing of it just in front of the answer:
// what that waited for in a queue would have come right before it.
bool tuning_undisturbed(const tn_mux &mux, uint64_t rtt_us)
{
    const Tuning &tuning = mux.tuning;
    uint64_t in = mux.stats.payload_in;
    if (mux.stats.payload_out - tuning.out_at_ping > quiet_bytes)
        return false;
    bool alone = tuning.gap_us >= rtt_us / 4 && in - tuning.in_at_heard < quiet_bytes;
    return alone || in - tuning.in_at_ping < quiet_bytes;
}

uint32_t tuning_start(const tn_mux &mux)
{
    bool roomy = mux.stats.window_granted < mux.config.window_budget / 2 &&
                 mux.pool->window_granted < mux.pool->config.window_budget / 2;
    return roomy && mux.tuning.learned ? learned(mux) : 0;
}

} // namespace tunnel::core
