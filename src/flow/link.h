// SPDX-License-Identifier: ISC
//
// What both ends of a session hold: a mux driven over a Connection. Input is decrypted into the
// loop's scratch and parsed there, in place; output is gathered once for each turn of the
// loop, so that the small frames of many streams leave in one TLS record and one system call.
// Frames are bound late: nothing is gathered while the socket has not taken the last batch.
//
// Lives on one loop. Its owner retires it, never deletes it inside a callback.

#pragma once

#include "flow/output_limit.h"
#include "flow/stream.h"
#include "net/connection.h"
#include "net/loop.h"
#include "net/timer.h"

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace tunnel {

class Link final : private Connection::Owner, private Loop::Task {
public:
    class Owner {
    public:
        virtual void on_link_open() noexcept {} // TLS is up; without TLS: in the first turn
        // The peer opened a stream; it hears of our ACK soon. Set its owner, or drop it: that
        // resets it.
        virtual void on_link_stream(std::unique_ptr<Stream> stream) noexcept = 0;
        virtual void on_link_goaway() noexcept {} // the peer takes no new streams; the rest goes on
        virtual void on_link_drained() noexcept {} // after drain(): no stream is left
        // It is over, every stream has been told. `reason` is a few words for log and user.
        virtual void on_link_closed(const std::string &reason) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    Link(Loop &loop, tn_mux_pool *pool, Descriptor socket, SslPtr ssl, tn_role role,
         const tn_mux_config &config, Owner &owner);
    ~Link();
    Link(const Link &) = delete;
    Link &operator=(const Link &) = delete;

    // Null, with `why` set (TN_ERR_LIMIT, _GOAWAY, _CLOSED …), if there can be none now. While the
    // peer has too many opens to acknowledge, the stream waits here, with what it is given to
    // send, and nobody needs to know.
    std::unique_ptr<Stream> open(Stream::Owner &owner, tn_error &why);

    // Takes no new streams, lets live ones finish for up to `deadline` (0: for ever), then
    // on_link_drained.
    void drain(Micros deadline);
    // Sends what is queued, then ends the connection. on_link_closed follows, within 2 s.
    void close(const std::string &reason);
    // Ends it for a fault of the peer: GOAWAY 1, then as close().
    void fail(const std::string &reason);
    // Nothing that comes on the streams that we opened counts any more: their owners are told
    // that the link is lost. What we have to say still goes out.
    void fence();
    // Asks the peer for a sign of life at once (a PING).
    void probe();
    // Both ends have agreed on capability small-window: tn_mux_set_initial_credit() says when that
    // may be. False: not any more.
    bool use_small_window();
    Micros last_input() const { return last_input_; } // when bytes last came

    bool is_open() const { return state_ == State::open; }
    tn_mux_stats stats() const;
    Connection &connection() { return connection_; }
    const Connection &connection() const { return connection_; }
    Loop &loop() { return loop_; }

private:
    friend class Stream;
    enum class State {
        opening, // TLS handshake
        open,
        closing, // nothing new; sending the rest, waiting for the peer's end
        closed,
    };

    // Connection::Owner
    void on_open() noexcept override;
    void on_readable() noexcept override;
    void on_sent(size_t size) noexcept override;
    void on_broken() noexcept override;
    // Loop::Task
    void on_turn_end() noexcept override;

    static size_t pull(void *self, tn_stream handle, void *user, uint8_t *dst, size_t size);
    void enter(State next);
    void feed(std::span<const uint8_t> bytes);
    void report(const tn_mux_event &event);
    void accept(const tn_mux_event &event);
    void write_out();
    size_t gather();
    void after_write();
    void write_replies();
    bool tell_pulled();
    void wake(); // something may have to be sent
    void open_waiting();
    void break_stream(Stream &stream, tn_close_reason reason);
    void answer(Stream &stream);
    void answer_all();
    void forget_unanswered(Stream &stream);
    void lose(const std::string &reason);
    void arm_timer();

    Loop &loop_;
    Owner &owner_;
    tn_mux *mux_ = nullptr;
    Connection connection_;
    Timer timer_;
    Timer close_timer_;
    std::deque<Stream *> waiting_;     // to be opened, first come first
    std::vector<Stream *> unanswered_; // accepted streams whose ACK waits for their first frame
    Timer answer_timer_;
    OutputLimit limit_;
    std::vector<Stream *> pulled_; // asked for on_stream_pulled in the gather in progress
    std::string reason_;           // why it is closing
    State state_ = State::opening;
    bool writing_ = false;    // write_out() is at work
    bool more_input_ = false; // the read budget of the turn ran out
    Micros last_input_ = 0;
};

} // namespace tunnel
