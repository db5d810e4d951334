// SPDX-License-Identifier: ISC
//
// Receive windows. Outstanding credit and unconsumed bytes together never exceed the target.

#include "core/credit.h"

#include "core/mux_state.h"

namespace tunnel {

constexpr uint32_t grant_fraction = 4; // of the window: how much is granted at once
constexpr uint32_t pressure_steps = 8; // at the hard limit windows are an eighth

void credit_init(tn_mux &mux)
{
    for (uint32_t &slot : mux.holders.slot)
        slot = no_slot;
}

static void count_window(tn_mux &mux, int64_t extra)
{
    mux.stats.window_granted += static_cast<uint64_t>(extra);
    mux.pool->window_granted += static_cast<uint64_t>(extra);
}

static int64_t extra_of(const Stream &stream)
{
    return int64_t{stream.window} * window_unit - TN_INITIAL_WINDOW;
}

void credit_open(tn_mux &mux, Stream &stream)
{
    stream.send_credit = TN_INITIAL_WINDOW;
    stream.recv_credit = TN_INITIAL_WINDOW;
    uint64_t extra = mux.config.initial_window - TN_INITIAL_WINDOW;
    bool allowed = mux.stats.window_granted + extra <= mux.config.window_budget &&
                   mux.pool->window_granted + extra <= mux.pool->config.window_budget;
    uint32_t window = allowed ? mux.config.initial_window : TN_INITIAL_WINDOW;
    stream.window = static_cast<uint16_t>(window / window_unit);
    count_window(mux, extra_of(stream));
}

void credit_close(tn_mux &mux, Stream &stream)
{
    credit_consume(mux, stream, stream.unconsumed);
    count_window(mux, -extra_of(stream));
}

// How much of the way from the soft to the hard limit is used, in eighths.
static uint32_t pressure(uint64_t used, uint64_t soft, uint64_t hard)
{
    if (used <= soft)
        return 0;
    if (used >= hard)
        return pressure_steps - 1;
    return static_cast<uint32_t>((used - soft) * (pressure_steps - 1) / (hard - soft));
}

static uint64_t target(const tn_mux &mux, const Stream &stream)
{
    const tn_mux_pool_config &limits = mux.pool->config;
    uint32_t here =
        pressure(mux.stats.buffered, mux.config.buffered_soft, mux.config.buffered_hard);
    uint32_t there = pressure(mux.pool->buffered, limits.buffered_soft, limits.buffered_hard);
    uint32_t steps = pressure_steps - (here > there ? here : there);
    return uint64_t{stream.window} * window_unit * steps / pressure_steps;
}

uint32_t credit_grant(const tn_mux &mux, const Stream &stream, bool any)
{
    if (stream.life != Life::open || stream.fin_received)
        return 0;
    uint64_t held = stream.lingering ? 0 : stream.unconsumed;
    uint64_t window = target(mux, stream);
    if (window <= held + stream.recv_credit)
        return 0;
    uint64_t room = window - held - stream.recv_credit;
    return any || room >= window / grant_fraction ? static_cast<uint32_t>(room) : 0;
}

static void note_holder(Holders &holders, const Stream &stream)
{
    uint32_t least = 0;
    for (uint32_t i = 0; i < holder_entries; i++) {
        if (holders.slot[i] == stream.slot) {
            holders.bytes[i] = stream.unconsumed;
            return;
        }
        if (holders.bytes[i] < holders.bytes[least])
            least = i;
    }
    if (stream.unconsumed <= holders.bytes[least])
        return;
    holders.slot[least] = stream.slot;
    holders.bytes[least] = stream.unconsumed;
}

// The stream that an entry names, if it is still one of ours; what it holds may have changed.
static Stream *holder(const tn_mux &mux, uint32_t slot)
{
    const StreamPool &pool = mux.pool->streams;
    if (slot == no_slot || !slot_in_use(pool, slot) || tag_at(pool, slot).owner != mux.owner)
        return nullptr;
    Stream &stream = stream_at(pool, slot);
    return stream.life == Life::open && !stream.lingering ? &stream : nullptr;
}

static Stream &worst_holder(tn_mux &mux, Stream &current)
{
    Stream *worst = &current;
    for (uint32_t i = 0; i < holder_entries; i++) {
        Stream *candidate = holder(mux, mux.holders.slot[i]);
        mux.holders.bytes[i] = candidate ? candidate->unconsumed : 0;
        if (candidate && candidate->unconsumed > worst->unconsumed)
            worst = candidate;
    }
    return *worst;
}

static bool over_hard_limit(const tn_mux &mux)
{
    return mux.stats.buffered > mux.config.buffered_hard ||
           mux.pool->buffered > mux.pool->config.buffered_hard;
}

void credit_deliver(tn_mux &mux, Stream &stream, uint32_t size)
{
    stream.recv_credit -= size;
    stream.unconsumed += size;
    if (stream.lingering)
        return;
    mux.stats.buffered += size;
    mux.pool->buffered += size;
    if (mux.stats.buffered > mux.config.buffered_soft / 2)
        note_holder(mux.holders, stream);

    while (over_hard_limit(mux) && stream.life == Life::open) {
        Stream &worst = worst_holder(mux, stream);
        mux.stats.evicted++;
        mux.pool->evicted++;
        stream_end(mux, worst, {TN_CR_EVICTED, TN_RST_OVERLOAD, true});
    }
}

void credit_consume(tn_mux &mux, Stream &stream, uint32_t size)
{
    if (stream.lingering)
        return;
    stream.unconsumed -= size;
    mux.stats.buffered -= size;
    mux.pool->buffered -= size;
}

} // namespace tunnel
