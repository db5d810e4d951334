// SPDX-License-Identifier: ISC

#include "server/visitor.h"

#include "flow/error_page.h"
#include "net/loop.h"
#include "server/directory.h"
#include "server/forward.h"
#include "server/host.h"
#include "server/http_policy.h"
#include "server/options.h"
#include "server/session.h"
#include "server/worker.h"

#include <algorithm>
#include <tunnel/stream_header.h>

namespace tunnel {

namespace {

// Bytes read at once while a head is awaited: most heads, and small bodies, come in one.
constexpr size_t head_read = 16 * 1024;
constexpr Micros linger_time = 2 * second;
constexpr size_t logged_max = 512; // bytes of method and path kept for the log

tn_slice slice_of(std::string_view text)
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

} // namespace

Visitor::Visitor(Worker &worker, Descriptor socket, const Address &peer, HeldBytes ahead, Seat seat)
    : worker_(worker), connection_(worker.loop(), std::move(socket), *this), peer_(peer),
      peer_ip_(peer.ip_text()), peer_text_(peer.text()),
      trusted_(worker.http_policy().trusted.contains(peer)),
      timer_(worker.loop(), [this] { on_timeout(); }), ahead_(std::move(ahead)),
      seat_(std::move(seat))
{
    enter(State::reading);
    if (!ahead_.empty())
        read_head();
}

Visitor::~Visitor() = default;

void Visitor::enter(State next)
{
    state_ = next;
    const ServerSettings &settings = worker_.settings();
    switch (next) {
    case State::idle:
        return timer_.start(settings.keepalive_timeout ? settings.keepalive_timeout : never);
    case State::reading:
        request_.reset(); // refers to the policy before
        policy_ = worker_.shared_policy();
        request_.emplace(Message::Kind::request, policy_->http.request, false);
        forget_request();
        return timer_.start(settings.header_timeout ? settings.header_timeout : never);
    case State::answering:
        return timer_.start(settings.write_timeout ? settings.write_timeout : never);
    case State::lingering:
        return timer_.start(linger_time);
    case State::exchanging: // has timeouts of its own
    case State::gone:
        return timer_.stop();
    }
}

// Of the request before: what is refused now must not be answered, or logged, in its likeness.
void Visitor::forget_request()
{
    facts_ = {};
    tunnel_.reset();
    method_.clear();
    path_.clear();
    host_.clear();
    request_id_.clear();
    counted_in_ = counted_out_ = 0;
}

void Visitor::drain()
{
    draining_ = true;
    leave_if_idle();
    if (exchange_)
        exchange_->stop_keep_alive();
}

// ---------------------------------------------------------------- heads

void Visitor::on_readable() noexcept
{
    switch (state_) {
    case State::idle:
    case State::reading:
        return read_head();
    case State::lingering:
        return discard();
    case State::exchanging:
    case State::answering:
    case State::gone:
        return;
    }
}

void Visitor::read_head()
{
    if (!ahead_.empty()) {
        HeldBytes read = std::move(ahead_);
        ahead_.clear();
        if (take_bytes(read))
            return;
    }
    uint8_t *scratch = worker_.loop().read_scratch();
    while (state_ == State::idle || state_ == State::reading) {
        ssize_t n = connection_.read(scratch, head_read);
        if (n == 0)
            return;
        if (n < 0)
            return on_end();
        if (take_bytes({scratch, size_t(n)}))
            return;
    }
}

// The visitor finished (or broke) before a head was whole.
void Visitor::on_end()
{
    bool cut = state_ == State::reading && request_->started();
    if (cut && connection_.end() == Connection::End::fin)
        return refuse(Reason::bad_request, 400, "incomplete request");
    leave();
}

// Returns true when a request has been dealt with, or refused.
bool Visitor::take_bytes(std::span<const uint8_t> in)
{
    if (state_ == State::idle)
        enter(State::reading);
    if (!request_->started())
        started_at_ = worker_.loop().now();
    std::span<const uint8_t> raw;
    switch (request_->next(in, raw)) {
    case Message::Found::more:
        return false;
    case Message::Found::head:
        ahead_.assign(in.begin(), in.end());
        take_request(raw);
        return true;
    default:
        refuse(Reason::bad_request, request_->refusal(), request_->why());
        return true;
    }
}

// ---------------------------------------------------------------- routing

void Visitor::take_request(std::span<const uint8_t> raw)
{
    const tn_http1_head &head = request_->head();
    const ServerSettings &settings = worker_.settings();
    requests_++;
    facts_.head = head.is_head;
    facts_.upgrade = head.is_upgrade;
    facts_.minor = head.minor;
    facts_.keep_alive =
        head.keep_alive && !draining_ && worker_.memory_step() < MemoryStep::close_idle &&
        (!settings.max_keepalive_requests || requests_ < settings.max_keepalive_requests);
    facts_.json = prefers_json(head);
    remember(head);

    HostName host = parse_host(text_of(head.host), settings.domains);
    if (host.kind != HostName::Kind::tunnel)
        return refuse(Reason::unknown_tunnel);
    Route route = worker_.directory().find(host.label, worker_.loop().now(), std::move(seat_),
                                           worker_.index());
    if (route.kind == Route::Kind::unknown)
        return refuse(Reason::unknown_tunnel);
    if (route.kind == Route::Kind::offline)
        return refuse(Reason::tunnel_offline);
    if (route.seat.carrier()->ref.worker != worker_.index())
        return hand_over(std::move(route.seat), raw);
    tunnel_ = std::move(route.tunnel);
    if (settings.max_request_body_size && head.framing == TN_HTTP1_LENGTH &&
        head.content_length > settings.max_request_body_size)
        return refuse(Reason::body_too_large);
    if (unsigned wait = tunnel_->rate.take(settings.max_requests_per_minute, worker_.loop().now()))
        return refuse(Reason::rate_limited, 0, "", wait);
    seat_ = std::move(route.seat);
    open_visit();
}

// Keeps of the head what the log and an error page need later.
void Visitor::remember(const tn_http1_head &head)
{
    std::string_view given = trusted_ ? usable_request_id(head) : std::string_view();
    if (given.empty())
        worker_.next_request_id(request_id_);
    else
        request_id_ = given;
    if (!worker_.access_log().wanted())
        return;
    method_ = text_of(head.method).substr(0, logged_max);
    path_ = text_of(head.path).substr(0, logged_max);
    host_ = text_of(head.host).substr(0, logged_max);
}

void Visitor::open_visit()
{
    Session *session = seat_.carrier()->session;
    if (session && !worker_.has_memory_for(*session)) {
        seat_ = {};
        return refuse(Reason::memory_short);
    }
    Exchange::Owner &self = *this;
    exchange_ = std::make_unique<Exchange>(connection_, timer_, *request_, ahead_, facts_,
                                           policy_->http.response, policy_->settings, self);
    tn_error why = session ? exchange_->open(*session) : TN_ERR_CLOSED;
    if (why != TN_OK) {
        exchange_.reset();
        seat_ = {};
        bool full = why == TN_ERR_LIMIT || why == TN_ERR_AGAIN || why == TN_ERR_NOMEM;
        return refuse(full ? Reason::too_many_streams : Reason::tunnel_offline);
    }
    enter(State::exchanging);
    send_head(exchange_->stream(), session->short_header());
    exchange_->start();
}

// The stream header and the edited head: one piece, and with a short body one frame.
void Visitor::send_head(Stream &stream, bool short_header)
{
    const tn_http1_head &head = request_->head();
    HeadWriter out(worker_.loop(), request_head_room(head));
    write_request(out, head, {peer_ip_, request_id_, trusted_});
    send_stream_header(stream, short_header, out.bytes().size());
    stream.send(out.bytes());
}

void Visitor::send_stream_header(Stream &stream, bool short_header, size_t head_size)
{
    const tn_http1_head &head = request_->head();
    tn_stream_header visit = {};
    visit.type = head.is_websocket ? TN_VISIT_WEBSOCKET : TN_VISIT_HTTP;
    visit.local_port = tunnel_->local_port;
    visit.subdomain = slice_of(tunnel_->subdomain);
    visit.local_host = slice_of(tunnel_->local_host);
    visit.request_id = slice_of(request_id_);
    visit.remote_addr = slice_of(peer_text_);
    visit.host = head.host;
    visit.method = head.method;
    visit.path = head.path;

    size_t room = short_header ? TN_SHORT_HEADER_MAX : 4 + TN_STREAM_HEADER_MAX;
    uint8_t *start = worker_.loop().borrow(room);
    ssize_t size;
    if (short_header) {
        tn_request_brief request = brief_of(head, head_size, facts_.json);
        size = tn_short_header_encode(&visit, &request, start, room);
    } else {
        size = tn_stream_header_encode(&visit, start, room);
    }
    stream.send({start, size_t(std::max<ssize_t>(size, 0))});
}

void Visitor::hand_over(Seat seat, std::span<const uint8_t> raw)
{
    HeldBytes bytes(raw.begin(), raw.end());
    bytes.insert(bytes.end(), ahead_.begin(), ahead_.end());
    worker_.hand_over(std::move(seat), connection_.release(), peer_, std::move(bytes));
    enter(State::gone);
    worker_.end_visitor(*this);
}

// ---------------------------------------------------------------- the end of an exchange

void Visitor::on_exchange_end(Reason reason) noexcept
{
    std::unique_ptr<Exchange> exchange = std::move(exchange_);
    Exchange &done = *exchange;
    worker_.loop().retire(std::move(exchange));
    connection_.set_owner(*this);
    seat_.leave();
    if (reason != Reason::ok)
        seat_ = {}; // the next request need not go where this one went wrong
    if (connection_.closed()) {
        log_access(reason, done.status(), done.bytes_in(), done.bytes_out());
        return leave();
    }
    // A request that its visitor finished too early can still be answered.
    if (reason == Reason::visitor_left && connection_.end() == Connection::End::fin)
        reason = Reason::bad_request;
    if (reason != Reason::ok && !done.responded() && reason != Reason::visitor_left)
        return refuse(reason, 0, "", 0, done.bytes_in());
    log_access(reason, done.status(), done.bytes_in(), done.bytes_out());
    if (reason != Reason::ok)
        return cut(done.end_is_the_mark());
    if (done.keeps_visitor() && !draining_)
        return next_request();
    if (!done.request_complete() || !ahead_.empty() || connection_.readable())
        return linger();
    connection_.set_abortive(false);
    leave();
}

void Visitor::next_request()
{
    enter(State::idle);
    if (ahead_.empty() && !connection_.readable())
        return;
    // Not from inside the callback that ended the last one: a visitor with a thousand pipelined
    // requests would go as deep, and the loop's scratch is in use there.
    worker_.loop().schedule(*this);
}

void Visitor::on_turn_end() noexcept
{
    if (state_ == State::idle)
        read_head();
}

// The response ended before its end, which must show. What has come of it still goes out: then the
// last chunk is missing, or bytes of its length. Only where the end of the connection is the one
// mark there is, a reset has to say it.
void Visitor::cut(bool end_is_the_mark)
{
    if (end_is_the_mark) {
        connection_.reset();
        return leave();
    }
    linger();
}

} // namespace tunnel
