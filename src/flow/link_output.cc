// SPDX-License-Identifier: ISC
//
// The sending half of a link: one gather for each turn of the loop.

#include "flow/link.h"

#include <algorithm>

namespace tunnel {

namespace {

// Bytes written in one turn; the rest in the next. Together with the batch it is also what a frame
// may have in front of it, where nothing limits the link's output further.
constexpr size_t write_budget = 512 * 1024;
// Below this much room a batch is full: a frame started there would be cut short for nothing.
constexpr size_t batch_room = 4096;

} // namespace

void Link::on_turn_end() noexcept
{
    if (!mux_)
        return lose("out of memory");
    if (state_ == State::opening && !connection_.ssl())
        on_open();
    if (more_input_) {
        more_input_ = false;
        on_readable();
    }
    if (state_ == State::open || state_ == State::closing)
        write_out();
}

void Link::write_out()
{
    writing_ = true;
    bool alive = true;
    size_t budget = write_budget;
    while (alive && budget > 0 && connection_.queued() == 0 && tn_mux_want_write(mux_)) {
        size_t size = gather();
        if (size == 0)
            break;
        connection_.put({loop_.read_scratch(), size});
        alive = connection_.flush() && state_ != State::closed;
        budget -= std::min(budget, size);
    }
    writing_ = false;
    if (alive)
        after_write();
}

// One batch of frames, in the read scratch; returns its bytes.
size_t Link::gather()
{
    size_t size = 0;
    while (size + batch_room <= limit_.batch()) {
        size_t n = tn_mux_gather_copy(mux_, loop_.now(), loop_.read_scratch() + size,
                                      limit_.batch() - size, pull, this);
        size += n;
        if (!tell_pulled() && n == 0)
            break;
    }
    return size;
}

void Link::after_write()
{
    if (connection_.queued() > 0)
        limit_.adapt(connection_.fd(), stats());
    else if (tn_mux_want_write(mux_))
        wake();
    else if (state_ == State::closing)
        connection_.finish();
    arm_timer();
}

// A peer that sends more pings and resets in one read than the mux can keep replies for: some
// leave now. Not by way of the read scratch, where the input still stands.
void Link::write_replies()
{
    if (connection_.queued() > 0)
        return;
    uint8_t frames[batch_room];
    size_t n = tn_mux_gather_copy(mux_, loop_.now(), frames, sizeof frames, pull, this);
    tell_pulled();
    connection_.write({frames, n});
}

size_t Link::pull(void *, tn_stream, void *user, uint8_t *dst, size_t size)
{
    return user ? static_cast<Stream *>(user)->pull(dst, size) : 0;
}

// Returns whether there was anybody to tell.
bool Link::tell_pulled()
{
    bool any = !pulled_.empty();
    while (!pulled_.empty()) {
        Stream *stream = pulled_.back();
        pulled_.pop_back();
        stream->in_pulled_list_ = false;
        stream->owner_->on_stream_pulled();
    }
    return any;
}

void Link::on_sent(size_t) noexcept
{
    if (connection_.queued() == 0)
        wake();
}

} // namespace tunnel
