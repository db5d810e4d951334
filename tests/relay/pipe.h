// SPDX-License-Identifier: ISC
//
// One direction of one connection: reads from a socket, lets the lane say when the bytes arrive,
// and writes them to the other socket then. Non-blocking and edge-triggered: the flags of Socket
// remember what epoll said. Owned by its connection; one thread.

#pragma once

#include "lane.h"

#include <deque>
#include <vector>

namespace relay {

// A descriptor and what is known about it.
struct Socket {
    explicit Socket(int descriptor) : fd(descriptor) {}
    ~Socket() { close_now(false); }
    Socket(const Socket &) = delete;
    Socket &operator=(const Socket &) = delete;
    void close_now(bool with_reset);
    void limit_intake(size_t bytes); // what the kernel takes before we read; 0: as it likes

    int fd;
    bool readable = false;
    bool writable = false;
};

class Pipe {
public:
    Pipe(Lane &lane, Lane &back, Socket &from, Socket &to)
        : lane_(lane), back_(back), from_(from), to_(to)
    {}

    bool may_read(Nanos now) const; // but for the lane's room
    void read(Nanos now);           // one chunk
    void deliver(Nanos now);        // what has arrived
    Nanos next_delivery() const;    // never: nothing, or the receiver is in the way
    Nanos resumes_at() const { return resumes_at_; }

    void hold(Nanos now);   // the lane is dark: since when does something wait?
    void resume(Nanos now); // it is not any more; TCP notices at its next retransmission
    void finish(Nanos now); // half-close after what is under way; nothing more is read

    bool finished() const { return state_ == State::shut; }
    bool broken() const { return state_ == State::broken; } // the connection must be reset
    size_t queued() const { return queued_; }
    Lane &lane() { return lane_; }

private:
    enum class State {
        open,
        ended,  // the end is under way
        shut,   // and has arrived
        broken, // a reset has arrived
    };
    enum class Kind { bytes, fin, reset };
    struct Chunk {
        Nanos due;
        Kind kind;
        std::vector<uint8_t> bytes;
        size_t sent = 0;
    };

    void enter(Nanos now, Kind kind, std::vector<uint8_t> bytes, bool more_follows);
    bool send_front();
    bool reset_is_under_way() const;

    Lane &lane_;
    Lane &back_;
    Socket &from_;
    Socket &to_;
    State state_ = State::open;
    std::deque<Chunk> chunks_;
    size_t queued_ = 0;    // bytes in `chunks_`
    Nanos last_due_ = 0;   // nothing overtakes
    Nanos held_since_ = 0; // 0: nothing is held
    Nanos resumes_at_ = 0; // not before
    bool deaf_ = false;    // the receiver is gone: what comes is dropped
};

} // namespace relay
