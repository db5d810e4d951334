// SPDX-License-Identifier: ISC
//
// What a mux and its pool consist of, and the steps that its sources share: mux.cc (life and
// session), liveness.cc (pings), mux_stream.cc (what owners do), stream_life.cc (how streams end),
// mux_input.cc (parsing), mux_event.cc (reporting), mux_output.cc (gathering).

#pragma once

#include "core/credit.h"
#include "core/deadlines.h"
#include "core/peer_ids.h"
#include "core/schedule.h"
#include "core/stream_table.h"
#include "core/token_bucket.h"
#include "core/tuning.h"

namespace tunnel::core {

constexpr uint32_t pong_ring_size = 64;
constexpr uint32_t refusal_ring_size = 256;
constexpr uint64_t discard_budget = 1 << 20;

enum class Phase : uint8_t {
    open,
    draining, // takes no new streams, lets the others finish
    failed,   // a GOAWAY may still be gathered, streams are reported as closed
};

enum SessionEvent : uint32_t { // in the order in which they are reported
    session_failed = 1,
    session_goaway = 2,
    session_pong = 4,
    session_openable = 8,
    session_replies = 16,
};

// Freezing subtracts the time spent frozen from every later reading.
struct MuxClock {
    uint64_t now_us; // of the mux
    uint64_t lag_us; // caller's clock minus the mux's
    bool frozen;
};

struct Body { // payload being received
    uint32_t left;
    uint32_t slot; // no_slot: discarded
    bool fin;      // follows the last byte
};

struct Ping {
    uint32_t value;
    bool queued;
    bool outstanding;
    bool keepalive; // nothing has arrived since it was queued
    bool asked;     // the caller wants the answer
    uint64_t queued_us;
    uint64_t sent_us;
    uint64_t next_probe_us;
    uint64_t rtt_min_at_us;
    uint64_t longer_us; // the least of the answers in a row that took much longer,
    uint32_t longer;    // and how many those are
};

struct Refusal { // an RST for a stream without an object
    uint32_t id;
    uint32_t code;
};

} // namespace tunnel::core

struct tn_mux_pool {
    tunnel::core::StreamPool streams;
    tn_mux_pool_config config;
    uint32_t muxes;
    uint32_t last_owner;
    uint64_t buffered;
    uint64_t window_granted;
    uint64_t evicted;
};

struct tn_mux {
    tn_mux_pool *pool;
    void *user;
    tn_mux_config config;
    tn_role role;
    uint32_t owner;
    tunnel::core::Phase phase;
    tunnel::core::MuxClock clock;

    // Session events that wait, and what they say.
    uint32_t events; // SessionEvent, or-ed
    tn_mux_reason reason;
    uint32_t reason_code;
    uint64_t pong_rtt_us;

    // Streams.
    tunnel::core::StreamTable table; // open streams that have an id
    tunnel::core::SlotList<tunnel::core::event_link> news;
    tunnel::core::SlotList<tunnel::core::control_link> control;
    tunnel::core::SlotList<tunnel::core::control_link> resets; // owe an RST
    tunnel::core::Schedule schedule;
    tunnel::core::Deadlines deadlines;
    tunnel::core::Holders holders;
    tunnel::core::Tuning tuning;
    uint32_t small_credit; // of streams that the server opens; 0: that of the protocol
    uint64_t timers_run_us;
    uint32_t next_id;
    uint32_t nameless; // opened, SYN not gathered
    uint32_t walk;     // through the table, when all streams end
    bool wants_openable;

    // Input.
    uint8_t header[TN_FRAME_SIZE];
    uint8_t header_have;
    bool goaway_received;
    tunnel::core::Body body;
    uint64_t discard_left;
    tunnel::core::PeerIds peer_ids;
    uint64_t last_input_us;
    tunnel::core::TokenBucket glitches;
    tunnel::core::TokenBucket resets_received;

    // Output.
    uint32_t pongs[tunnel::core::pong_ring_size];
    uint32_t pong_first, pong_count;
    tunnel::core::Refusal *refusals; // refusal_ring_size, once one was needed
    uint32_t refusal_first, refusal_count;
    tunnel::core::Ping ping;
    bool goaway_owed;
    bool goaway_sent;
    uint32_t goaway_code;
    uint64_t drain_deadline_us; // UINT64_MAX: none
    bool drained;               // reported

    tn_mux_stats stats;
};

namespace tunnel::core {

// mux_config.cc
bool mux_config_take(const tn_mux_config *given, tn_mux_config *out);
bool mux_pool_config_take(const tn_mux_pool_config *given, tn_mux_pool_config *out);

// mux.cc
void mux_set_now(tn_mux &mux, uint64_t now_us);
void mux_run_timers(tn_mux &mux);
// Ends the session. A negative `goaway` sends none.
void mux_fail(tn_mux &mux, tn_mux_reason reason, uint32_t code, int goaway);
inline void mux_raise(tn_mux &mux, SessionEvent event) { mux.events |= event; }
// Whether a drain has come to its end; its GOAWAY is owed now at the latest.
bool mux_drain_done(tn_mux &mux);

// liveness.cc
void mux_heard(tn_mux &mux); // bytes have come
void mux_on_ping(tn_mux &mux, const tn_frame &frame);
void mux_probe(tn_mux &mux); // bytes of payload have come: time for a ping perhaps
// When the silence of the peer calls for something, and that.
uint64_t mux_silence_deadline(const tn_mux &mux);
void mux_break_silence(tn_mux &mux);
// The peer has sent something without sense; too much of that is a flood.
void mux_glitch(tn_mux &mux);

// mux_event.cc
bool mux_take_event(tn_mux &mux, tn_mux_event &event); // false: nothing to report

// mux_stream.cc
Stream *stream_new(tn_mux &mux, bool outbound); // counted in limits and backlog
void stream_wake_producer(tn_mux &mux, Stream &stream);

// stream_life.cc
struct Ending {
    tn_close_reason reason;
    uint32_t code;
    bool reset; // we owe the peer an RST with that code
};
void stream_end(tn_mux &mux, Stream &stream, const Ending &ending);
// Ends it without a word to its owner; with `reset`, the peer still hears of it.
void stream_vanish(tn_mux &mux, Stream &stream, uint32_t code, bool reset);
void stream_raise(tn_mux &mux, Stream &stream, StreamEvent event);
// After CLOSED was returned or the RST gathered: frees the object if nothing else is owed.
void stream_let_go(tn_mux &mux, Stream &stream);
void stream_uncount(tn_mux &mux, Stream &stream);      // its place in the limits is free
void stream_release_slot(tn_mux &mux, Stream &stream); // its place in the backlog is free
// To be called after anything that bears on sending data. `was_idle`: it had nothing to send.
void stream_refresh(tn_mux &mux, Stream &stream, bool was_idle = false);
// To be called after anything that bears on frames without payload.
void stream_refresh_control(tn_mux &mux, Stream &stream);
void stream_arm(tn_mux &mux, Stream &stream, Timer timer);
void stream_cancel(tn_mux &mux, Stream &stream, Timer timer); // if that is the one it has
// No timer runs that may end it.
inline bool stream_unhurried(const Stream &stream)
{
    return stream.timer == Timer::none || stream.timer == Timer::shrink;
}
Stream *stream_any_open(tn_mux &mux);
tn_stream stream_handle(const tn_mux &mux, const Stream &stream);
Stream *stream_of(const tn_mux &mux, tn_stream handle);

} // namespace tunnel::core
