// SPDX-License-Identifier: ISC
//
// One request and its response between a visitor and the stream of its visit. The request's
// head has been read, edited and queued by the Visitor; here its body goes up, read straight
// from the socket into the link's output, and the response comes down, both at once and as they
// come. The response's head is edited, chunked bodies are framed anew. After a 101 it is a relay.
//
// Owned by its Visitor, on that one's worker.

#pragma once

#include "base/recycled.h"
#include "flow/message.h"
#include "flow/relay.h"
#include "server/reason.h"

#include <array>
#include <memory>
#include <vector>

namespace tunnel {

struct ServerSettings;
class Session;

// What of the request's head matters after it has gone on.
struct RequestFacts {
    bool head = false;      // the method is HEAD
    bool upgrade = false;   // asks for one
    uint8_t minor = 1;      // HTTP/1.minor of the visitor
    bool keep_alive = true; // the visitor's connection may stay
    bool json = false;      // prefers JSON error pages
};

class Exchange final : public Recycled<Exchange>,
                       private Connection::Owner,
                       private Stream::Owner,
                       private Relay::Owner {
public:
    class Owner {
    public:
        // Once. The stream is done with; if `responded()` is false the visitor still needs an
        // answer.
        virtual void on_exchange_end(Reason reason) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    // `request` stands behind its head; `ahead` holds what was read of the visitor beyond that and
    // gets back what does not belong to this request. Both outlive the exchange.
    Exchange(Connection &visitor, Timer &timer, Message &request, HeldBytes &ahead,
             const RequestFacts &facts, const tn_http1_limits &response_limits,
             const ServerSettings &settings, Owner &owner);

    // Opens the stream of the visit and takes over the visitor's callbacks. TN_OK, or why not; then
    // nothing has changed.
    tn_error open(Session &session);
    void start();          // once the head has been queued on stream()
    void check_timeouts(); // the timer fired while this exchange stood
    void give_up(Reason reason) { end(reason); }
    Stream &stream() { return *stream_; }
    size_t held() const { return stream_->queued(); } // bytes that wait for the client
    void stop_keep_alive()
    {
        facts_.keep_alive = false;
    } // takes effect if no head has gone out yet

    bool responded() const { return responded_; } // a final response head has been sent
    bool keeps_visitor() const;                   // the connection may carry another request
    // The response has no other end mark than that of the connection.
    bool end_is_the_mark() const { return framing_ == Framing::until_close || relay_; }
    bool request_complete() const { return request_.complete(); }
    uint16_t status() const { return status_; }
    uint64_t bytes_in() const { return bytes_in_ + (relay_ ? relay_->to_stream_bytes() : 0); }
    uint64_t bytes_out() const { return bytes_out_ + (relay_ ? relay_->to_socket_bytes() : 0); }

private:
    enum class Framing : uint8_t { plain, chunked, until_close }; // towards the visitor

    // Connection::Owner: the visitor
    void on_readable() noexcept override;
    void on_sent(size_t size) noexcept override;
    void on_broken() noexcept override;
    // Stream::Owner
    void on_stream_answered() noexcept override;
    void on_stream_data(std::span<const uint8_t> bytes) noexcept override;
    void on_stream_fin() noexcept override;
    void on_stream_broken(tn_close_reason reason, uint32_t code) noexcept override;
    size_t on_stream_pull(uint8_t *dst, size_t size) noexcept override;
    void on_stream_pulled() noexcept override;
    void on_stream_writable() noexcept override;
    // Relay::Owner
    void on_relay_end(Relay::Ended how) noexcept override;

    // the request's body, up
    void send_ahead();
    void pump_request();
    void pump_chunked();
    void send_framed(std::span<const uint8_t> &in);
    void request_progress();

    // the response, down
    void take_response(std::span<const uint8_t> bytes);
    void take_head(std::span<const uint8_t> rest);
    void pass_interim();
    void pass_head();
    void pass_body(std::span<const uint8_t> bytes);
    void pass_trailers(std::span<const uint8_t> lines);
    void finish_response();
    void switch_protocols(std::span<const uint8_t> rest);

    void put(std::span<const uint8_t> bytes);
    void put_text(std::string_view text);
    struct Wait {
        Micros until; // never: not waited for
        Reason otherwise;
    };
    std::array<Wait, 4> waits() const;
    void arm_timer();
    void end(Reason reason);

    Connection &visitor_;
    std::unique_ptr<Stream> stream_;
    Message &request_;
    Message response_;
    HeldBytes &ahead_;
    RequestFacts facts_;
    const ServerSettings &settings_;
    Owner &owner_;
    Timer &timer_; // the visitor's: one event for a connection, not one for each request
    std::unique_ptr<Relay> relay_;

    Micros opened_at_;
    Micros requested_at_ = never;     // when the request was complete
    Micros moved_at_;                 // when bytes last moved, either way
    Micros taken_at_;                 // when the visitor last took bytes
    uint64_t bytes_in_ = 0;           // of the request's body
    uint64_t bytes_out_ = 0;          // of the response, head included
    Reason pull_failed_ = Reason::ok; // found while pulling, told afterwards
    unsigned interims_ = 0;
    uint16_t status_ = 0;
    Framing framing_ = Framing::plain;
    bool answered_ = false; // the client reacted to the stream
    bool responded_ = false;
    bool trailers_ = false; // the last chunk has been written, with trailers
    bool ended_ = false;
};

} // namespace tunnel
