// SPDX-License-Identifier: ISC
//
// A byte flow around a connected socket, plain or TLS. It has the shape of a bufferevent
// (owner called back for readable, sent, broken; a queue of what the socket did not take) and
// none of its costs: one edge-triggered event registered once, reads as large as the caller's
// buffer, straight to where the bytes go, and one write for each turn of the loop.
//
// Callbacks come from the loop, and on_sent and on_broken also from Loop::flush(). They never
// come from inside read(), put(), write(), finish() or reset() themselves, so an owner may
// call those anywhere. An owner must not delete the connection inside a callback: retire it.

#pragma once

#include "base/byte_queue.h"
#include "net/handles.h"

#include <memory>
#include <span>
#include <string>
#include <sys/types.h>

namespace tunnel {

class Address;
class Loop;
struct TlsState;

class Connection {
public:
    class Owner {
    public:
        // TLS: the handshake is done (and the peer verified, if the context asks for it).
        // Not called for a plain connection.
        virtual void on_open() noexcept {}
        // read() has something to give: bytes, or the end. Comes once for each edge: the owner
        // reads until it is told "nothing now", or keeps readable() in mind for later.
        virtual void on_readable() noexcept = 0;
        // The kernel has taken `size` more bytes (plain bytes, also under TLS).
        virtual void on_sent(size_t size) noexcept = 0;
        // The connection failed while writing, handshaking or being idle: see error(). Comes
        // at most once, and not after read() has returned -1 for a failure.
        virtual void on_broken() noexcept = 0;

    protected:
        ~Owner() = default;
    };

    enum class End {
        none,   // bytes may still come
        fin,    // the peer finished cleanly (TLS: close_notify)
        broken, // reset, TLS failure, or under TLS an end without close_notify: bytes may be missing
    };

    // Takes a connected (or connecting, see Dialer) non-blocking socket. With `ssl` (accept or
    // connect state already set) the handshake starts at once. Sets TCP_NODELAY where asked by
    // the one who made the socket, not here.
    Connection(Loop &loop, Descriptor socket, Owner &owner, SslPtr ssl = nullptr);
    ~Connection(); // closes; what is still queued is lost
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    void set_owner(Owner &owner) { owner_ = &owner; } // in effect from the next callback on

    // Reads up to `size` bytes (TLS: decrypted) to `dst`.
    // Returns > 0: bytes. 0: nothing now, on_readable comes when there is. -1: the end, see end().
    // A short read marks the socket as drained, so that the next call costs no system call.
    ssize_t read(uint8_t *dst, size_t size);
    bool readable() const { return readable_; } // an edge was seen and not yet used up
    End end() const { return end_; }

    // Borrows `bytes` until the loop's flush, where everything put in the turn leaves in one
    // system call; what the socket does not take is copied to the queue.
    void put(std::span<const uint8_t> bytes);
    // Same, but copies, so that the caller's memory is free at once.
    void write(std::span<const uint8_t> bytes);
    size_t queued() const; // bytes put or queued that the kernel has not taken
    // Sends now what this connection was given by put(). Loop::flush() does it for all.
    // Returns false if it broke; on_broken has then been called.
    bool flush();

    // Half-close after the last queued byte: FIN, under TLS close_notify before it.
    void finish();
    // While set, the end of our process or a close() reaches the peer as RST, not as FIN
    // (SO_LINGER {1,0}): for bytes whose only end mark is the FIN itself.
    void set_abortive(bool on);
    // Ends now with RST; the socket is closed, no callback follows.
    void reset();
    bool closed() const { return !socket_; }

    // Hands the socket on (to another loop): only plain, with nothing queued. This object is
    // closed() afterwards.
    Descriptor release();

    int fd() const { return socket_.get(); }
    SSL *ssl() const;
    const std::string &error() const { return error_; } // one sentence for log and user
    Loop &loop() { return loop_; }

private:
    friend class Loop;
    static void on_event(evutil_socket_t, short what, void *self) noexcept;

    Loop &loop_;
    Owner *owner_;
    Descriptor socket_;
    EventPtr event_;
    std::unique_ptr<TlsState> tls_; // null: plain
    ByteQueue queue_;               // under TLS: records
    // The implementation keeps what put() borrowed, flags, and its place in the flush list.
    struct Borrowed;
    std::unique_ptr<Borrowed> borrowed_;
    End end_ = End::none;
    bool readable_ = false;
    bool flush_queued_ = false;
    std::string error_;
};

} // namespace tunnel
