// SPDX-License-Identifier: ISC

#include "server/exchange.h"

#include "flow/chunk.h"
#include "flow/head.h"
#include "net/loop.h"
#include "server/options.h"
#include "server/session.h"

#include <algorithm>

namespace tunnel {

namespace {

// Bytes of a chunked request that are read and framed at a time.
constexpr size_t raw_piece = 64 * 1024;

Micros after(Micros start, Micros span) { return span && start != never ? start + span : never; }

} // namespace

Exchange::Exchange(Connection &visitor, Timer &timer, Message &request, HeldBytes &ahead,
                   const RequestFacts &facts, const tn_http1_limits &response_limits,
                   const ServerSettings &settings, Owner &owner)
    : visitor_(visitor), request_(request),
      response_(Message::Kind::response, response_limits, false), ahead_(ahead), facts_(facts),
      settings_(settings), owner_(owner), timer_(timer)
{
    opened_at_ = moved_at_ = taken_at_ = visitor_.loop().now();
    response_.answers(facts.head, facts.upgrade);
}

tn_error Exchange::open(Session &session)
{
    tn_error why = TN_ERR_CLOSED;
    stream_ = session.open_visit(*this, why);
    if (stream_)
        visitor_.set_owner(*this);
    return stream_ ? TN_OK : why;
}

void Exchange::start()
{
    send_ahead();
    if (!ended_)
        pump_request();
}

bool Exchange::keeps_visitor() const
{
    return facts_.keep_alive && request_.complete() && response_.complete() &&
           framing_ != Framing::until_close && !relay_;
}

// ---------------------------------------------------------------- the request's body, up

// A body of known length is read straight into the link's output when its turn comes (pull). A
// chunked one is framed anew on the way and goes through the stream's queue.

// What came in one read with the head.
void Exchange::send_ahead()
{
    if (request_.complete() || ahead_.empty())
        return;
    HeldBytes read = std::move(ahead_);
    size_t used = 0;
    while (!ended_ && used < read.size() && !request_.complete()) {
        std::span<const uint8_t> piece(read.data() + used, std::min(raw_piece, read.size() - used));
        size_t size = piece.size();
        send_framed(piece);
        used += size - piece.size();
    }
    ahead_.assign(read.begin() + ptrdiff_t(used), read.end());
}

// Sends the body bytes in `in` (at most raw_piece of them); leaves what is behind the body.
void Exchange::send_framed(std::span<const uint8_t> &in)
{
    thread_local uint8_t framed[raw_piece + chunk_overhead];
    ChunkWriter writer(framed, sizeof framed, request_.framing() == TN_HTTP1_CHUNKED);
    if (writer.pass(request_, in) == Message::Found::broken)
        return end(Reason::bad_request);
    bytes_in_ += writer.payload();
    if (settings_.max_request_body_size && bytes_in_ > settings_.max_request_body_size)
        return end(Reason::body_too_large);
    stream_->send({framed, writer.size()});
}

void Exchange::pump_request()
{
    if (!request_.complete() && request_.framing() == TN_HTTP1_CHUNKED)
        pump_chunked();
    if (!ended_)
        request_progress();
}

void Exchange::pump_chunked()
{
    thread_local uint8_t raw[raw_piece];
    while (!request_.complete() && visitor_.readable() && stream_->space() > 0) {
        ssize_t n = visitor_.read(raw, sizeof raw);
        if (n == 0)
            return;
        if (n < 0)
            return end(Reason::visitor_left);
        moved_at_ = visitor_.loop().now();
        std::span<const uint8_t> in(raw, size_t(n));
        send_framed(in);
        if (ended_)
            return;
        ahead_.assign(in.begin(), in.end());
    }
}

// The request moved on: wait for its next bytes, or for the answer.
void Exchange::request_progress()
{
    if (request_.complete()) {
        if (requested_at_ == never)
            requested_at_ = visitor_.loop().now();
    } else if (request_.framing() != TN_HTTP1_CHUNKED && visitor_.readable()) {
        stream_->ready();
    }
    arm_timer();
}

// A visitor who resets while nothing of him may be read is not to be waited for.
void Exchange::on_readable() noexcept
{
    if (ended_)
        return;
    if ((request_.complete() || stream_->blocked()) && visitor_.peer_reset())
        return end(Reason::visitor_left);
    if (!request_.complete())
        pump_request();
}

void Exchange::on_stream_writable() noexcept
{
    if (!ended_)
        pump_request();
}

size_t Exchange::on_stream_pull(uint8_t *dst, size_t size) noexcept
{
    if (ended_ || request_.complete() || pull_failed_ != Reason::ok)
        return 0;
    size_t wanted = size_t(std::min<uint64_t>(size, request_.body_left()));
    ssize_t n = visitor_.read(dst, wanted);
    if (n < 0) {
        pull_failed_ = Reason::visitor_left;
        stream_->want_pulled();
        return 0;
    }
    moved_at_ = visitor_.loop().now();
    bytes_in_ += size_t(n);
    std::span<const uint8_t> in(dst, size_t(n));
    std::span<const uint8_t> ignored;
    while (request_.next(in, ignored) == Message::Found::data)
        ; // to the end of what was read, and of the body if that was its last byte
    if (request_.complete() || (size_t(n) < size && visitor_.readable()))
        stream_->want_pulled();
    return size_t(n);
}

void Exchange::on_stream_pulled() noexcept
{
    if (ended_)
        return;
    if (pull_failed_ != Reason::ok)
        return end(pull_failed_);
    request_progress();
}

// ---------------------------------------------------------------- time and end

// What is waited for now; where several are overdue the first counts.
std::array<Exchange::Wait, 4> Exchange::waits() const
{
    bool in_body = response_.started() || !request_.complete();
    return {{
        {answered_ ? never : after(opened_at_, settings_.dial_timeout), Reason::dial_timeout},
        {response_.started() ? never : after(requested_at_, settings_.request_timeout),
         Reason::request_timeout},
        {visitor_.queued() > 0 ? after(taken_at_, settings_.write_timeout) : never,
         Reason::write_timeout},
        {in_body ? after(moved_at_, settings_.idle_timeout) : never, Reason::idle_timeout},
    }};
}

void Exchange::arm_timer()
{
    if (ended_ || relay_)
        return;
    Micros due = never;
    for (const Wait &wait : waits())
        due = std::min(due, wait.until);
    timer_.start_at(due);
}

void Exchange::check_timeouts()
{
    Micros now = visitor_.loop().now();
    for (const Wait &wait : waits())
        if (now >= wait.until)
            return end(wait.otherwise);
    arm_timer();
}

void Exchange::on_broken() noexcept { end(Reason::visitor_left); }

void Exchange::on_relay_end(Relay::Ended how) noexcept
{
    switch (how) {
    case Relay::Ended::complete:
        return end(Reason::ok);
    case Relay::Ended::socket_lost:
        return end(Reason::visitor_left);
    case Relay::Ended::stream_lost:
        return end(Reason::response_cut);
    case Relay::Ended::idle:
        return end(Reason::idle_timeout);
    }
}

void Exchange::end(Reason reason)
{
    if (ended_)
        return;
    ended_ = true;
    timer_.stop();
    if (reason == Reason::ok)
        stream_->close();
    else
        stream_->reset(TN_RST_CANCEL);
    owner_.on_exchange_end(reason);
}

} // namespace tunnel
