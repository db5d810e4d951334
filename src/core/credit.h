// SPDX-License-Identifier: ISC
//
// What peers may send us: the window of each stream, the bytes that wait in our caller's memory,
// and what happens when there are too many of them. Window targets are fixed for a stream's
// life; this is where tuning them belongs.

#pragma once

#include "core/stream_pool.h"

namespace tunnel {

constexpr uint32_t holder_entries = 8;

// The streams with the most delivered and unconsumed bytes, as seen at their last delivery.
struct Holders {
    uint32_t slot[holder_entries];
    uint32_t bytes[holder_entries];
};

void credit_init(tn_mux &mux);
// Gives a new stream its window: the configured one if the budgets allow, else the base.
void credit_open(tn_mux &mux, Stream &stream);
// Takes an ended stream out of the budgets.
void credit_close(tn_mux &mux, Stream &stream);
// The credit to announce in the next frame; 0 while it is less than a quarter of the window.
// With `any`, every byte counts: SYN and ACK announce whatever there is.
uint32_t credit_grant(const tn_mux &mux, const Stream &stream, bool any);
// `size` received bytes are handed to the owner. Ends the worst holders if memory is short,
// this stream perhaps among them: see its `life` afterwards.
void credit_deliver(tn_mux &mux, Stream &stream, uint32_t size);
void credit_consume(tn_mux &mux, Stream &stream, uint32_t size);

} // namespace tunnel
