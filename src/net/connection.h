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
#include "base/clock.h"
#include "net/handles.h"

#include <memory>
#include <span>
#include <string>
#include <sys/types.h>

namespace tunnel {

class Address;
class Loop;
class TlsCodec;

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
        // The kernel has taken `size` more bytes (plain bytes, also under TLS: there the count
        // may lag behind by the records' overhead while some wait, and is never ahead).
        virtual void on_sent(size_t size) noexcept = 0;
        // The connection failed while writing or handshaking: see error(). Comes at most once,
        // and not after read() has returned -1 for a failure. What the peer sent before may
        // still be read: an early answer to an upload, say. A failure of an idle connection
        // comes as on_readable, and read() returns -1.
        virtual void on_broken() noexcept = 0;

    protected:
        ~Owner() = default;
    };

    enum class End {
        none,   // bytes may still come
        fin,    // the peer finished cleanly (TLS: close_notify)
        broken, // reset, TLS failure, or under TLS an end without close_notify: bytes may be
                // missing
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
    // For an owner who does not want to read now but was told on_readable: whether the peer has
    // reset the connection, as opposed to having sent more or having finished. What it sent
    // before is lost then.
    bool peer_reset();

    // Borrows `bytes` until the loop's flush, where everything put in the turn leaves in one
    // system call; what the socket does not take is copied to the queue.
    void put(std::span<const uint8_t> bytes);
    // Same, but copies, so that the caller's memory is free at once.
    void write(std::span<const uint8_t> bytes);
    size_t queued() const { return pending_; } // bytes put or queued that the kernel has not taken
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
    struct Borrowed; // pieces given to put(), until the flush

    static constexpr uint32_t nowhere = UINT32_MAX;

    static void on_event(evutil_socket_t, short what, void *self) noexcept;
    void on_edge(short what);
    void step_handshake();
    void open_now();
    void settle();

    ssize_t receive(uint8_t *dst, size_t size);
    ssize_t read_plain(uint8_t *dst, size_t size);
    ssize_t read_tls(uint8_t *dst, size_t size);
    void end_reading(End end, const std::string &why);

    bool can_put(std::span<const uint8_t> bytes);
    void want_flush();
    bool transmit();
    bool seal();
    bool send_once();
    void keep_borrowed();
    void half_close();
    void absorb_tls_output();
    size_t unsent() const;
    bool sending_failed(int error);
    bool break_off();
    void forget_output();
    void detach();

    Loop &loop_;
    Owner *owner_;
    Descriptor socket_;
    uint32_t flush_place_ = nowhere; // in the loop's lists
    uint32_t doubt_place_ = nowhere;
    EventPtr event_;
    std::unique_ptr<TlsCodec> tls_; // null: plain
    std::unique_ptr<Borrowed> borrowed_;
    ByteQueue queue_;    // what the socket did not take; under TLS: records
    Micros read_at_ = 0; // under TLS: when it was read last
    size_t pending_ = 0; // bytes put and not yet reported by on_sent
    std::string error_;
    End end_ = End::none;
    bool readable_ = false;
    bool edge_ = false;      // the socket itself may have more; under TLS readable_ says more
    bool hup_ = false;       // the peer's end was seen: a short read no longer means drained
    bool blocked_ = false;   // the socket is full until EV_WRITE
    bool broken_ = false;    // nothing can be sent any more
    bool told_ = false;      // the owner knows that it is broken
    bool finishing_ = false; // finish() was called
    bool finished_ = false;  // and FIN has left
    bool abortive_ = false;
};

} // namespace tunnel
