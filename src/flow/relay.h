// SPDX-License-Identifier: ISC
//
// Two byte flows joined, bytes unread: a socket and a stream. Half-close goes on as half-close,
// reset as reset, and while it runs the socket is abortive, so that even the death of our process
// reaches the other side as a reset and never as a clean end. Back-pressure is the stream's window
// one way and the socket's readiness the other.

#pragma once

#include "flow/stream.h"
#include "net/connection.h"
#include "net/timer.h"

#include <memory>

namespace tunnel {

class Relay final : private Connection::Owner, private Stream::Owner {
public:
    enum class Ended {
        complete,    // both directions finished
        socket_lost, // the socket was reset; the stream has been reset too
        stream_lost, // the stream was reset or the link died; the socket has been reset too
        idle,        // nothing moved for the idle time; both have been reset
    };
    class Owner {
    public:
        virtual void on_relay_end(Ended how) noexcept = 0; // once; retire the relay

    protected:
        ~Owner() = default;
    };

    // Borrows both; takes over their callbacks. `idle`: 0 is off.
    // What the ends already hold (bytes read ahead) is given by preload_*.
    Relay(Connection &socket, Stream &stream, Micros idle, Owner &owner);

    void preload_to_stream(std::span<const uint8_t> bytes);
    void preload_to_socket(
        std::span<const uint8_t> bytes); // arrived on the stream: counts for its window
    void start(); // after the preloads; may end it at once, by a callback of a later turn

    uint64_t to_stream_bytes() const { return to_stream_; }
    uint64_t to_socket_bytes() const { return to_socket_; }

private:
    // Connection::Owner
    void on_readable() noexcept override;
    void on_sent(size_t size) noexcept override;
    void on_broken() noexcept override;
    // Stream::Owner
    void on_stream_data(std::span<const uint8_t> bytes) noexcept override;
    void on_stream_fin() noexcept override;
    void on_stream_broken(tn_close_reason reason, uint32_t code) noexcept override;
    size_t on_stream_pull(uint8_t *dst, size_t size) noexcept override;
    void on_stream_pulled() noexcept override;

    void moved();
    void socket_finished();
    void end_if_complete();
    void end(Ended how);

    Connection &socket_;
    Stream &stream_;
    Owner &owner_;
    Timer timer_;
    Micros idle_;
    uint64_t to_stream_ = 0;
    uint64_t to_socket_ = 0;
    bool socket_fin_ = false; // the socket finished its direction
    bool stream_fin_ = false; // the stream finished its direction
    bool ended_ = false;
};

} // namespace tunnel
