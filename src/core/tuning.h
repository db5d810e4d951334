// SPDX-License-Identifier: ISC
//
// How far receive windows open. While payload arrives, one ping after the other measures how many
// bytes a round trip brings; a stream whose window is what limits it gets a larger one. The
// bandwidth-delay product is reckoned with the least round-trip time, never with the current one:
// a queue that a window makes itself lengthens that, and would make the window grow for ever.

#pragma once

#include "core/stream_pool.h"

namespace tunnel::core {

constexpr uint32_t tuned_streams = 8; // whose bytes are counted during a probe

// A stream whose owner takes bytes. Counted is what it has consumed, not what has come: nobody
// needs a larger window to read slowly.
struct Reader {
    uint32_t slot;  // no_slot: nobody
    uint32_t bytes; // in this probe
};

struct Tuning {
    Reader readers[tuned_streams];
    uint64_t in_at_ping; // payload_in and payload_out when the ping was made
    uint64_t out_at_ping;
    uint64_t gap_us;      // between the last two moments at which bytes came
    uint64_t in_at_heard; // payload_in at the later one
    uint32_t hurry;       // probes still to follow without a pause
    uint32_t learned;     // bytes of window that a stream needed here; 0: nothing special
    uint64_t learned_us;  // when that was last seen
};

void tuning_init(tn_mux &mux);
// A frame of `size` payload bytes begins.
void tuning_receive(tn_mux &mux, const Stream &stream, uint32_t size);
void tuning_consume(tn_mux &mux, const Stream &stream, uint32_t size);
void tuning_forget(tn_mux &mux, const Stream &stream); // it has ended
// Our ping leaves, and its answer has come, with the least time already noted.
void tuning_ping(tn_mux &mux);
void tuning_pong(tn_mux &mux, uint64_t rtt_us);
void tuning_heard(tn_mux &mux); // bytes have come
// Whether the answer that has just come tells how long the path is, and not a queue on it.
bool tuning_undisturbed(const tn_mux &mux, uint64_t rtt_us);
// The window that a new stream starts with; 0: the usual one.
uint32_t tuning_start(const tn_mux &mux);

} // namespace tunnel::core
