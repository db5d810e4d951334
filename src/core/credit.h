// SPDX-License-Identifier: ISC
//
// What peers may send us: the window of each stream, the bytes that wait in our caller's memory,
// and what happens when there are too many of them. How large a window should be is for
// tuning.h to say; here is what the budgets allow. Against them counts what the peer may make us
// hold above the credit that every stream begins with.

#pragma once

#include "core/stream_pool.h"

namespace tunnel::core {

constexpr uint32_t holder_entries = 8;

// The streams with the most delivered and unconsumed bytes, as seen at their last delivery.
struct Holders {
    uint32_t slot[holder_entries];
    uint32_t bytes[holder_entries];
};

void credit_init(tn_mux &mux);
// Gives a new stream its window: the configured or learned one if the budgets allow, else the one
// that its credit comes to.
void credit_open(tn_mux &mux, Stream &stream);
// Takes an ended stream out of the budgets.
void credit_close(tn_mux &mux, Stream &stream);
// The credit to announce in the next frame; 0 while it is less than a quarter of the window.
// With `any`, every byte counts: SYN and ACK announce whatever there is.
uint32_t credit_grant(const tn_mux &mux, const Stream &stream, bool any);
// `size` received bytes are handed to the owner. Ends the worst holders if memory is short,
// this stream perhaps among them: see its `life` afterwards.
void credit_deliver(tn_mux &mux, Stream &stream, uint32_t size);
void credit_consume(tn_mux &mux, Stream &stream, uint32_t size); // they are ours no more
void credit_read(tn_mux &mux, Stream &stream, uint32_t size);    // because the owner took them
// `size` has been announced.
void credit_announced(tn_mux &mux, Stream &stream, uint32_t size);
// Opens the window to `window` bytes, or as far as limits and budgets allow; false: not at all.
bool credit_grow(tn_mux &mux, Stream &stream, uint64_t window);
// The link cannot use so much: `window` bytes will do, but it keeps what streams usually have.
void credit_trim(tn_mux &mux, Stream &stream, uint64_t window);
// Nothing was granted for a while. Credit cannot be recalled, but half of it is not renewed.
void credit_shrink(tn_mux &mux, Stream &stream);
// Looks after a window that has grown, if no other timer runs.
void credit_watch(tn_mux &mux, Stream &stream);

} // namespace tunnel::core
