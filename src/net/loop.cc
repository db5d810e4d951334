// SPDX-License-Identifier: ISC

#include "net/loop.h"

#include "net/connection.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <sys/eventfd.h>
#include <utility>

namespace tunnel {

namespace {

constexpr size_t arena_chunk = 64 * 1024;          // bytes
constexpr size_t arena_keep = 4;                   // chunks kept over a flush
constexpr size_t cipher_out_keep = 1024 * 1024;    // bytes kept over a turn
constexpr Micros settle_after = 200 * millisecond; // of quiet, before a second look
constexpr Micros settle_pause = 50 * millisecond;  // at least, between two rounds of second looks

EventBasePtr make_base()
{
    event_config *config = event_config_new();
    if (!config)
        throw std::bad_alloc();
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
    EventBasePtr base(event_base_new_with_config(config));
    event_config_free(config);
    if (!base)
        throw std::bad_alloc();
    return base;
}

EventPtr make_event(event_base *base, int fd, short what, event_callback_fn call, void *self)
{
    EventPtr event(event_new(base, fd, what, call, self));
    if (!event)
        throw std::bad_alloc();
    return event;
}

} // namespace

struct Loop::Posted {
    Descriptor wake{eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    EventPtr event;
    std::mutex mutex;
    std::vector<std::function<void()>> work; // under the mutex
};

// Grows in chunks, forgets everything at once.
struct Loop::Arena {
    std::vector<std::unique_ptr<uint8_t[]>> chunks;
    std::vector<std::unique_ptr<uint8_t[]>> oversize;
    size_t chunk = 0; // the one in use
    size_t used = 0;  // bytes of it

    uint8_t *take(size_t size);
    void reset();
};

uint8_t *Loop::Arena::take(size_t size)
{
    size = (size + 15) / 16 * 16;
    if (size > arena_chunk / 2) {
        oversize.push_back(std::make_unique_for_overwrite<uint8_t[]>(size));
        return oversize.back().get();
    }
    if (!chunks.empty() && used + size > arena_chunk) {
        chunk++;
        used = 0;
    }
    if (chunk == chunks.size())
        chunks.push_back(std::make_unique_for_overwrite<uint8_t[]>(arena_chunk));
    uint8_t *memory = chunks[chunk].get() + used;
    used += size;
    return memory;
}

void Loop::Arena::reset()
{
    oversize.clear();
    if (chunks.size() > arena_keep)
        chunks.resize(arena_keep);
    chunk = 0;
    used = 0;
}

Loop::Task::~Task()
{
    if (queued_in_)
        queued_in_->forget(*this);
}

Loop::Loop()
    : base_(make_base()), posted_(std::make_unique<Posted>()),
      read_scratch_(std::make_unique_for_overwrite<uint8_t[]>(read_scratch_size)),
      cipher_in_(std::make_unique_for_overwrite<uint8_t[]>(cipher_in_size)),
      arena_(std::make_unique<Arena>())
{
    if (!posted_->wake)
        throw std::bad_alloc();
    // Edge-triggered: each write to the eventfd is an edge, so it is never read.
    posted_->event =
        make_event(base_.get(), posted_->wake.get(), EV_READ | EV_PERSIST | EV_ET, on_posted, this);
    settle_event_ = make_event(base_.get(), -1, 0, on_settle, this);
    event_add(posted_->event.get(), nullptr);
}

// What is left of posted work and of the retired may still know this loop: it goes first.
Loop::~Loop()
{
    for (Task *task : tasks_)
        if (task)
            task->queued_in_ = nullptr;
    tasks_.clear();
    std::vector<std::function<void()>> work;
    {
        std::lock_guard lock(posted_->mutex);
        work.swap(posted_->work);
    }
    work.clear();
    free_retired();
}

void Loop::run()
{
    thread_ = std::this_thread::get_id();
    while (!stopping_)
        turn();
    stopping_ = false;
    thread_ = std::thread::id();
}

void Loop::turn()
{
    bool busy = !tasks_.empty() || !to_flush_.empty() || !retired_.empty();
    in_turn_ = true;
    event_base_loop(base_.get(), EVLOOP_ONCE | (busy ? EVLOOP_NONBLOCK : 0));
    flush();
    run_tasks();
    flush();
    free_retired();
    in_turn_ = false;
    now_ = 0;
    if (cipher_out_.capacity() > cipher_out_keep)
        std::vector<uint8_t>().swap(cipher_out_);
}

void Loop::stop()
{
    post([this] { stopping_ = true; });
}

bool Loop::in_loop_thread() const { return thread_ == std::this_thread::get_id(); }

void Loop::post(std::function<void()> work)
{
    std::lock_guard lock(posted_->mutex);
    posted_->work.push_back(std::move(work));
    if (posted_->work.size() == 1)
        eventfd_write(posted_->wake.get(), 1);
}

void Loop::on_posted(evutil_socket_t, short, void *self) noexcept
{
    static_cast<Loop *>(self)->run_posted();
}

void Loop::run_posted()
{
    std::vector<std::function<void()>> work;
    {
        std::lock_guard lock(posted_->mutex);
        work.swap(posted_->work);
    }
    for (auto &item : work) {
        item();
        item = nullptr; // frees what it holds before the next one runs
    }
}

// Those that die may retire others.
void Loop::free_retired()
{
    while (!retired_.empty()) {
        std::vector<Retired> dying;
        dying.swap(retired_);
    }
}

void Loop::schedule(Task &task)
{
    if (task.queued_in_)
        return;
    task.queued_in_ = this;
    task.place_ = tasks_.size();
    tasks_.push_back(&task);
}

void Loop::forget(Task &task)
{
    tasks_[task.place_] = nullptr;
    task.queued_in_ = nullptr;
}

void Loop::run_tasks()
{
    size_t count = tasks_.size();
    for (size_t i = 0; i < count; i++) {
        Task *task = std::exchange(tasks_[i], nullptr);
        if (!task)
            continue;
        task->queued_in_ = nullptr;
        task->on_turn_end();
    }
    tasks_.erase(tasks_.begin(), tasks_.begin() + ptrdiff_t(count));
    for (size_t i = 0; i < tasks_.size(); i++)
        if (tasks_[i])
            tasks_[i]->place_ = i;
}

Micros Loop::read_clock()
{
    Micros now = monotonic_now();
    if (in_turn_)
        now_ = now;
    return now;
}

uint8_t *Loop::borrow(size_t size) { return arena_->take(size); }

void Loop::wants_flush(Connection &connection)
{
    if (connection.flush_place_ != Connection::nowhere)
        return;
    connection.flush_place_ = uint32_t(to_flush_.size());
    to_flush_.push_back(&connection);
}

void Loop::forget_flush(Connection &connection)
{
    if (connection.flush_place_ == Connection::nowhere)
        return;
    to_flush_[connection.flush_place_] = nullptr;
    connection.flush_place_ = Connection::nowhere;
}

// May be entered again from an on_sent(): then the inner call goes on where this one is.
void Loop::flush()
{
    size_t end = to_flush_.size();
    while (flushed_ < end && flushed_ < to_flush_.size()) {
        Connection *connection = to_flush_[flushed_++];
        if (connection)
            connection->flush();
    }
    to_flush_.erase(to_flush_.begin(), to_flush_.begin() + ptrdiff_t(flushed_));
    flushed_ = 0;
    for (size_t i = 0; i < to_flush_.size(); i++)
        if (to_flush_[i])
            to_flush_[i]->flush_place_ = uint32_t(i);
    if (to_flush_.empty())
        arena_->reset();
}

void Loop::doubts(Connection &connection)
{
    forget_doubt(connection);
    if (!settling_)
        settle_in(settle_after);
    connection.doubt_place_ = uint32_t(doubts_settled_ + doubtful_.size());
    doubtful_.push_back({&connection, now()});
}

void Loop::forget_doubt(Connection &connection)
{
    if (connection.doubt_place_ == Connection::nowhere)
        return;
    doubtful_[connection.doubt_place_ - doubts_settled_].connection = nullptr;
    connection.doubt_place_ = Connection::nowhere;
    drop_settled();
}

void Loop::drop_settled()
{
    while (!doubtful_.empty() && !doubtful_.front().connection) {
        doubtful_.pop_front();
        doubts_settled_++;
    }
}

void Loop::settle_in(Micros wait)
{
    settling_ = true;
    timeval span = {0, suseconds_t(wait)};
    event_add(settle_event_.get(), &span);
}

void Loop::on_settle(evutil_socket_t, short, void *self) noexcept
{
    static_cast<Loop *>(self)->settle();
}

// Those who have been quiet for a while; whoever was heard of meanwhile has left its place. Their
// owners may bring new doubts, at the end.
void Loop::settle()
{
    settling_ = false;
    while (!doubtful_.empty()) {
        Micros due = doubtful_.front().since + settle_after;
        if (due > now())
            return settle_in(std::max(due - now(), settle_pause));
        Connection *connection = doubtful_.front().connection;
        forget_doubt(*connection);
        connection->settle();
    }
}

} // namespace tunnel
