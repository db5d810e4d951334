// SPDX-License-Identifier: ISC
//
// The stream objects of one pool: 64 bytes each, in chunks that never move, and the intrusive
// lists that go through them. Everything that refers to a stream does so by slot number, so
// that links cost four bytes. One thread.

#pragma once

#include <tunnel/mux.h>

namespace tunnel::core {

constexpr uint32_t no_slot = TN_STREAM_NONE_SLOT;
constexpr uint32_t unlinked = 0xfffffffe;
constexpr uint32_t window_unit = 65536; // bytes; windows are kept in these
constexpr int deficit_unit = 64;        // bytes; deficits are kept in these

struct Link {
    uint32_t next;
    uint32_t prev; // `unlinked` when in no list
};

enum class Life : uint32_t {
    open,      // lives, in whichever half-closed state
    over,      // has ended; its CLOSED event has not been returned yet
    resetting, // its owner knows; only the RST still has to be gathered
};

// Each class has one constant duration, so a first-in-first-out queue is already sorted.
enum class Timer : uint32_t {
    none,
    ack,        // we opened it and the peer has not answered
    accept,     // the peer opened it and we have not answered
    hold_fin,   // TN_Q_NO_EARLY_FIN: FIN waits for the peer's first frame
    early_fin,  // FIN went out unacknowledged: gives the backlog slot back
    stall,      // the peer has finished and grants no credit
    linger,     // the owner is gone
    half_close, // we have finished and nothing comes
    shrink,     // its window has grown; only armed when no other is
};
constexpr uint32_t timer_classes = 9;

struct Stream {
    uint32_t id; // 0 until its SYN is gathered
    uint32_t slot;
    union {
        uint32_t send_credit;
        uint32_t code; // once over: of the RST that ended it, or that we owe
    };
    uint32_t pending;     // queued by the caller, not gathered
    uint32_t recv_credit; // what the peer may still send
    uint32_t unconsumed;  // delivered, not consumed; once lingering: dropped

    Life life : 2;
    Timer timer : 4;
    uint32_t events : 5; // StreamEvent, or-ed
    uint32_t reason : 4; // tn_close_reason, once over
    uint32_t prio_class : 2;
    uint32_t outbound : 1;
    uint32_t acked : 1;      // outbound: the peer has answered; inbound: we have accepted
    uint32_t holds_slot : 1; // counted in the ACK backlog (outbound) or accept backlog (inbound)
    uint32_t owes_syn : 1;
    uint32_t owes_ack : 1;
    uint32_t owes_rst : 1;
    uint32_t shutdown : 1; // FIN follows the last queued byte
    uint32_t fin_sent : 1;
    uint32_t fin_received : 1;
    uint32_t lingering : 1;    // its owner is gone: inbound bytes are dropped
    uint32_t source_ready : 1; // bytes nobody has counted wait at its source
    uint32_t starved : 1;      // space() was 0: wants WRITABLE
    uint32_t sendable : 1;     // as counted by the scheduler
    uint32_t blocked : 1;      // as counted in blocked_on_credit
    uint32_t is_new : 1;       // in the scheduler's `fresh` list, not in `old`

    int16_t deficit; // in deficit_unit
    uint16_t window; // receive target, in window_unit

    Link ready;   // scheduler
    Link control; // owes a frame without payload
    Link event;   // has events to report
    void *user;
};
static_assert(sizeof(Stream) == 64, "a stream is one cache line");

enum StreamEvent : uint32_t { // in the order in which they are reported
    event_new = 1,
    event_acked = 2,
    event_writable = 4,
    event_fin = 8,
    event_closed = 16,
};

// What is rarely touched, kept beside the streams.
struct StreamTag {
    Link timer;
    uint32_t deadline;   // milliseconds, modulo 2^32
    uint32_t generation; // 0: no handle names this slot
    uint32_t owner : 23; // the mux's number in its pool
    uint32_t small : 1;  // it began with mux.small_credit
    uint32_t weight : 8;
};

constexpr uint32_t chunk_streams = 64;

struct Chunk {
    Stream streams[chunk_streams];
    StreamTag tags[chunk_streams];
    uint32_t used;
    uint32_t free_head; // through Stream::ready.next
    Link open;          // chunks with a free slot
};

struct StreamPool {
    tn_alloc memory;
    Chunk **chunks;
    uint32_t chunk_count; // entries used, vacant ones included
    uint32_t chunk_capacity;
    uint32_t first_vacant; // no entry below it is vacant
    uint32_t open_chunks;  // list of chunks with a free slot
    uint32_t max_streams;
    uint32_t live;
    uint32_t last_generation;
    uint64_t bytes;
};

void *pool_alloc(StreamPool &pool, size_t size, size_t align);
void pool_free(StreamPool &pool, void *memory, size_t size);
void pool_release(StreamPool &pool); // frees every chunk

// A zeroed stream in no list, with a fresh generation; nullptr at the limit or without memory.
Stream *stream_make(StreamPool &pool);
// In no list any more. An emptied chunk goes back to the allocator if another has room.
void stream_free(StreamPool &pool, Stream &stream);

// Inline, since every step of every frame begins with one of these.
inline Stream &stream_at(const StreamPool &pool, uint32_t slot)
{
    return pool.chunks[slot / chunk_streams]->streams[slot % chunk_streams];
}

inline StreamTag &tag_at(const StreamPool &pool, uint32_t slot)
{
    return pool.chunks[slot / chunk_streams]->tags[slot % chunk_streams];
}

// Slots there are; not all are in use.
inline uint32_t pool_slots(const StreamPool &pool) { return pool.chunk_count * chunk_streams; }

// Whether a stream with a valid handle is there.
inline bool slot_in_use(const StreamPool &pool, uint32_t slot)
{
    uint32_t chunk = slot / chunk_streams;
    return chunk < pool.chunk_count && pool.chunks[chunk] && tag_at(pool, slot).generation != 0;
}

// The stream that `handle` names, or nullptr.
inline Stream *stream_find(const StreamPool &pool, tn_stream handle)
{
    if (!slot_in_use(pool, handle.slot))
        return nullptr;
    if (tag_at(pool, handle.slot).generation != handle.gen)
        return nullptr;
    return &stream_at(pool, handle.slot);
}

inline Link &ready_link(const StreamPool &pool, uint32_t slot)
{
    return stream_at(pool, slot).ready;
}
inline Link &control_link(const StreamPool &pool, uint32_t slot)
{
    return stream_at(pool, slot).control;
}
inline Link &event_link(const StreamPool &pool, uint32_t slot)
{
    return stream_at(pool, slot).event;
}
inline Link &timer_link(const StreamPool &pool, uint32_t slot) { return tag_at(pool, slot).timer; }

// A doubly linked list of slots through one of their links.
template <auto link_of> struct SlotList {
    uint32_t head = no_slot;
    uint32_t tail = no_slot;

    bool empty() const { return head == no_slot; }

    void push_back(const StreamPool &pool, uint32_t slot)
    {
        link_of(pool, slot) = {.next = no_slot, .prev = tail};
        (tail == no_slot ? head : link_of(pool, tail).next) = slot;
        tail = slot;
    }

    void remove(const StreamPool &pool, uint32_t slot)
    {
        Link &link = link_of(pool, slot);
        (link.prev == no_slot ? head : link_of(pool, link.prev).next) = link.next;
        (link.next == no_slot ? tail : link_of(pool, link.next).prev) = link.prev;
        link.prev = unlinked;
    }
};

inline bool linked(const Link &link) { return link.prev != unlinked; }

} // namespace tunnel::core
