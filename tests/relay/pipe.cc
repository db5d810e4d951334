// SPDX-License-Identifier: ISC

#include "pipe.h"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace relay {
namespace {

constexpr size_t most_in_flight = 64 * 1024 * 1024; // bytes of one pipe

} // namespace

void Socket::close_now(bool with_reset)
{
    if (fd < 0)
        return;
    if (with_reset) {
        linger abort = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    }
    close(fd);
    fd = -1;
}

void Socket::limit_intake(size_t bytes)
{
    if (bytes == 0)
        return;
    int window = int(bytes);
    // Setting the buffer ends its tuning, by which the window would grow again.
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &window, sizeof window) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &window, sizeof window);
}

bool Pipe::may_read(Nanos now) const
{
    if (state_ != State::open || lane_.dark || now < resumes_at_ || !from_.readable)
        return false;
    return queued_ < (to_.writable ? most_in_flight : lane_.conditions.buffer);
}

void Pipe::read(Nanos now)
{
    std::vector<uint8_t> bytes(lane_.chunk_size());
    ssize_t n = recv(from_.fd, bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EINTR)
        return;
    if (n < 0 && errno == EAGAIN) {
        from_.readable = false;
        return;
    }
    if (n <= 0) {
        enter(now, n == 0 ? Kind::fin : Kind::reset, {}, false);
        state_ = State::ended;
        return;
    }
    bool full = size_t(n) == bytes.size();
    if (deaf_)
        return;
    bytes.resize(size_t(n));
    lane_.corrupt(bytes);
    enter(now, Kind::bytes, std::move(bytes), full);
}

void Pipe::enter(Nanos now, Kind kind, std::vector<uint8_t> bytes, bool more_follows)
{
    Nanos round_trip = lane_.conditions.delay + back_.conditions.delay;
    last_due_ = std::max(last_due_, lane_.enter(now, bytes.size(), more_follows, round_trip));
    queued_ += bytes.size();
    chunks_.push_back({last_due_, kind, std::move(bytes)});
}

void Pipe::finish(Nanos now)
{
    if (state_ != State::open)
        return;
    enter(now, Kind::fin, {}, false);
    state_ = State::ended;
}

bool Pipe::reset_is_under_way() const
{
    return !chunks_.empty() && chunks_.back().kind == Kind::reset;
}

Nanos Pipe::next_delivery() const
{
    if (chunks_.empty() || lane_.dark)
        return never;
    if (to_.writable)
        return std::max(chunks_.front().due, resumes_at_);
    // No window stops a reset.
    return reset_is_under_way() ? std::max(chunks_.back().due, resumes_at_) : never;
}

void Pipe::deliver(Nanos now)
{
    while (next_delivery() <= now) {
        if (!to_.writable)
            state_ = State::broken;
        if (state_ == State::broken || !send_front())
            return;
        queued_ -= chunks_.front().bytes.size();
        chunks_.pop_front();
    }
}

// Returns whether all of it has gone.
bool Pipe::send_front()
{
    Chunk &chunk = chunks_.front();
    if (chunk.kind == Kind::reset) {
        state_ = State::broken;
        return true;
    }
    if (chunk.kind == Kind::fin) {
        shutdown(to_.fd, SHUT_WR);
        state_ = State::shut;
        return true;
    }
    while (!deaf_ && chunk.sent < chunk.bytes.size()) {
        ssize_t n = send(to_.fd, chunk.bytes.data() + chunk.sent, chunk.bytes.size() - chunk.sent,
                         MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            to_.writable = false;
            return false;
        }
        // A receiver that is gone says so itself, by what the other pipe reads from it.
        deaf_ = n < 0 && errno != EINTR;
        chunk.sent += size_t(std::max<ssize_t>(n, 0));
    }
    return true;
}

void Pipe::hold(Nanos now)
{
    if (lane_.dark && held_since_ == 0 && (!chunks_.empty() || from_.readable))
        held_since_ = now;
}

void Pipe::resume(Nanos now)
{
    if (held_since_ != 0)
        resumes_at_ = next_retransmission(held_since_, now);
    held_since_ = 0;
}

} // namespace relay
