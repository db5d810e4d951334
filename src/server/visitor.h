// SPDX-License-Identifier: ISC
//
// A connection from the public side. It reads request heads, finds the tunnel that each names, and
// lets an Exchange carry each to that tunnel's session and the response back. One that belongs
// to a session of another worker moves there, with what has been read of it.
//
// Owned by its Worker, on that one's thread.

#pragma once

#include "net/address.h"
#include "net/loop.h"
#include "server/carrier.h"
#include "server/exchange.h"

#include <optional>
#include <string>

namespace tunnel {

class Worker;
struct Policy;
struct Tunnel;

class Visitor final : private Connection::Owner, private Exchange::Owner, private Loop::Task {
public:
    // `ahead`: bytes of it that another worker has read; `seat`: the one that it took for the
    // request in them.
    Visitor(Worker &worker, Descriptor socket, const Address &peer, HeldBytes ahead, Seat seat);
    ~Visitor();

    void drain();   // leaves now if it is idle, else after the exchange in progress
    void account(); // counts what the exchange in progress has moved so far
    void abandon(); // the server ends: what was in progress is logged as cut
    void leave_if_idle();
    uint64_t held() const; // bytes of memory that wait for it, or of it
    void shed();           // we need what it holds: cuts it off

private:
    enum class State {
        idle,       // between requests: nothing of the next head is there
        reading,    // a head is being read
        exchanging, // an exchange stands
        answering,  // our own answer is leaving
        lingering,  // it has left; waiting for the visitor's end, reading into nothing
        gone,
    };

    // Connection::Owner, while no exchange stands
    void on_readable() noexcept override;
    void on_sent(size_t size) noexcept override;
    void on_broken() noexcept override;
    // Exchange::Owner
    void on_exchange_end(Reason reason) noexcept override;
    // Loop::Task
    void on_turn_end() noexcept override;

    void enter(State next);
    void read_head();
    bool take_bytes(std::span<const uint8_t> in);
    void on_end();
    void take_request(std::span<const uint8_t> raw);
    void remember(const tn_http1_head &head);
    void forget_request();
    void open_visit();
    void send_head(Stream &stream, bool short_header);
    void send_stream_header(Stream &stream, bool short_header, size_t head_size);
    void hand_over(Seat seat, std::span<const uint8_t> raw);
    void next_request();
    void cut(bool end_is_the_mark);
    void refuse(Reason reason, uint16_t status = 0, const char *why = "", unsigned retry_after = 0,
                uint64_t bytes_in = 0);
    void answered();
    void account(uint64_t bytes_in, uint64_t bytes_out);
    void count(Reason reason, uint16_t status, uint64_t bytes_in, uint64_t bytes_out);
    void log_access(Reason reason, uint16_t status, uint64_t bytes_in, uint64_t bytes_out);
    void linger();
    void discard();
    void on_timeout();
    void leave();

    Worker &worker_;
    Connection connection_;
    Address peer_;
    std::string peer_ip_;
    std::string peer_text_; // with the port
    bool trusted_;          // a proxy whose forwarding fields are believed
    Timer timer_;
    std::shared_ptr<const Policy> policy_; // of the request in progress
    std::optional<Message> request_;
    HeldBytes ahead_; // read and not yet used
    RequestFacts facts_;
    Seat seat_; // of the visit, then a memory of where it was
    std::unique_ptr<Exchange> exchange_;

    // of the request in progress, for the log
    std::shared_ptr<Tunnel> tunnel_;
    std::string method_;
    std::string path_;
    std::string host_;
    std::string request_id_;
    Micros started_at_ = 0;
    uint64_t counted_in_ = 0; // bytes that account() has counted
    uint64_t counted_out_ = 0;

    size_t lingered_ = 0; // bytes read into nothing
    uint64_t requests_ = 0;
    State state_ = State::idle;
    bool draining_ = false;
};

} // namespace tunnel
