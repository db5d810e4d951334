// SPDX-License-Identifier: ISC
//
// Receive windows. Outstanding credit and unconsumed bytes together never exceed the target, but
// for what was outstanding when the target fell.

#include "core/credit.h"

#include "core/mux_state.h"

#include <algorithm>

namespace tunnel::core {

constexpr uint32_t grant_fraction = 4; // of the window: how much is granted at once
constexpr uint32_t pressure_steps = 8; // windows become an eighth, long before the hard limit:
constexpr uint64_t pressure_part = 4;  // at a quarter of it
// A stream that began with little gets the protocol's window at the first sign of a reader that
// keeps up, as long as growth has not used more than this: many small windows fill a link as well
// as one.
constexpr uint64_t eager_budget = 2 << 20;

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

static uint64_t window_of(const Stream &stream) { return uint64_t{stream.window} * window_unit; }

static uint32_t first_credit(const tn_mux &mux, const Stream &stream)
{
    bool small = tag_at(mux.pool->streams, stream.slot).small;
    return small ? mux.small_credit : TN_INITIAL_WINDOW;
}

// What the peer may make us hold, whatever we do now.
static uint64_t promised(const Stream &stream)
{
    return uint64_t{stream.recv_credit} + (stream.lingering ? 0 : stream.unconsumed);
}

static int64_t extra_of(const tn_mux &mux, const Stream &stream)
{
    uint64_t most = std::max(window_of(stream), promised(stream));
    return static_cast<int64_t>(most) - first_credit(mux, stream);
}

// Where readers are behind it is not the windows that hold anybody up.
static bool over_soft_limit(const tn_mux &mux)
{
    return mux.stats.buffered > mux.config.buffered_soft ||
           mux.pool->buffered > mux.pool->config.buffered_soft;
}

static uint64_t room(const tn_mux &mux)
{
    if (over_soft_limit(mux))
        return 0;
    auto left = [](uint64_t budget, uint64_t used) { return budget > used ? budget - used : 0; };
    return std::min(left(mux.config.window_budget, mux.stats.window_granted),
                    left(mux.pool->config.window_budget, mux.pool->window_granted));
}

static void resize(tn_mux &mux, Stream &stream, uint64_t window)
{
    int64_t before = extra_of(mux, stream);
    stream.window = static_cast<uint16_t>(window / window_unit);
    count_window(mux, extra_of(mux, stream) - before);
}

// After the promise has become less: a target that had fallen below it is what counts now.
static void promise_less(tn_mux &mux, const Stream &stream, uint64_t before)
{
    uint64_t window = window_of(stream);
    if (before > window)
        count_window(mux, static_cast<int64_t>(std::max(promised(stream), window)) -
                              static_cast<int64_t>(before));
}

void credit_open(tn_mux &mux, Stream &stream)
{
    bool by_server = stream.outbound == (mux.role == TN_SERVER);
    tag_at(mux.pool->streams, stream.slot).small = by_server && mux.small_credit;
    uint32_t credit = first_credit(mux, stream);
    stream.send_credit = credit;
    stream.recv_credit = credit;
    stream.window = static_cast<uint16_t>(credit / window_unit);

    uint32_t configured = mux.config.initial_window;
    uint32_t window =
        std::max(configured > TN_INITIAL_WINDOW ? configured : credit, tuning_start(mux));
    if (window - credit <= room(mux))
        resize(mux, stream, window);
}

void credit_close(tn_mux &mux, Stream &stream)
{
    credit_consume(mux, stream, stream.unconsumed);
    count_window(mux, -extra_of(mux, stream));
    tuning_forget(mux, stream);
}

bool credit_grow(tn_mux &mux, Stream &stream, uint64_t window)
{
    uint64_t most = std::min<uint64_t>(mux.config.max_window, window_of(stream) + room(mux));
    window = std::min((window + window_unit - 1) / window_unit * window_unit, most);
    if (window < window_of(stream) + window_unit || stream.lingering)
        return false;
    resize(mux, stream, window);
    mux.stats.windows_grown++;
    credit_watch(mux, stream);
    stream_refresh_control(mux, stream);
    return true;
}

void credit_trim(tn_mux &mux, Stream &stream, uint64_t window)
{
    window = std::max<uint64_t>(window, TN_INITIAL_WINDOW);
    window = (window + window_unit - 1) / window_unit * window_unit;
    if (window >= window_of(stream))
        return;
    resize(mux, stream, window);
    mux.stats.windows_shrunk++;
}

void credit_shrink(tn_mux &mux, Stream &stream)
{
    uint64_t half = window_of(stream) / 2;
    resize(mux, stream, std::max<uint64_t>(half, first_credit(mux, stream)));
    mux.stats.windows_shrunk++;
    credit_watch(mux, stream);
}

void credit_watch(tn_mux &mux, Stream &stream)
{
    bool grown = window_of(stream) > first_credit(mux, stream);
    if (grown && (stream.timer == Timer::none || stream.timer == Timer::shrink))
        stream_arm(mux, stream, Timer::shrink);
}

void credit_announced(tn_mux &mux, Stream &stream, uint32_t size)
{
    stream.recv_credit += size;
    if (size)
        credit_watch(mux, stream);
}

// How much of the way from the soft limit is used, in eighths.
static uint32_t pressure(uint64_t used, uint64_t soft, uint64_t hard)
{
    uint64_t end = std::max(soft, hard / pressure_part);
    if (used <= soft)
        return 0;
    if (used >= end)
        return pressure_steps - 1;
    return static_cast<uint32_t>((used - soft) * (pressure_steps - 1) / (end - soft));
}

static uint64_t target(const tn_mux &mux, const Stream &stream)
{
    const tn_mux_pool_config &limits = mux.pool->config;
    uint32_t here =
        pressure(mux.stats.buffered, mux.config.buffered_soft, mux.config.buffered_hard);
    uint32_t there = pressure(mux.pool->buffered, limits.buffered_soft, limits.buffered_hard);
    uint32_t steps = pressure_steps - (here > there ? here : there);
    return window_of(stream) * steps / pressure_steps;
}

uint32_t credit_grant(const tn_mux &mux, const Stream &stream, bool any)
{
    if (stream.life != Life::open || stream.fin_received)
        return 0;
    uint64_t window = target(mux, stream);
    uint64_t held = promised(stream);
    if (window <= held)
        return 0;
    uint64_t grant = window - held;
    return any || grant >= window / grant_fraction ? static_cast<uint32_t>(grant) : 0;
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
    uint64_t before = promised(stream);
    stream.recv_credit -= size;
    stream.unconsumed += size;
    promise_less(mux, stream, before);
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
    uint64_t before = promised(stream);
    stream.unconsumed -= size;
    mux.stats.buffered -= size;
    mux.pool->buffered -= size;
    promise_less(mux, stream, before);
}

// Its reader takes all there is: it need not stay with the little that it began with. One that
// leaves some would only have more waiting for it.
static void widen(tn_mux &mux, Stream &stream)
{
    uint64_t window = window_of(stream);
    if (window >= TN_INITIAL_WINDOW || stream.unconsumed || !credit_grant(mux, stream, false))
        return;
    if (mux.stats.window_granted + TN_INITIAL_WINDOW - window <= eager_budget)
        credit_grow(mux, stream, TN_INITIAL_WINDOW);
}

void credit_read(tn_mux &mux, Stream &stream, uint32_t size)
{
    credit_consume(mux, stream, size);
    tuning_consume(mux, stream, size);
    widen(mux, stream);
}

} // namespace tunnel::core
