// SPDX-License-Identifier: ISC
//
// The response's half of an exchange: its head edited, its body framed for the visitor.

#include "server/exchange.h"

#include "flow/chunk.h"
#include "flow/head.h"
#include "net/loop.h"
#include "server/options.h"

#include <algorithm>

namespace tunnel {

namespace {

// Interim responses (1xx) to one request; more are a fault of the local service.
constexpr unsigned max_interims = 64;

// Room for everything that a head may become: what it was, plus the fields we add.
size_t room_for(const tn_http1_head &head) { return 256 + head.reason.len + fields_room(head); }

// The status line, and the fields that go beyond one hop. Trailers are announced only where chunks
// can carry them (RFC 9110 6.6.2).
void write_head(HeadWriter &out, const tn_http1_head &head, bool with_trailers)
{
    out.add("HTTP/1.1 ").number(head.status).add(" ").add(head.reason).add("\r\n");
    for (size_t i = 0; i < head.field_count; i++)
        if (!head.fields[i].hop && (with_trailers || head.fields[i].known != TN_HTTP1_TRAILER))
            out.field(head.fields[i]);
}

} // namespace

void Exchange::on_stream_answered() noexcept
{
    answered_ = true;
    arm_timer();
}

void Exchange::on_stream_data(std::span<const uint8_t> bytes) noexcept
{
    if (ended_ || response_.complete()) // what stands behind the response is nobody's
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

void Exchange::pass_interim()
{
    if (++interims_ > max_interims)
        return end(Reason::bad_response);
    response_.expect_next_head();
    if (facts_.minor == 0)
        return; // RFC 9110 15.2: never to an HTTP/1.0 client
    const tn_http1_head &head = response_.head();
    HeadWriter out(visitor_.loop(), room_for(head));
    write_head(out, head, facts_.minor != 0);
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
    write_head(out, head, facts_.minor != 0);
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
    if (visitor_.queued() == 0)
        end(Reason::ok);
}

void Exchange::switch_protocols(std::span<const uint8_t> rest)
{
    const tn_http1_head &head = response_.head();
    responded_ = true;
    status_ = 101;
    HeadWriter out(visitor_.loop(), room_for(head));
    write_head(out, head, facts_.minor != 0);
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
    if (code == TN_RST_OVERLOAD)
        return end(Reason::too_many_streams);
    end(code == TN_RST_TIMEOUT ? Reason::request_timeout : Reason::visit_refused);
}

} // namespace tunnel
