// SPDX-License-Identifier: ISC
//
// A pool and its muxes: made, freed, frozen, drained, failed; the timers of the session.

#include "core/mux_state.h"

#include <algorithm>
#include <new>

using namespace tunnel::core;

namespace {

constexpr uint32_t early_fin_ms = 5'000; // an unacknowledged half-closed stream counts so long
constexpr uint32_t hold_fin_ms = 250;    // TN_Q_NO_EARLY_FIN
constexpr uint32_t shrink_ms = 10'000;   // without a grant, and a grown window is halved
constexpr uint32_t most_owners = 1u << 23;

// What an expired timer means. Those without an ending go on.
constexpr Ending endings[timer_classes] = {
    {},
    {TN_CR_OPEN_TIMEOUT, TN_RST_TIMEOUT, true},   // ack
    {TN_CR_ACCEPT_TIMEOUT, TN_RST_REFUSED, true}, // accept
    {},                                           // hold_fin
    {},                                           // early_fin
    {TN_CR_STALLED, TN_RST_TIMEOUT, true},        // stall
    {TN_CR_LINGER, TN_RST_CANCEL, true},          // linger
    {TN_CR_LINGER, TN_RST_TIMEOUT, true},         // half_close
    {},                                           // shrink
};

uint32_t &duration(tn_mux &mux, Timer timer)
{
    return mux.deadlines.duration_ms[static_cast<uint32_t>(timer)];
}

void set_durations(tn_mux &mux)
{
    duration(mux, Timer::ack) = mux.config.ack_timeout_ms;
    duration(mux, Timer::accept) = mux.config.accept_timeout_ms;
    duration(mux, Timer::hold_fin) = hold_fin_ms;
    duration(mux, Timer::early_fin) = early_fin_ms;
    duration(mux, Timer::stall) = mux.config.fin_stall_ms;
    duration(mux, Timer::linger) = mux.config.linger_ms;
    duration(mux, Timer::half_close) = mux.config.half_close_idle_ms;
    duration(mux, Timer::shrink) = shrink_ms;
}

void expire(tn_mux &mux, Stream &stream)
{
    Timer timer = stream.timer;
    deadline_cancel(mux.deadlines, mux.pool->streams, stream);
    if (timer == Timer::hold_fin) {
        stream_arm(mux, stream, Timer::ack);
        stream_refresh(mux, stream);
    } else if (timer == Timer::early_fin) {
        stream_release_slot(mux, stream);
        stream_arm(mux, stream, Timer::half_close);
    } else if (timer == Timer::shrink) {
        credit_shrink(mux, stream);
    } else {
        stream_end(mux, stream, endings[static_cast<uint32_t>(timer)]);
    }
}

void end_drain(tn_mux &mux)
{
    mux.drain_deadline_us = UINT64_MAX;
    while (Stream *stream = stream_any_open(mux))
        stream_end(mux, *stream, {TN_CR_RESET_LOCAL, TN_RST_CANCEL, true});
}

bool drain_idle(const tn_mux &mux)
{
    return mux.phase == Phase::draining && mux.news.empty() &&
           mux.stats.streams_in + mux.stats.streams_out == 0;
}

void say_goaway(tn_mux &mux, uint32_t code)
{
    if (mux.goaway_sent && code == 0)
        return;
    mux.goaway_owed = true;
    mux.goaway_code = code;
}

bool has_news(const tn_mux &mux)
{
    return mux.events || !mux.news.empty() || (drain_idle(mux) && !mux.drained && !mux.goaway_owed);
}

uint32_t next_owner(tn_mux_pool &pool)
{
    pool.last_owner = (pool.last_owner + 1) % most_owners;
    return pool.last_owner;
}

// Not secret, but not for the peer to know either: addresses, clock and a count, well stirred.
uint32_t seed(const tn_mux &mux, uint64_t now_us)
{
    uint64_t x = reinterpret_cast<uintptr_t>(&mux) + now_us + mux.owner;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9; // SplitMix64 finalizer
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return static_cast<uint32_t>(x >> 32);
}

} // namespace

void tunnel::core::mux_set_now(tn_mux &mux, uint64_t now_us)
{
    if (!mux.clock.frozen)
        mux.clock.now_us = now_us - mux.clock.lag_us;
    mux.deadlines.now_us = mux.clock.now_us;
}

void tunnel::core::mux_run_timers(tn_mux &mux)
{
    uint64_t now = mux.clock.now_us;
    if (mux.phase == Phase::failed || now == mux.timers_run_us)
        return;
    mux.timers_run_us = now;
    while (Stream *stream = deadline_due(mux.deadlines, mux.pool->streams))
        expire(mux, *stream);
    if (now >= mux.drain_deadline_us)
        end_drain(mux);
    if (now >= mux_silence_deadline(mux))
        mux_break_silence(mux);
}

void tunnel::core::mux_fail(tn_mux &mux, tn_mux_reason reason, uint32_t code, int goaway)
{
    if (mux.phase == Phase::failed)
        return;
    mux.phase = Phase::failed;
    mux.reason = reason;
    mux.reason_code = code;
    mux.events = session_failed;
    mux.body = {.left = 0, .slot = no_slot, .fin = false};
    mux.goaway_owed = false;
    if (goaway >= 0) {
        mux.goaway_owed = true;
        mux.goaway_code = static_cast<uint32_t>(goaway);
    }
}

bool tunnel::core::mux_drain_done(tn_mux &mux)
{
    if (!drain_idle(mux))
        return false;
    say_goaway(mux, 0); // now at the latest
    return mux.goaway_sent;
}

tn_error tn_mux_pool_create(const tn_mux_pool_config *given, tn_mux_pool **out)
{
    tn_mux_pool_config config;
    if (!mux_pool_config_take(given, &config))
        return TN_ERR_INVAL;
    void *memory = config.alloc.alloc(config.alloc.ctx, sizeof(tn_mux_pool), alignof(tn_mux_pool));
    if (!memory)
        return TN_ERR_NOMEM;
    auto *pool = new (memory) tn_mux_pool{};
    pool->config = config;
    pool->streams.memory = config.alloc;
    pool->streams.open_chunks = no_slot;
    pool->streams.max_streams = config.max_streams;
    pool->streams.bytes = sizeof *pool;
    *out = pool;
    return TN_OK;
}

tn_error tn_mux_pool_destroy(tn_mux_pool *pool)
{
    if (pool->muxes)
        return TN_ERR_STATE;
    pool_release(pool->streams);
    tn_alloc memory = pool->config.alloc;
    memory.free(memory.ctx, pool, sizeof *pool);
    return TN_OK;
}

void tn_mux_pool_get_stats(const tn_mux_pool *pool, tn_mux_pool_stats *out)
{
    *out = {.sessions = pool->muxes,
            .streams = pool->streams.live,
            .slab_bytes = pool->streams.bytes,
            .window_granted = pool->window_granted,
            .buffered = pool->buffered,
            .evicted = pool->evicted};
}

tn_error tn_mux_create(tn_mux_pool *pool, tn_role role, const tn_mux_config *given, uint64_t now_us,
                       void *user, tn_mux **out)
{
    tn_mux_config config;
    if (!mux_config_take(given, &config))
        return TN_ERR_INVAL;
    void *memory = pool_alloc(pool->streams, sizeof(tn_mux), alignof(tn_mux));
    if (!memory)
        return TN_ERR_NOMEM;
    auto *mux = new (memory) tn_mux{};
    mux->pool = pool;
    mux->user = user;
    mux->config = config;
    mux->role = role;
    mux->owner = next_owner(*pool);
    mux->body.slot = no_slot;
    mux->discard_left = discard_budget;
    mux->next_id = role == TN_CLIENT ? 1 : 2;
    mux->drain_deadline_us = UINT64_MAX;
    mux->timers_run_us = UINT64_MAX;
    mux_set_now(*mux, now_us);
    mux->last_input_us = now_us;
    mux->glitches.fill(config.glitch_burst, now_us);
    mux->resets_received.fill(config.reset_burst, now_us);
    table_init(mux->table, pool->streams, seed(*mux, now_us));
    set_durations(*mux);
    credit_init(*mux);
    tuning_init(*mux);
    mux->ping.queued = true; // the first round-trip time
    pool->muxes++;
    *out = mux;
    return TN_OK;
}

void tn_mux_free(tn_mux *mux)
{
    StreamPool &pool = mux->pool->streams;
    while (Stream *stream = stream_any_open(*mux))
        stream_vanish(*mux, *stream, 0, false);
    while (!mux->resets.empty()) {
        Stream &stream = stream_at(pool, mux->resets.head);
        mux->resets.remove(pool, stream.slot);
        stream.owes_rst = false;
        stream_vanish(*mux, stream, 0, false);
    }
    while (!mux->news.empty())
        stream_vanish(*mux, stream_at(pool, mux->news.head), 0, false);
    table_release(mux->table);
    pool_free(pool, mux->refusals, refusal_ring_size * sizeof(Refusal));
    mux->pool->muxes--;
    pool_free(pool, mux, sizeof *mux);
}

void *tn_mux_user(const tn_mux *mux) { return mux->user; }

tn_error tn_mux_set_initial_credit(tn_mux *mux, uint32_t bytes)
{
    if (bytes == 0 || bytes > TN_INITIAL_WINDOW || bytes % window_unit)
        return TN_ERR_INVAL;
    bool unnamed = mux->role == TN_SERVER && mux->nameless;
    if (unnamed || (mux->small_credit && mux->small_credit != bytes))
        return TN_ERR_STATE;
    mux->small_credit = bytes;
    return TN_OK;
}

uint64_t tn_mux_next_timeout(const tn_mux *mux)
{
    const MuxClock &clock = mux->clock;
    if (has_news(*mux))
        return clock.now_us + clock.lag_us;
    if (mux->phase == Phase::failed || clock.frozen)
        return UINT64_MAX;
    uint64_t next = deadline_next_us(mux->deadlines, mux->pool->streams);
    next = std::min({next, mux->drain_deadline_us, mux_silence_deadline(*mux)});
    return next == UINT64_MAX ? next : next + clock.lag_us;
}

void tn_mux_transport_hint(tn_mux *mux, uint32_t min_rtt_us, uint64_t delivery_bytes_per_s)
{
    if (min_rtt_us && (!mux->stats.rtt_min_us || min_rtt_us < mux->stats.rtt_min_us))
        mux->stats.rtt_min_us = min_rtt_us;
    if (delivery_bytes_per_s)
        mux->schedule.rate = delivery_bytes_per_s;
}

tn_error tn_mux_drain(tn_mux *mux, uint64_t now_us, uint32_t deadline_ms)
{
    if (mux->phase == Phase::failed)
        return TN_ERR_CLOSED;
    mux_set_now(*mux, now_us);
    mux->phase = Phase::draining;
    if (deadline_ms)
        mux->drain_deadline_us = mux->clock.now_us + uint64_t{deadline_ms} * 1000;
    if (!(mux->config.peer_quirks & TN_Q_GOAWAY_FATAL))
        say_goaway(*mux, 0);
    return TN_OK;
}

tn_error tn_mux_fail(tn_mux *mux, uint32_t goaway_code)
{
    if (goaway_code > 2)
        return TN_ERR_INVAL;
    if (mux->phase == Phase::failed)
        return TN_ERR_CLOSED;
    mux_fail(*mux, TN_MUX_ERR_LOCAL, 0, static_cast<int>(goaway_code));
    return TN_OK;
}

void tn_mux_transport_lost(tn_mux *mux) { mux_fail(*mux, TN_MUX_ERR_TRANSPORT, 0, -1); }

void tn_mux_suspend(tn_mux *mux, uint64_t now_us)
{
    mux_set_now(*mux, now_us);
    mux->clock.frozen = true;
}

void tn_mux_resume(tn_mux *mux, uint64_t now_us)
{
    if (!mux->clock.frozen)
        return;
    mux->clock.frozen = false;
    mux->clock.lag_us = now_us - mux->clock.now_us;
    mux_set_now(*mux, now_us);
}

void tn_mux_get_stats(const tn_mux *mux, tn_mux_stats *out)
{
    *out = mux->stats;
    out->rate_out = mux->schedule.rate;
}
