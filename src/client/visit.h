// SPDX-License-Identifier: ISC
//
// One stream as the client sees it arrive: a stream header, then a request for a local service,
// whose answer goes back. The bytes are passed on as they came; both messages are only followed,
// to know where they end and whether the local connection can serve again. What cannot be
// served gets an answer of our own. After a 101 it is a relay.
//
// Owned by its session, on its loop.

#pragma once

#include "base/clock.h"
#include "base/held_memory.h"
#include "base/recycled.h"
#include "client/local_pool.h"
#include "client/traffic.h"
#include "flow/error_page.h"
#include "flow/message.h"
#include "flow/relay.h"

#include <functional>
#include <memory>
#include <string>
#include <tunnel/stream_header.h>
#include <vector>

namespace tunnel {

// What became of a visit, for log and screen.
struct VisitRecord {
    std::string method;
    std::string path;
    std::string subdomain;
    std::string remote_addr;
    std::string request_id;
    std::string reason; // "ok", or why it failed
    int status = 0;     // 0: the visitor got none from here
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
    Micros took = 0;
};

struct VisitContext {
    Loop &loop;
    LocalPool &pool;
    const Router &router;
    const ClientSettings &settings;
    std::function<void(const VisitRecord &)> on_done; // empty: nobody asks
    Traffic *counts = nullptr;                        // null: they are not counted
    // Whether there is memory for one more visit to it; empty: always.
    std::function<bool(const LocalTarget &)> has_room_for = {};
};

class Visit final : public Recycled<Visit>,
                    private Connection::Owner,
                    private Stream::Owner,
                    private Relay::Owner {
public:
    class Owner {
    public:
        virtual void on_visit_end(Visit &visit) noexcept = 0; // once; retire it

    protected:
        ~Owner() = default;
    };

    Visit(VisitContext &context, std::unique_ptr<Stream> stream, size_t place, Owner &owner);
    ~Visit();

    const LocalTarget &target() const { return target_; }
    uint64_t held() const; // bytes of memory that wait for either side
    void shed();           // we need what it holds: cuts it off

    size_t place() const { return place_; } // among those of its owner
    void set_place(size_t place) { place_ = place; }

private:
    enum class State {
        header,    // of the stream
        waiting,   // for a connection to the local service
        serving,   // request and response are on their way
        relaying,  // after a 101
        answering, // an answer of our own is on its way
        done,
    };

    // Connection::Owner: the local service
    void on_readable() noexcept override;
    void on_sent(size_t size) noexcept override;
    void on_broken() noexcept override;
    // Stream::Owner
    void on_stream_data(std::span<const uint8_t> bytes) noexcept override;
    void on_stream_fin() noexcept override;
    void on_stream_closed() noexcept override;
    void on_stream_broken(tn_close_reason reason, uint32_t code) noexcept override;
    size_t on_stream_pull(uint8_t *dst, size_t size) noexcept override;
    void on_stream_pulled() noexcept override;
    // Relay::Owner
    void on_relay_end(Relay::Ended how) noexcept override;

    bool is_open() const { return state_ == State::waiting || state_ == State::serving; }

    // the request, down
    void take_header(std::span<const uint8_t> bytes);
    ssize_t read_header(std::span<const uint8_t> bytes, tn_stream_header &header,
                        tn_request_brief &brief);
    void route(const tn_stream_header &header);
    void expect(const tn_request_brief &request);
    void take_request(std::span<const uint8_t> bytes);
    void take_request_head(size_t size);
    void remember_request_line(std::span<const uint8_t> head);
    void pass_down(std::span<const uint8_t> bytes);
    void keep_for_replay(std::span<const uint8_t> bytes);

    // the local connection
    void ask_for_local(bool fresh);
    void on_local(LocalOutcome outcome);
    bool try_again();
    bool reusable() const;
    void part_from_local();

    // the response, up
    size_t follow_response(std::span<const uint8_t> bytes);
    void response_ended();
    void start_relay();

    void fail(uint16_t status, const char *code, const std::string &sentence,
              unsigned retry_after = 0);
    void on_timeout();
    void end(const char *reason);

    VisitContext &context_;
    std::unique_ptr<Stream> stream_;
    Owner &owner_;
    size_t place_;
    Timer timer_;
    Message request_;
    Message response_;
    std::unique_ptr<LocalPool::Request> asking_;
    LocalLease local_;
    LocalTarget target_;
    std::unique_ptr<Relay> relay_;

    HeldBytes header_; // of the stream, until it is whole
    ByteQueue held_;   // of the request, until there is a local connection
    HeldBytes replay_; // a request that may be sent again
    VisitRecord record_;
    Micros started_at_;
    const char *failed_ = nullptr; // found while pulling, told afterwards
    State state_ = State::header;
    bool json_ = false;
    bool to_head_ = false;
    bool repeatable_ = false;     // safe method, no body (RFC 9110 9.2.2)
    bool response_keeps_ = false; // the response leaves the connection open
    bool surplus_ = false;        // bytes behind the response
    bool switched_ = false;       // 101
    bool local_deaf_ = false;     // the local service takes no more of the request
};

} // namespace tunnel
