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

// Interim responses (1xx) to one request; more are a fault of the local service.
constexpr unsigned max_interims = 64;

// Bytes of a chunked request that are read and framed at a time.
constexpr size_t raw_piece = 64 * 1024;

std::span<const uint8_t> bytes_of(std::string_view text)
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

Micros after(Micros start, Micros span) { return span && start != never ? start + span : never; }

} // namespace

Exchange::Exchange(Connection &visitor, Timer &timer, Message &request, std::vector<uint8_t> &ahead,
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
    std::vector<uint8_t> read = std::move(ahead_);
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

// ---------------------------------------------------------------- the response, down

void Exchange::on_stream_answered() noexcept
{
    answered_ = true;
    arm_timer();
}

void Exchange::on_stream_data(std::span<const uint8_t> bytes) noexcept
{
    if (ended_)
        return;
    answered_ = true;
    if (visitor_.queued() == 0)
        taken_at_ = visitor_.loop().now();
    moved_at_ = visitor_.loop().now();
    take_response(bytes);
    if (ended_ || relay_)
        return;
    if (visitor_.queued() == 0)
        stream_->left(0, true); // nothing of it will be sent
    arm_timer();
}

void Exchange::take_response(std::span<const uint8_t> in)
{
    while (!ended_ && !relay_) {
        std::span<const uint8_t> bytes;
        switch (response_.next(in, bytes)) {
        case Message::Found::more:
            return;
        case Message::Found::head:
            take_head(in);
            break;
        case Message::Found::data:
            pass_body(bytes);
            break;
        case Message::Found::trailers:
            pass_trailers(bytes);
            break;
        case Message::Found::end:
            return finish_response();
        case Message::Found::broken:
            return end(responded_ ? Reason::response_cut : Reason::bad_response);
        }
    }
}

void Exchange::take_head(std::span<const uint8_t> rest)
{
    const tn_http1_head &head = response_.head();
    if (head.status == 101)
        return switch_protocols(rest);
    if (head.status < 200)
        return pass_interim();
    pass_head();
}

void Exchange::write_fields(HeadWriter &out, const tn_http1_head &from)
{
    for (size_t i = 0; i < from.field_count; i++)
        if (!from.fields[i].hop)
            out.field(from.fields[i]);
}

namespace {

// Room for everything that a head may become: what it was, plus the fields we add.
size_t room_for(const tn_http1_head &head)
{
    size_t room = 256 + head.reason.len;
    for (size_t i = 0; i < head.field_count; i++)
        room += head.fields[i].name.len + head.fields[i].value.len + 4;
    return room;
}

void write_status_line(HeadWriter &out, const tn_http1_head &head)
{
    out.add("HTTP/1.1 ").number(head.status).add(" ").add(head.reason).add("\r\n");
}

} // namespace

void Exchange::pass_interim()
{
    if (++interims_ > max_interims)
        return end(Reason::bad_response);
    response_.expect_next_head();
    if (facts_.minor == 0)
        return; // RFC 9110 15.2: never to an HTTP/1.0 client
    const tn_http1_head &head = response_.head();
    HeadWriter out(visitor_.loop(), room_for(head));
    write_status_line(out, head);
    write_fields(out, head);
    put(out.end().bytes());
}

void Exchange::pass_head()
{
    const tn_http1_head &head = response_.head();
    responded_ = true;
    status_ = head.status;
    bool unsized = head.framing == TN_HTTP1_CHUNKED || head.framing == TN_HTTP1_UNTIL_CLOSE;
    if (unsized)
        framing_ = facts_.minor == 0 ? Framing::until_close : Framing::chunked;
    if (framing_ == Framing::until_close) {
        facts_.keep_alive = false;
        visitor_.set_abortive(true); // its FIN is the only end mark: it must not come by accident
    }

    HeadWriter out(visitor_.loop(), room_for(head));
    write_status_line(out, head);
    write_fields(out, head);
    if (framing_ == Framing::chunked)
        out.field("Transfer-Encoding", "chunked");
    if (!facts_.keep_alive)
        out.field("Connection", "close");
    else if (facts_.minor == 0)
        out.field("Connection", "keep-alive");
    put(out.end().bytes());
}

void Exchange::pass_body(std::span<const uint8_t> bytes)
{
    if (framing_ != Framing::chunked)
        return put(bytes);
    uint8_t *line = visitor_.loop().borrow(chunk_line_max);
    put({line, chunk_line(line, bytes.size())});
    put(bytes);
    put_text("\r\n");
}

void Exchange::pass_trailers(std::span<const uint8_t> lines)
{
    if (framing_ != Framing::chunked)
        return;
    trailers_ = true;
    put_text("0\r\n");
    uint8_t *copy = visitor_.loop().borrow(lines.size());
    std::copy(lines.begin(), lines.end(), copy);
    put({copy, lines.size()});
}

void Exchange::finish_response()
{
    if (framing_ == Framing::chunked)
        put_text(trailers_ ? "\r\n" : "0\r\n\r\n");
    framing_ = framing_ == Framing::chunked ? Framing::plain : framing_;
    if (visitor_.queued() == 0)
        end(Reason::ok);
}

void Exchange::switch_protocols(std::span<const uint8_t> rest)
{
    const tn_http1_head &head = response_.head();
    responded_ = true;
    status_ = 101;
    HeadWriter out(visitor_.loop(), room_for(head));
    write_status_line(out, head);
    write_fields(out, head);
    out.field("Connection", "Upgrade");
    if (const tn_http1_field *upgrade = tn_http1_find(&head, TN_HTTP1_UPGRADE))
        out.field(*upgrade);
    put(out.end().bytes());

    timer_.stop();
    Relay::Owner &self = *this;
    relay_ = std::make_unique<Relay>(visitor_, *stream_, settings_.relay_idle_timeout, self);
    relay_->preload_to_socket(rest);
    relay_->preload_to_stream(ahead_);
    ahead_.clear();
    relay_->start();
}

void Exchange::put(std::span<const uint8_t> bytes)
{
    bytes_out_ += bytes.size();
    visitor_.put(bytes);
}

void Exchange::put_text(std::string_view text) { put(bytes_of(text)); }

void Exchange::on_sent(size_t size) noexcept
{
    if (ended_)
        return;
    taken_at_ = moved_at_ = visitor_.loop().now();
    bool all = visitor_.queued() == 0;
    stream_->left(size, all);
    if (all && response_.complete())
        end(Reason::ok);
}

void Exchange::on_stream_fin() noexcept
{
    if (ended_ || response_.complete())
        return;
    if (response_.source_ended())
        return finish_response();
    end(responded_ ? Reason::response_cut : Reason::visit_refused);
}

void Exchange::on_stream_broken(tn_close_reason reason, uint32_t code) noexcept
{
    if (ended_ || response_.complete())
        return;
    if (responded_)
        return end(Reason::response_cut);
    if (reason == TN_CR_SESSION)
        return end(Reason::link_lost);
    end(code == TN_RST_TIMEOUT ? Reason::request_timeout : Reason::visit_refused);
}

// ---------------------------------------------------------------- time and end

void Exchange::arm_timer()
{
    if (ended_ || relay_)
        return;
    Micros due = never;
    if (!answered_)
        due = std::min(due, after(opened_at_, settings_.dial_timeout));
    if (!response_.started())
        due = std::min(due, after(requested_at_, settings_.request_timeout));
    if (response_.started() || !request_.complete())
        due = std::min(due, after(moved_at_, settings_.idle_timeout));
    if (visitor_.queued() > 0)
        due = std::min(due, after(taken_at_, settings_.write_timeout));
    timer_.start_at(due);
}

void Exchange::check_timeouts()
{
    Micros now = visitor_.loop().now();
    if (!answered_ && now >= after(opened_at_, settings_.dial_timeout))
        return end(Reason::dial_timeout);
    if (!response_.started() && now >= after(requested_at_, settings_.request_timeout))
        return end(Reason::request_timeout);
    if (visitor_.queued() > 0 && now >= after(taken_at_, settings_.write_timeout))
        return end(Reason::write_timeout);
    if ((response_.started() || !request_.complete()) &&
        now >= after(moved_at_, settings_.idle_timeout))
        return end(Reason::idle_timeout);
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
