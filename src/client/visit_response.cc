// SPDX-License-Identifier: ISC
//
// The response's half of a visit: read straight into the link's output, followed to its end.

#include "client/visit.h"

namespace tunnel {

namespace {

// So long may a visitor take nothing before the local connection stops counting as open.
constexpr Micros stall_time = 1 * second;

} // namespace

void Visit::on_readable() noexcept
{
    if (state_ == State::serving)
        stream_->ready();
}

size_t Visit::on_stream_pull(uint8_t *dst, size_t size) noexcept
{
    if (state_ != State::serving || failed_ || response_.complete() || switched_)
        return 0;
    timer_.stop();
    context_.pool.take_back(local_);
    ssize_t n = local_.connection->read(dst, size);
    if (n < 0) {
        stream_->want_pulled();
        return 0;
    }
    size_t passed = follow_response({dst, size_t(n)});
    if (failed_)
        passed = 0;
    record_.bytes_out += passed;
    bool more = local_.connection->readable();
    if (failed_ || response_.complete() || switched_ || more)
        stream_->want_pulled();
    return passed;
}

// Returns how many of the bytes belong to the response.
size_t Visit::follow_response(std::span<const uint8_t> bytes)
{
    std::span<const uint8_t> in = bytes;
    for (;;) {
        std::span<const uint8_t> ignored;
        switch (response_.next(in, ignored)) {
        case Message::Found::head: {
            const tn_http1_head &head = response_.head();
            if (head.status == 101) {
                switched_ = true;
                record_.status = 101;
                return bytes.size();
            }
            if (head.status < 200) {
                response_.expect_next_head();
                break;
            }
            record_.status = head.status;
            response_keeps_ = head.keep_alive;
            break;
        }
        case Message::Found::data:
            break;
        case Message::Found::more:
            return bytes.size();
        case Message::Found::end:
            surplus_ = !in.empty();
            return bytes.size() - in.size();
        case Message::Found::trailers:
        case Message::Found::broken:
            failed_ = response_.why();
            return 0;
        }
    }
}

void Visit::on_stream_pulled() noexcept
{
    if (state_ != State::serving)
        return;
    if (failed_) {
        return fail(502, "local_bad_response",
                    "The local service did not answer with valid HTTP (" + std::string(failed_) +
                        ").");
    }
    if (switched_)
        return start_relay();
    if (response_.complete()) {
        stream_->close();
        return end("ok");
    }
    if (local_.connection->end() != Connection::End::none)
        return response_ended();
    stream_->ready();
    if (stream_->blocked())
        timer_.start(stall_time);
}

// The local connection is at its end before the response is, by what we know.
void Visit::response_ended()
{
    bool clean = local_.connection->end() == Connection::End::fin;
    if (clean && response_.source_ended()) {
        stream_->close();
        return end("ok");
    }
    if (try_again())
        return;
    if (record_.bytes_out == 0)
        return fail(502, "local_closed",
                    "The local service closed the connection without an answer.");
    stream_->reset(TN_RST_INTERNAL);
    end("local service cut the response");
}

// The local service resets, or takes no more: it may have answered before (an upload that is
// too large, say), so its bytes are read to the end first.
void Visit::on_broken() noexcept
{
    if (state_ != State::serving)
        return;
    local_deaf_ = true;
    stream_->left(0, true);
    stream_->ready();
    if (!local_.connection->readable())
        response_ended();
}

void Visit::start_relay()
{
    state_ = State::relaying;
    Relay::Owner &self = *this;
    relay_ = std::make_unique<Relay>(*local_.connection, *stream_,
                                     context_.settings.relay_idle_timeout, self);
    relay_->start();
}

void Visit::on_relay_end(Relay::Ended how) noexcept
{
    switch (how) {
    case Relay::Ended::complete:
        return end("ok");
    case Relay::Ended::socket_lost:
        return end("local service reset the connection");
    case Relay::Ended::stream_lost:
        return end("visitor left");
    case Relay::Ended::idle:
        return end("idle");
    }
}

} // namespace tunnel
