// SPDX-License-Identifier: ISC
//
// Defaults of the mux and its pool, what of a configuration is refused, and names for logs.

#include "core/mux_state.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>

using namespace tunnel::core;

namespace {

constexpr uint64_t kib = 1024;
constexpr uint64_t mib = 1024 * kib;
constexpr uint32_t most_window = 1u << 30;
constexpr uint32_t most_timer_ms = 7u * 24 * 3600 * 1000; // deadlines wrap after 49 days

void *plain_alloc(void *, size_t size, size_t align)
{
    return aligned_alloc(align, (size + align - 1) / align * align);
}

void plain_free(void *, void *memory, size_t) { free(memory); }

// Copies what the caller's version of the struct has over the defaults.
template <class Config> bool take(const Config *given, Config *out)
{
    if (!given)
        return true;
    if (given->struct_size < sizeof(size_t) || given->struct_size > sizeof(Config))
        return false;
    memcpy(out, given, given->struct_size);
    out->struct_size = sizeof(Config);
    return true;
}

bool timers_valid(const tn_mux_config &config)
{
    const uint32_t timers[] = {
        config.ping_interval_ms, config.ping_timeout_ms,    config.rtt_probe_ms,
        config.ack_timeout_ms,   config.accept_timeout_ms,  config.fin_stall_ms,
        config.linger_ms,        config.half_close_idle_ms,
    };
    return std::all_of(std::begin(timers), std::end(timers),
                       [](uint32_t timer) { return timer <= most_timer_ms; });
}

} // namespace

void tn_mux_pool_config_init(tn_mux_pool_config *config)
{
    *config = {};
    config->struct_size = sizeof *config;
    config->max_streams = 1 << 20;
    config->window_budget = 256 * mib;
    config->buffered_soft = 256 * mib;
    config->buffered_hard = 1024 * mib;
}

void tn_mux_config_init(tn_mux_config *config)
{
    *config = {};
    config->struct_size = sizeof *config;
    config->max_inbound = 16384;
    config->max_outbound = 16384;
    config->accept_backlog = 256;
    config->ack_backlog = 256;
    config->initial_window = TN_INITIAL_WINDOW;
    config->max_window = 16 * mib;
    config->window_budget = 32 * mib;
    config->buffered_soft = 16 * mib;
    config->buffered_hard = 64 * mib;
    config->max_frame = 256 * kib;
    config->contended_frame = 256 * kib;
    config->min_frame = 2 * kib;
    config->frame_time_us = 1'000;
    config->pending_high = 256 * kib;
    config->pending_low = 64 * kib;
    config->session_pending_high = 4 * mib;
    config->ping_interval_ms = 10'000;
    config->ping_timeout_ms = 10'000;
    config->rtt_probe_ms = 100;
    config->accept_timeout_ms = 10'000;
    config->fin_stall_ms = 30'000;
    config->linger_ms = 5'000;
    config->linger_bytes = mib;
    config->half_close_idle_ms = 300'000;
    config->glitch_burst = 10'000;
    config->glitch_rate = 330;
    config->reset_burst = 1'000;
    config->reset_rate = 33;
}

bool tunnel::core::mux_pool_config_take(const tn_mux_pool_config *given, tn_mux_pool_config *out)
{
    tn_mux_pool_config_init(out);
    if (!take(given, out))
        return false;
    if (!out->alloc.alloc || !out->alloc.free)
        out->alloc = {.alloc = plain_alloc, .free = plain_free, .ctx = nullptr};
    return out->max_streams < no_slot / 2 && out->buffered_soft < out->buffered_hard;
}

bool tunnel::core::mux_config_take(const tn_mux_config *given, tn_mux_config *out)
{
    tn_mux_config_init(out);
    if (!take(given, out))
        return false;
    if (out->initial_window < TN_INITIAL_WINDOW || out->initial_window > out->max_window)
        return false;
    if (out->max_window > most_window || out->buffered_soft >= out->buffered_hard)
        return false;
    if (out->min_frame == 0 || out->max_frame < out->min_frame || out->max_frame > mib)
        return false;
    if (out->contended_frame < out->min_frame || out->pending_low > out->pending_high)
        return false;
    return timers_valid(*out);
}

const char *tn_close_reason_name(int reason)
{
    static constexpr const char *names[] = {
        "fin",          "refused",        "reset_remote", "reset_local", "window",  "protocol",
        "open_timeout", "accept_timeout", "stalled",      "linger",      "evicted", "session",
    };
    return reason >= 0 && reason <= TN_CR_SESSION ? names[reason] : "unknown";
}

const char *tn_mux_reason_name(int reason)
{
    static constexpr const char *names[] = {
        "none", "version",      "type",  "stream_id", "dup_syn", "flood",
        "dead", "goaway_error", "nomem", "transport", "local",
    };
    return reason >= 0 && reason <= TN_MUX_ERR_LOCAL ? names[reason] : "unknown";
}
