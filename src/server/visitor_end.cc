// SPDX-License-Identifier: ISC
//
// How a visitor gets an answer of our own, and how it leaves.

#include "server/visitor.h"

#include "base/log.h"
#include "flow/error_page.h"
#include "flow/head.h"
#include "net/loop.h"
#include "server/options.h"
#include "server/worker.h"

#include <algorithm>

namespace tunnel {

namespace {

constexpr size_t linger_bytes = 1024 * 1024; // read into nothing while lingering

} // namespace

// ---------------------------------------------------------------- our own answers

void Visitor::refuse(Reason reason, uint16_t status, const char *why, unsigned retry_after,
                     uint64_t bytes_in)
{
    const ReasonRow &row = reason_row(reason);
    ErrorPage page = {status ? status : row.status, row.name, row.sentence,
                      retry_after ? retry_after : row.retry_after};
    worker_.counters().reject(reason);
    if (*why)
        log_debug("request refused", {{"visitor", peer_text_}, {"why", why}});
    // Whatever of the request has not been read would be taken for the next one.
    bool keep =
        facts_.keep_alive && !draining_ && request_->complete() && reason != Reason::header_timeout;
    std::string answer = error_response(page, facts_.json, keep, facts_.head);
    connection_.write(bytes_of(answer));
    log_access(reason, page.status, bytes_in, answer.size());
    facts_.keep_alive = keep;
    enter(State::answering);
    if (connection_.queued() == 0)
        answered();
}

void Visitor::answered()
{
    if (facts_.keep_alive)
        return next_request();
    linger();
}

void Visitor::on_sent(size_t) noexcept
{
    if (state_ == State::answering && connection_.queued() == 0)
        answered();
}

void Visitor::account()
{
    if (exchange_)
        account(exchange_->bytes_in(), exchange_->bytes_out());
}

// What this request has moved up to now. An answer of our own may be shorter than what came
// before it of the local service's.
void Visitor::account(uint64_t bytes_in, uint64_t bytes_out)
{
    const uint64_t in = bytes_in - std::min(counted_in_, bytes_in);
    const uint64_t out = bytes_out - std::min(counted_out_, bytes_out);
    if (in == 0 && out == 0)
        return;
    counted_in_ += in;
    counted_out_ += out;
    worker_.counters().bytes_in.add(in);
    worker_.counters().bytes_out.add(out);
    if (tunnel_)
        tunnel_->traffic.move(in, out, worker_.loop().now());
}

void Visitor::count(Reason reason, uint16_t status, uint64_t bytes_in, uint64_t bytes_out)
{
    Counters &counters = worker_.counters();
    const Micros now = worker_.loop().now();
    counters.responses[status / 100 % counters.responses.size()].add();
    if (status != 101)
        counters.durations.add(now - started_at_);
    account(bytes_in, bytes_out);
    if (tunnel_)
        tunnel_->traffic.end(reason == Reason::ok, now);
}

void Visitor::log_access(Reason reason, uint16_t status, uint64_t bytes_in, uint64_t bytes_out)
{
    count(reason, status, bytes_in, bytes_out);
    if (!worker_.access_log().wanted())
        return;
    AccessEntry entry;
    entry.visitor = peer_text_;
    entry.host = host_;
    entry.tunnel = tunnel_ ? std::string_view(tunnel_->subdomain) : std::string_view();
    entry.method = method_;
    entry.path = path_;
    entry.request_id = request_id_;
    entry.status = status;
    entry.bytes_in = bytes_in;
    entry.bytes_out = bytes_out;
    entry.duration = worker_.loop().now() - started_at_;
    entry.reason = reason;
    worker_.access_log().write(entry);
}

void Visitor::abandon()
{
    if (exchange_)
        log_access(Reason::shutting_down, exchange_->status(), exchange_->bytes_in(),
                   exchange_->bytes_out());
}

// ---------------------------------------------------------------- leaving

// Closing with unread bytes would reset the connection, and the reset could overtake our last
// answer (RFC 9112 9.6): so half-close, and read the rest into nothing for a while.
void Visitor::linger()
{
    connection_.set_abortive(false);
    connection_.finish();
    enter(State::lingering);
    ahead_.clear();
    lingered_ = 0;
    discard();
}

void Visitor::discard()
{
    uint8_t dropped[16 * 1024];
    while (lingered_ < linger_bytes) {
        ssize_t n = connection_.read(dropped, sizeof dropped);
        if (n == 0)
            return;
        if (n < 0)
            return leave();
        lingered_ += size_t(n);
    }
    leave();
}

void Visitor::leave_if_idle()
{
    if (state_ == State::idle || state_ == State::reading)
        read_head(); // what has arrived is in progress
    if (state_ == State::idle || (state_ == State::reading && !request_->started()))
        leave();
}

uint64_t Visitor::held() const
{
    uint64_t bytes = connection_.queued() + ahead_.capacity();
    if (request_)
        bytes += request_->held();
    if (exchange_)
        bytes += exchange_->held();
    return bytes;
}

// Not as cut(): what waits for it would go on waiting.
void Visitor::shed()
{
    worker_.counters().reject(Reason::memory_shed);
    connection_.reset();
    if (exchange_)
        return exchange_->give_up(Reason::memory_shed);
    log_access(Reason::memory_shed, 0, 0, 0);
    leave();
}

void Visitor::on_broken() noexcept { leave(); }

void Visitor::on_timeout()
{
    if (exchange_)
        return exchange_->check_timeouts();
    if (state_ == State::reading && request_->started())
        return refuse(Reason::header_timeout);
    leave();
}

void Visitor::leave()
{
    if (state_ == State::gone)
        return;
    enter(State::gone);
    worker_.end_visitor(*this);
}

} // namespace tunnel
