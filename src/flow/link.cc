// SPDX-License-Identifier: ISC

#include "flow/link.h"

#include <algorithm>

namespace tunnel {

namespace {

// Bytes read from the socket in one turn before other links and visitors have theirs.
constexpr size_t read_budget = 1024 * 1024;
// Bytes gathered for one write: a quarter of the read scratch is not enough for long frames on
// a fast link, and more does not gain anything.
constexpr size_t most_batch = Loop::read_scratch_size;
// How long the last frames and the peer's end may take once we are closing.
constexpr Micros close_time = 2 * second;
// An ACK waits this long for the stream's first frame, which then carries it: a write here and a
// read there are saved for each quick answer. Peers give us 30 s and more. So many may wait.
constexpr Micros answer_within = 20 * millisecond;
constexpr size_t most_unanswered = 64;
// Streams that may wait for the peer to acknowledge others.
constexpr size_t most_waiting = 16384;

} // namespace

Link::Link(Loop &loop, tn_mux_pool *pool, Descriptor socket, SslPtr ssl, tn_role role,
           const tn_mux_config &config, Owner &owner)
    : loop_(loop), owner_(owner), connection_(loop, std::move(socket), *this, std::move(ssl)),
      timer_(loop, [this] { feed({}); }), close_timer_(loop, [this] { lose(reason_); }),
      answer_timer_(loop, [this] { answer_all(); }), limit_(most_batch)
{
    last_input_ = loop_.now();
    if (tn_mux_create(pool, role, &config, last_input_, this, &mux_) != TN_OK)
        mux_ = nullptr;
    loop_.schedule(*this);
}

Link::~Link()
{
    while (!waiting_.empty())
        waiting_.back()->detach();
    if (!mux_)
        return;
    uint32_t cursor = 0;
    tn_stream handle;
    while (tn_mux_iter(mux_, &cursor, &handle)) {
        tn_stream_info info;
        if (tn_stream_get_info(mux_, handle, &info) == TN_OK && info.user)
            static_cast<Stream *>(info.user)->detach();
    }
    tn_mux_free(mux_);
}

void Link::enter(State next)
{
    state_ = next;
    if (next == State::open)
        owner_.on_link_open();
}

std::unique_ptr<Stream> Link::open(Stream::Owner &owner, tn_error &why)
{
    if (state_ != State::open) {
        why = TN_ERR_CLOSED;
        return nullptr;
    }
    std::unique_ptr<Stream> stream(new Stream(*this, &owner));
    why = waiting_.empty() ? tn_stream_open(mux_, stream.get(), &stream->handle_) : TN_ERR_AGAIN;
    if (why == TN_ERR_AGAIN && waiting_.size() < most_waiting) {
        why = TN_OK;
        stream->waits_ = true;
        waiting_.push_back(stream.get());
    }
    if (why != TN_OK) {
        stream->detach();
        return nullptr;
    }
    wake();
    return stream;
}

void Link::open_waiting()
{
    while (!waiting_.empty()) {
        Stream *stream = waiting_.front();
        tn_error why = tn_stream_open(mux_, stream, &stream->handle_);
        if (why == TN_ERR_AGAIN)
            return;
        waiting_.pop_front();
        if (why == TN_OK)
            stream->open_late();
        else
            break_stream(*stream, TN_CR_REFUSED);
    }
}

void Link::break_stream(Stream &stream, tn_close_reason reason)
{
    stream.detach();
    stream.owner_->on_stream_broken(reason, 0);
}

void Link::fence()
{
    std::vector<Stream *> ours(waiting_.begin(), waiting_.end());
    uint32_t cursor = 0;
    tn_stream handle;
    while (mux_ && tn_mux_iter(mux_, &cursor, &handle)) {
        tn_stream_info info;
        if (tn_stream_get_info(mux_, handle, &info) == TN_OK && info.user && info.outbound)
            ours.push_back(static_cast<Stream *>(info.user));
    }
    for (Stream *stream : ours) {
        if (!stream->waits_)
            tn_stream_reset(mux_, stream->handle_, TN_RST_CANCEL);
        break_stream(*stream, TN_CR_SESSION);
    }
    wake();
}

void Link::drain(Micros deadline)
{
    if (state_ != State::open)
        return;
    tn_mux_drain(mux_, loop_.now(), uint32_t(deadline / millisecond));
    wake();
    arm_timer();
}

void Link::close(const std::string &reason)
{
    if (state_ == State::closing || state_ == State::closed)
        return;
    reason_ = reason;
    enter(State::closing);
    close_timer_.start(close_time);
    wake();
}

void Link::fail(const std::string &reason)
{
    if (mux_ && (state_ == State::open || state_ == State::opening))
        tn_mux_fail(mux_, 1);
    close(reason);
}

void Link::probe()
{
    if (state_ != State::open)
        return;
    tn_mux_ping(mux_, loop_.now());
    wake();
}

bool Link::use_small_window()
{
    return mux_ && tn_mux_set_initial_credit(mux_, TN_SMALL_WINDOW) == TN_OK;
}

tn_mux_stats Link::stats() const
{
    tn_mux_stats stats = {};
    if (mux_)
        tn_mux_get_stats(mux_, &stats);
    return stats;
}

// Whoever is called back while we write need not wake us: write_out() looks again at its end.
void Link::wake()
{
    if (!writing_)
        loop_.schedule(*this);
}

// ---------------------------------------------------------------- input

void Link::on_open() noexcept
{
    if (state_ != State::opening)
        return;
    enter(State::open);
    wake();
}

void Link::on_readable() noexcept
{
    size_t budget = read_budget;
    while (state_ != State::closed && budget > 0) {
        ssize_t n = connection_.read(loop_.read_scratch(), Loop::read_scratch_size);
        if (n == 0)
            return;
        if (n < 0) {
            bool clean = connection_.end() == Connection::End::fin;
            if (!reason_.empty())
                return lose(reason_);
            return lose(clean ? "the other side closed the connection" : connection_.error());
        }
        last_input_ = loop_.now();
        feed({loop_.read_scratch(), size_t(n)});
        budget -= std::min(budget, size_t(n));
    }
    if (state_ == State::closed)
        return;
    more_input_ = true;
    wake();
}

// Reports everything that `bytes` (none: timers and pending events) brings. Whoever was handed
// a piece of them is flushed before they go.
void Link::feed(std::span<const uint8_t> bytes)
{
    if (!mux_ || state_ == State::closed)
        return;
    tn_slice input = {bytes.data(), bytes.size()};
    tn_mux_event event;
    while (tn_mux_next(mux_, &input, loop_.now(), &event) != TN_MUX_NONE) {
        report(event);
        if (state_ == State::closed)
            break;
    }
    loop_.flush();
    if (state_ == State::closed)
        return;
    if (tn_mux_want_write(mux_))
        wake();
    arm_timer();
}

void Link::report(const tn_mux_event &event)
{
    auto stream = static_cast<Stream *>(event.user);
    switch (event.type) {
    case TN_MUX_NEW:
        return accept(event);
    case TN_MUX_ACKED:
        if (stream)
            stream->owner_->on_stream_answered();
        return;
    case TN_MUX_DATA:
        if (stream) {
            stream->held_ += event.len;
            stream->owner_->on_stream_data({event.data, event.len});
        } else {
            tn_stream_consumed(mux_, event.stream, event.len);
        }
        return;
    case TN_MUX_FIN:
        if (stream)
            stream->owner_->on_stream_fin();
        return;
    case TN_MUX_WRITABLE:
        if (stream)
            stream->owner_->on_stream_writable();
        return;
    case TN_MUX_CLOSED:
        if (!stream)
            return;
        stream->detach();
        if (event.reason == TN_CR_FIN)
            return stream->owner_->on_stream_closed();
        return stream->owner_->on_stream_broken(tn_close_reason(event.reason), event.code);
    case TN_MUX_GOAWAY:
        return owner_.on_link_goaway();
    case TN_MUX_DRAINED:
        return owner_.on_link_drained();
    case TN_MUX_SESSION_ERROR:
        if (event.reason == TN_MUX_ERR_DEAD) // nobody is there to take a last word
            return lose(tn_mux_reason_name(int(event.reason)));
        return close(tn_mux_reason_name(int(event.reason)));
    case TN_MUX_REPLIES:
        return write_replies();
    case TN_MUX_OPENABLE:
        return open_waiting();
    case TN_MUX_PONG:
    case TN_MUX_NONE:
        return;
    }
}

void Link::accept(const tn_mux_event &event)
{
    if (state_ != State::open) {
        tn_stream_reset(mux_, event.stream, TN_RST_REFUSED);
        return;
    }
    std::unique_ptr<Stream> stream(new Stream(*this, nullptr));
    stream->handle_ = event.stream;
    tn_stream_set_user(mux_, event.stream, stream.get());
    stream->unanswered_place_ = uint32_t(unanswered_.size());
    unanswered_.push_back(stream.get());
    if (unanswered_.size() >= most_unanswered)
        answer_all();
    else if (!answer_timer_.running())
        answer_timer_.start(answer_within);
    owner_.on_link_stream(std::move(stream));
}

void Link::answer(Stream &stream)
{
    tn_stream_accept(mux_, stream.handle_, &stream);
    forget_unanswered(stream);
}

void Link::answer_all()
{
    while (!unanswered_.empty())
        answer(*unanswered_.back());
    answer_timer_.stop();
    wake();
}

void Link::forget_unanswered(Stream &stream)
{
    Stream *last = unanswered_.back();
    unanswered_[stream.unanswered_place_] = last;
    last->unanswered_place_ = stream.unanswered_place_;
    unanswered_.pop_back();
    stream.unanswered_place_ = Stream::answered;
}

// ---------------------------------------------------------------- time and end

void Link::arm_timer() { timer_.start_at(tn_mux_next_timeout(mux_)); }

void Link::on_broken() noexcept { lose(reason_.empty() ? connection_.error() : reason_); }

void Link::lose(const std::string &reason)
{
    if (state_ == State::closed)
        return;
    std::string words = reason.empty() ? "connection lost" : reason;
    while (!waiting_.empty())
        break_stream(*waiting_.back(), TN_CR_SESSION);
    if (mux_) {
        tn_mux_transport_lost(mux_);
        tn_mux_event event;
        while (tn_mux_next(mux_, nullptr, loop_.now(), &event) != TN_MUX_NONE)
            if (event.type == TN_MUX_CLOSED)
                report(event);
    }
    enter(State::closed);
    timer_.stop();
    close_timer_.stop();
    connection_.reset();
    loop_.flush();
    owner_.on_link_closed(words);
}

} // namespace tunnel
