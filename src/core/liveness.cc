// SPDX-License-Identifier: ISC
//
// Pings of either side, the round-trip time, and what silence means. One ping of ours is on its
// way at a time, whether it is a keepalive, a probe or asked for.

#include <tunnel/frame.h>

#include "core/mux_state.h"

#include <algorithm>

using namespace tunnel::core;

namespace {

constexpr uint64_t rtt_min_age_us = 30'000'000;
// A path that has become so much longer, by as many answers that met no queue, is believed at once.
constexpr uint64_t longer_us = 5'000;
constexpr uint32_t longer_count = 3;

void set_rtt_min(tn_mux &mux, uint64_t rtt)
{
    mux.stats.rtt_min_us = rtt;
    mux.ping.rtt_min_at_us = mux.clock.now_us;
    mux.ping.longer = 0;
}

// `rtt` is more than the least. What may be a queue of our own making says nothing about the path.
void note_longer(tn_mux &mux, uint64_t rtt)
{
    Ping &ping = mux.ping;
    if (!tuning_undisturbed(mux, rtt))
        return;
    uint64_t least = mux.stats.rtt_min_us;
    bool much = rtt > 2 * least && rtt > least + longer_us;
    ping.longer_us = ping.longer ? std::min(ping.longer_us, rtt) : rtt;
    ping.longer = much ? ping.longer + 1 : 0;
    bool old = mux.clock.now_us - ping.rtt_min_at_us > rtt_min_age_us;
    if (ping.longer >= longer_count)
        set_rtt_min(mux, ping.longer_us);
    else if (old)
        set_rtt_min(mux, rtt);
}

void note_rtt(tn_mux &mux, uint64_t rtt)
{
    tn_mux_stats &stats = mux.stats;
    stats.rtt_last_us = rtt;
    stats.rtt_smoothed_us = stats.rtt_smoothed_us ? (stats.rtt_smoothed_us * 7 + rtt) / 8 : rtt;
    if (stats.rtt_min_us && rtt > stats.rtt_min_us)
        note_longer(mux, rtt);
    else
        set_rtt_min(mux, rtt);
}

void on_pong(tn_mux &mux, uint32_t value)
{
    Ping &ping = mux.ping;
    if (!ping.outstanding || value != ping.value)
        return mux_glitch(mux);
    uint64_t now = mux.clock.now_us;
    uint64_t rtt = now - ping.sent_us;
    ping.outstanding = false;
    note_rtt(mux, rtt);
    tuning_pong(mux, rtt);
    uint64_t pause = std::max(uint64_t{mux.config.rtt_probe_ms} * 1000, rtt);
    ping.next_probe_us = mux.tuning.hurry || ping.longer ? now : now + pause;
    if (!ping.asked)
        return;
    ping.asked = false;
    mux.pong_rtt_us = rtt;
    mux_raise(mux, session_pong);
}

} // namespace

void tunnel::core::mux_glitch(tn_mux &mux)
{
    mux.stats.glitches++;
    const tn_mux_config &config = mux.config;
    if (!mux.glitches.take(config.glitch_burst, config.glitch_rate, mux.clock.now_us))
        mux_fail(mux, TN_MUX_ERR_FLOOD, 0, 1);
}

void tunnel::core::mux_heard(tn_mux &mux)
{
    tuning_heard(mux);
    mux.last_input_us = mux.clock.now_us;
    mux.ping.keepalive = false;
}

void tunnel::core::mux_on_ping(tn_mux &mux, const tn_frame &frame)
{
    if (frame.stream != 0)
        return mux_fail(mux, TN_MUX_ERR_STREAM_ID, 0, 1);
    if (!(frame.flags & TN_FRAME_SYN)) {
        if (frame.flags & TN_FRAME_ACK)
            on_pong(mux, frame.length);
        return;
    }
    if (mux.pong_count == pong_ring_size)
        return mux_fail(mux, TN_MUX_ERR_FLOOD, 0, 1);
    mux.pongs[(mux.pong_first + mux.pong_count) % pong_ring_size] = frame.length;
    mux.pong_count++;
    if (mux.pong_count == pong_ring_size / 2)
        mux_raise(mux, session_replies);
}

// Under load the round-trip time is measured again and again, one ping at a time.
void tunnel::core::mux_probe(tn_mux &mux)
{
    Ping &ping = mux.ping;
    if (mux.config.rtt_probe_ms == 0 || ping.queued || ping.outstanding)
        return;
    if (mux.clock.now_us >= ping.next_probe_us)
        ping.queued = true;
}

// When the silence of the peer calls for something: a ping first, then the end.
uint64_t tunnel::core::mux_silence_deadline(const tn_mux &mux)
{
    if (mux.config.ping_interval_ms == 0)
        return UINT64_MAX;
    if (!mux.ping.keepalive)
        return mux.last_input_us + uint64_t{mux.config.ping_interval_ms} * 1000;
    if (mux.config.ping_timeout_ms == 0)
        return UINT64_MAX;
    return mux.ping.queued_us + uint64_t{mux.config.ping_timeout_ms} * 1000;
}

void tunnel::core::mux_break_silence(tn_mux &mux)
{
    if (mux.ping.keepalive)
        return mux_fail(mux, TN_MUX_ERR_DEAD, 0, -1);
    if (!mux.ping.outstanding)
        mux.ping.queued = true;
    mux.ping.queued_us = mux.clock.now_us;
    mux.ping.keepalive = true;
}

tn_error tn_mux_ping(tn_mux *mux, uint64_t now_us)
{
    if (mux->phase == Phase::failed)
        return TN_ERR_CLOSED;
    mux_set_now(*mux, now_us);
    mux->ping.asked = true;
    if (!mux->ping.outstanding)
        mux->ping.queued = true;
    return TN_OK;
}
