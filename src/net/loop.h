// SPDX-License-Identifier: ISC
//
// One event loop, run by one thread. A turn of it: wait, run what became ready, run what was
// posted, send what was put (flush), run the tasks of the turn's end (a link gathers all
// frames of the turn into one write), free the retired.
//
// Created without libevent's locks: post() and stop() are the only ways in from elsewhere.

#pragma once

#include "base/clock.h"
#include "net/handles.h"

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace tunnel {

class Connection;

class Loop {
public:
    // Work for the end of this turn. Queued at most once; destroying it takes it back.
    class Task {
    public:
        Task() = default;
        Task(const Task &) = delete;
        Task &operator=(const Task &) = delete;
        virtual void on_turn_end() noexcept = 0;

    protected:
        ~Task();

    private:
        friend class Loop;
        Loop *queued_in_ = nullptr;
        size_t place_ = 0; // in the loop's list
    };

    Loop();
    ~Loop();
    Loop(const Loop &) = delete;
    Loop &operator=(const Loop &) = delete;

    void run();  // until stop()
    void stop(); // any thread

    // Any thread. Runs `work` on the loop's thread, in order.
    void post(std::function<void()> work);

    // Frees `object` once the callback in progress has returned, so that an object may end
    // its own life from inside its own callback. The loop's thread only.
    template <class T> void retire(std::unique_ptr<T> object)
    {
        if (object)
            retired_.emplace_back(object.release(),
                                  [](void *dead) { delete static_cast<T *>(dead); });
    }

    // Runs `task` at the end of this turn; called from on_turn_end itself, of the next one,
    // which then does not wait.
    void schedule(Task &task);

    // The time of this turn, read at most once in it.
    Micros now() { return now_ ? now_ : read_clock(); }

    // Memory that lasts until the next flush(); for bytes about to be put() on a Connection.
    uint8_t *borrow(size_t size);

    // Sends what Connections were given by put() since the last flush. Whoever lets go of
    // borrowed memory earlier than the turn's end calls it before. What is put() in an
    // on_sent() meanwhile waits for the next flush, so that nobody holds up the loop.
    void flush();

    // Scratch of this loop for one callback at a time; the contents do not survive it.
    // read_scratch: plain bytes (256 KiB); cipher_in: TLS records just received (128 KiB).
    static constexpr size_t read_scratch_size = 256 * 1024;
    static constexpr size_t cipher_in_size = 128 * 1024;
    uint8_t *read_scratch() { return read_scratch_.get(); }
    uint8_t *cipher_in() { return cipher_in_.get(); }
    std::vector<uint8_t> &cipher_out() { return cipher_out_; } // sent before anybody else uses it

    event_base *base() { return base_.get(); }
    bool in_loop_thread() const;

private:
    friend class Connection;
    void wants_flush(Connection &connection); // queued once, see Connection
    void forget_flush(Connection &connection);
    void doubts(Connection &connection); // asks it to settle() soon, see there
    void forget_doubt(Connection &connection);

    static void on_posted(evutil_socket_t, short, void *self) noexcept;
    static void on_settle(evutil_socket_t, short, void *self) noexcept;
    void turn();
    Micros read_clock();
    void run_posted();
    void run_tasks();
    void settle_in(Micros wait);
    void settle();
    void drop_settled();
    void forget(Task &task);
    void free_retired();

    using Retired = std::unique_ptr<void, void (*)(void *)>;
    struct Doubt {
        Connection *connection; // null: it was heard of
        Micros since;
    };
    struct Posted; // what other threads gave us
    struct Arena;  // what borrow() gave out

    EventBasePtr base_;
    std::unique_ptr<Posted> posted_;
    EventPtr settle_event_;
    std::vector<Task *> tasks_; // null: taken back
    std::vector<Connection *> to_flush_;
    size_t flushed_ = 0;          // so many of to_flush_ are done
    std::deque<Doubt> doubtful_;  // by age; not heard of: the first one, always
    uint32_t doubts_settled_ = 0; // so many have gone from the front of it
    std::vector<Retired> retired_;
    std::unique_ptr<uint8_t[]> read_scratch_;
    std::unique_ptr<uint8_t[]> cipher_in_;
    std::vector<uint8_t> cipher_out_;
    std::unique_ptr<Arena> arena_;
    Micros now_ = 0; // 0: not read in this turn, or outside of one
    std::atomic<std::thread::id> thread_ = {};
    bool settling_ = false; // the event is armed
    bool in_turn_ = false;
    bool stopping_ = false;
};

} // namespace tunnel
