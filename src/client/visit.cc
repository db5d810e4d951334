// SPDX-License-Identifier: ISC

#include "client/visit.h"

#include "base/log.h"
#include "flow/head.h"

#include <algorithm>

namespace tunnel {

namespace {

// Heads that the server has let through are within its limits; these only bound our memory.
const tn_http1_limits &request_limits()
{
    static const tn_http1_limits limits = {128 * 1024, 64 * 1024, 64 * 1024, TN_HTTP1_MAX_FIELDS};
    return limits;
}

const tn_http1_limits &response_limits()
{
    static const tn_http1_limits limits = {256 * 1024, 64 * 1024, 128 * 1024, TN_HTTP1_MAX_FIELDS};
    return limits;
}

// How long an answer of our own may take to leave.
constexpr Micros answer_time = 10 * second;
// Of a path that is kept for log and screen, bytes.
constexpr size_t path_max = 4096;
// What a visitor is told to wait while we are short of memory, seconds.
constexpr unsigned memory_wait = 5;
// A request that may be sent a second time is kept up to this size, bytes.
constexpr size_t replay_max = 32 * 1024;

bool lies_in(std::span<const uint8_t> part, std::span<const uint8_t> whole)
{
    return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

} // namespace

Visit::Visit(VisitContext &context, std::unique_ptr<Stream> stream, size_t place, Owner &owner)
    : context_(context), stream_(std::move(stream)), owner_(owner), place_(place),
      timer_(context.loop, [this] { on_timeout(); }),
      request_(Message::Kind::request, request_limits(), true),
      response_(Message::Kind::response, response_limits(), true), started_at_(context.loop.now())
{
    stream_->set_owner(*this);
}

Visit::~Visit() = default;

// ---------------------------------------------------------------- the request, down

void Visit::on_stream_data(std::span<const uint8_t> bytes) noexcept
{
    switch (state_) {
    case State::header:
        return take_header(bytes);
    case State::waiting:
    case State::serving:
        return take_request(bytes);
    case State::relaying: // the relay owns the stream
    case State::answering:
    case State::done:
        return stream_->left(0, true);
    }
}

void Visit::take_header(std::span<const uint8_t> bytes)
{
    bool first = header_.empty();
    size_t before = header_.size();
    if (!first)
        header_.insert(header_.end(), bytes.begin(), bytes.end());
    std::span<const uint8_t> all = first ? bytes : std::span<const uint8_t>(header_);

    tn_stream_header header;
    tn_request_brief request = {};
    ssize_t size = read_header(all, header, request);
    if (size < 0) {
        stream_->reset(TN_RST_PROTOCOL);
        return end("bad stream header");
    }
    if (size == 0) {
        if (first)
            header_.assign(bytes.begin(), bytes.end());
        return;
    }
    route(header);
    std::span<const uint8_t> rest = bytes.subspan(size_t(size) - before);
    if (state_ == State::waiting && request.head_size > 0) {
        remember_request_line(rest);
        request_.know_head(request.head_size, request.framing, request.content_length);
        expect(request);
    }
    if (is_open() && !rest.empty())
        take_request(rest);
}

// As tn_stream_header_decode(), either form.
ssize_t Visit::read_header(std::span<const uint8_t> bytes, tn_stream_header &header,
                           tn_request_brief &request)
{
    if (!bytes.empty() && bytes[0] == TN_SHORT_HEADER)
        return tn_short_header_decode(&header, &request, bytes.data(), bytes.size());
    thread_local char text[TN_STREAM_HEADER_MAX];
    return tn_stream_header_decode(&header, bytes.data(), bytes.size(), text, sizeof text);
}

void Visit::route(const tn_stream_header &header)
{
    record_.subdomain = text_of(header.subdomain);
    if (context_.on_done) {
        record_.method = text_of(header.method);
        record_.path = text_of(header.path);
        record_.remote_addr = text_of(header.remote_addr);
        record_.request_id = text_of(header.request_id);
    }
    if (header.type != TN_VISIT_HTTP && header.type != TN_VISIT_WEBSOCKET) {
        stream_->reset(TN_RST_REFUSED);
        return end("visit of another type");
    }
    state_ = State::waiting;
    const LocalTarget *target = context_.router.find(record_.subdomain, header.local_port);
    if (!target)
        return fail(502, "not_served_here", "This client does not serve that tunnel.");
    target_ = *target;
    if (context_.has_room_for && !context_.has_room_for(target_))
        fail(503, "client_memory_short", "The tunnel's client is short of memory.", memory_wait);
}

void Visit::take_request(std::span<const uint8_t> bytes)
{
    std::span<const uint8_t> in = bytes;
    while (is_open()) {
        std::span<const uint8_t> piece;
        switch (request_.next(in, piece)) {
        case Message::Found::head:
            take_request_head(piece.size());
            [[fallthrough]];
        case Message::Found::data:
            record_.bytes_in += piece.size();
            if (!lies_in(piece, bytes)) // of a head that came in pieces
                held_.append(piece);
            pass_down(lies_in(piece, bytes) ? piece : std::span<const uint8_t>());
            break;
        case Message::Found::more:
        case Message::Found::end:
            return;
        case Message::Found::trailers:
        case Message::Found::broken:
            stream_->reset(TN_RST_PROTOCOL);
            return end("bad request");
        }
    }
}

void Visit::take_request_head(size_t size)
{
    const tn_http1_head &head = request_.head();
    expect(brief_of(head, size, prefers_json(head)));
}

// A connection is looked for as soon as it is clear that there is a request.
void Visit::expect(const tn_request_brief &request)
{
    to_head_ = request.is_head;
    json_ = request.wants_json;
    response_.answers(request.is_head, request.is_upgrade);
    repeatable_ = request.framing == TN_HTTP1_NO_BODY && !request.is_upgrade && request.is_safe &&
                  request.head_size <= replay_max;
    ask_for_local(false);
}

// A short header leaves method and path to the request line.
void Visit::remember_request_line(std::span<const uint8_t> head)
{
    if (!context_.on_done)
        return;
    std::string_view line(reinterpret_cast<const char *>(head.data()), head.size());
    line = line.substr(0, line.find('\r'));
    size_t method = line.find(' ');
    if (method == line.npos)
        return;
    record_.method = line.substr(0, method);
    line.remove_prefix(method + 1);
    record_.path = line.substr(0, std::min(line.find(' '), path_max));
}

void Visit::pass_down(std::span<const uint8_t> bytes)
{
    if (state_ == State::waiting)
        return held_.append(bytes);
    if (state_ != State::serving)
        return;
    if (local_deaf_)
        return stream_->left(0, true);
    for (; !held_.empty(); held_.drain(held_.front().size())) {
        keep_for_replay(held_.front());
        local_.connection->write(held_.front());
    }
    keep_for_replay(bytes);
    local_.connection->put(bytes);
}

// What goes to a connection that has served before, and may just be closing, is kept if it may be
// sent again. It has no body, so that it is all head.
void Visit::keep_for_replay(std::span<const uint8_t> bytes)
{
    if (repeatable_ && local_.reused)
        replay_.insert(replay_.end(), bytes.begin(), bytes.end());
}

void Visit::on_sent(size_t size) noexcept { stream_->left(size, local_.connection->queued() == 0); }

// ---------------------------------------------------------------- the local connection

void Visit::ask_for_local(bool fresh)
{
    asking_ = context_.pool.acquire(target_, fresh, *this,
                                    [this](LocalOutcome outcome) { on_local(std::move(outcome)); });
}

void Visit::on_local(LocalOutcome outcome)
{
    asking_.reset();
    if (state_ != State::waiting) {
        if (outcome.lease.connection)
            context_.pool.drop(std::move(outcome.lease));
        return;
    }
    if (!outcome.lease.connection) {
        bool late = outcome.failed == Dialer::Failed::timeout;
        bool refused = outcome.failed == Dialer::Failed::refused;
        const char *code = late ? "local_timeout" : refused ? "local_refused" : "local_unreachable";
        return fail(late ? 504 : 502, code,
                    "The local service could not be reached: " + outcome.error + ".");
    }
    local_ = std::move(outcome.lease);
    state_ = State::serving;
    if (!held_.empty())
        pass_down({});
    if (local_.connection->readable())
        on_readable();
}

// A kept connection that the local service closed just when the request was on its way: the
// request is sent once more, on a new one, if that cannot do harm.
bool Visit::try_again()
{
    if (!local_.reused || !repeatable_ || response_.started() || replay_.empty())
        return false;
    context_.pool.drop(std::move(local_));
    local_ = {};
    local_deaf_ = false;
    state_ = State::waiting;
    held_.clear();
    held_.append(replay_);
    replay_.clear();
    ask_for_local(true);
    return true;
}

bool Visit::reusable() const
{
    const Connection &local = *local_.connection;
    return response_.complete() && response_keeps_ && request_.complete() && !surplus_ &&
           !local_deaf_ && local.end() == Connection::End::none && local.queued() == 0 &&
           response_.framing() != TN_HTTP1_UNTIL_CLOSE;
}

void Visit::part_from_local()
{
    if (!local_.connection)
        return;
    if (state_ == State::done && reusable() && !relay_)
        context_.pool.give_back(std::move(local_));
    else
        context_.pool.drop(std::move(local_));
    local_ = {};
}

// ---------------------------------------------------------------- the end

void Visit::on_stream_fin() noexcept {} // the response ends a visit, not the request

void Visit::on_stream_closed() noexcept
{
    end(record_.reason.empty() ? "ok" : record_.reason.c_str());
}

void Visit::on_stream_broken(tn_close_reason reason, uint32_t) noexcept
{
    end(reason == TN_CR_SESSION ? "link lost" : "visitor left");
}

// Answers in place of the local service; if its answer has begun, cuts it visibly.
void Visit::fail(uint16_t status, const char *code, const std::string &sentence,
                 unsigned retry_after)
{
    log_info("visit failed", {{"tunnel", record_.subdomain},
                              {"local", target_.text()},
                              {"code", code},
                              {"why", sentence}});
    if (record_.bytes_out > 0) {
        stream_->reset(TN_RST_INTERNAL);
        return end(code);
    }
    part_from_local();
    asking_.reset();
    held_.clear();
    state_ = State::answering;
    record_.status = status;
    record_.reason = code;
    std::string answer =
        error_response({status, code, sentence, retry_after}, json_, true, to_head_);
    record_.bytes_out = answer.size();
    stream_->send(bytes_of(answer));
    stream_->finish();
    stream_->left(0, true);
    timer_.start(answer_time);
}

uint64_t Visit::held() const
{
    uint64_t bytes = held_.size() + replay_.capacity() + request_.held() + response_.held();
    if (local_.connection)
        bytes += local_.connection->queued();
    return bytes + stream_->queued();
}

void Visit::shed()
{
    stream_->reset(TN_RST_OVERLOAD);
    end("memory_shed");
}

void Visit::on_timeout()
{
    if (state_ == State::serving)
        return context_.pool.set_aside(local_);
    if (state_ == State::answering)
        end("not taken in time");
}

void Visit::end(const char *reason)
{
    if (state_ == State::done)
        return;
    bool served = state_ == State::serving;
    state_ = State::done;
    timer_.stop();
    asking_.reset();
    if (served || relay_)
        part_from_local();
    if (context_.counts)
        context_.counts->add(record_.subdomain, {1, std::string_view(reason) != "ok",
                                                 record_.bytes_in, record_.bytes_out});
    if (context_.on_done) {
        record_.reason = reason;
        record_.took = context_.loop.now() - started_at_;
        context_.on_done(record_);
    }
    owner_.on_visit_end(*this);
}

} // namespace tunnel
