// SPDX-License-Identifier: ISC

#include "net/connection.h"

#include "net/borrowed.h"
#include "net/loop.h"
#include "net/tls_codec.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

namespace tunnel {

namespace {

constexpr size_t record_room = 17 * 1024;     // a TLS record and its overhead, bytes
constexpr Micros busy_gap = 10 * millisecond; // between the reads of a connection that is busy

} // namespace

Connection::Connection(Loop &loop, Descriptor socket, Owner &owner, SslPtr ssl)
    : loop_(loop), owner_(&owner), socket_(std::move(socket))
{
    if (ssl)
        tls_ = std::make_unique<TlsCodec>(std::move(ssl), loop.cipher_out());
    constexpr short edges = EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST;
    event_.reset(event_new(loop.base(), fd(), edges, on_event, this));
    if (!event_ || event_add(event_.get(), nullptr) != 0) {
        sending_failed(ENOMEM);
        loop_.wants_flush(*this); // where the owner is told
    }
}

Connection::~Connection() { detach(); }

// Leaves the loop, and gives up what waits to be sent.
void Connection::detach()
{
    forget_output();
    loop_.forget_flush(*this);
    loop_.forget_doubt(*this);
    event_.reset();
    readable_ = edge_ = false;
}

SSL *Connection::ssl() const { return tls_ ? tls_->ssl() : nullptr; }

void Connection::on_event(evutil_socket_t, short what, void *self) noexcept
{
    static_cast<Connection *>(self)->on_edge(what);
}

void Connection::on_edge(short what)
{
    bool can_read = what & (EV_READ | EV_CLOSED);
    if (what & EV_CLOSED)
        hup_ = true;
    if (can_read) {
        edge_ = readable_ = true;
        loop_.forget_doubt(*this);
    }
    if (what & EV_WRITE)
        blocked_ = false;
    if (tls_ && tls_->life() == TlsCodec::Life::handshake)
        return step_handshake();
    if ((what & EV_WRITE) && unsent() > 0)
        flush();
    if (can_read && socket_ && !told_ && end_ == End::none)
        owner_->on_readable();
}

// As far as the received records allow. What is sent on the way, alerts too, leaves at once.
void Connection::step_handshake()
{
    if (told_)
        return;
    auto life = tls_->handshake();
    while (life == TlsCodec::Life::handshake && edge_) {
        ssize_t n = receive(loop_.cipher_in(), Loop::cipher_in_size);
        if (n <= 0)
            break;
        tls_->feed({loop_.cipher_in(), size_t(n)});
        life = tls_->handshake();
    }
    tls_->keep();
    absorb_tls_output();
    if (life == TlsCodec::Life::failed)
        error_ = tls_->error();
    bool sent = transmit();
    if (life == TlsCodec::Life::failed || end_ != End::none || !sent) {
        end_ = End::broken;
        break_off();
        return;
    }
    if (life == TlsCodec::Life::open)
        open_now();
}

void Connection::open_now()
{
    readable_ = edge_ || tls_->buffered();
    owner_->on_open();
    if (!tls_->early().empty() || finishing_)
        want_flush();
    if (readable_ && socket_ && !told_)
        owner_->on_readable();
}

// A reset that came together with the last bytes is hidden by libevent (it reports EPOLLERR as
// EV_READ|EV_WRITE, without EV_CLOSED), so a short read may have been the last one before it
// and no edge will follow. Looking again once, a little later, is cheaper than a second read
// each time.
void Connection::settle()
{
    if (tls_)
        tls_->give_back_buffers();
    if (readable_ || end_ != End::none || told_)
        return;
    uint8_t byte;
    ssize_t n = recv(fd(), &byte, 1, MSG_PEEK);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return; // nothing, or an edge is on its way
    if (n < 0)
        sending_failed(errno); // the peek used the socket's error up: a read would see a FIN
    on_edge(EV_READ | EV_CLOSED);
}

bool Connection::peer_reset()
{
    if (end_ != End::none || tls_ || !socket_)
        return end_ == End::broken;
    // Not by a peek: what came before the reset would hide it.
    pollfd look = {fd(), 0, 0};
    if (poll(&look, 1, 0) <= 0 || !(look.revents & (POLLERR | POLLHUP)))
        return false;
    end_reading(End::broken, strerror(ECONNRESET));
    told_ = true;
    forget_output();
    return true;
}

ssize_t Connection::read(uint8_t *dst, size_t size)
{
    if (end_ != End::none)
        return -1;
    if (!readable_ || size == 0)
        return 0;
    ssize_t n = tls_ ? read_tls(dst, size) : read_plain(dst, size);
    if (end_ == End::broken) {
        told_ = true;
        forget_output();
    }
    return n;
}

ssize_t Connection::read_plain(uint8_t *dst, size_t size)
{
    ssize_t n = receive(dst, size);
    readable_ = edge_;
    return n;
}

ssize_t Connection::read_tls(uint8_t *dst, size_t size)
{
    if (tls_->life() == TlsCodec::Life::handshake)
        return 0;
    Micros now = loop_.now();
    if (now - std::exchange(read_at_, now) < busy_gap)
        tls_->keep_buffers();
    ssize_t n = tls_->read(dst, size);
    while (n == 0 && edge_) {
        // Little more than fits into dst: the rest would have to be copied.
        ssize_t got =
            receive(loop_.cipher_in(), std::min(Loop::cipher_in_size, size + record_room));
        if (got <= 0) {
            n = got;
            break;
        }
        tls_->feed({loop_.cipher_in(), size_t(got)});
        n = tls_->read(dst, size);
    }
    tls_->keep();
    absorb_tls_output();
    if (n < 0 && end_ == End::none) {
        bool closed = tls_->life() == TlsCodec::Life::closed;
        if (!closed)
            transmit(); // the alert
        end_reading(closed ? End::fin : End::broken, tls_->error());
    }
    readable_ = edge_ || tls_->buffered();
    return n;
}

// One recv. Returns > 0: bytes; 0: nothing now; -1: the end, which is noted.
ssize_t Connection::receive(uint8_t *dst, size_t size)
{
    ssize_t n;
    do
        n = recv(fd(), dst, size, 0);
    while (n < 0 && errno == EINTR);

    if (n < 0 && errno == EAGAIN) {
        edge_ = false;
        return 0;
    }
    if (n > 0) {
        if (size_t(n) < size && !hup_) {
            edge_ = false;
            loop_.doubts(*this);
        }
        return n;
    }
    if (n < 0)
        end_reading(End::broken, strerror(errno));
    else if (broken_)
        end_reading(End::broken, error_); // the failed send used the socket's error up
    else if (tls_)
        end_reading(End::broken, tls_->life() == TlsCodec::Life::handshake
                                     ? "connection closed during the TLS handshake"
                                     : "connection closed without TLS close_notify");
    else
        end_reading(End::fin, "");
    return -1;
}

void Connection::end_reading(End end, const std::string &why)
{
    end_ = end;
    edge_ = false;
    if (end == End::fin)
        return;
    broken_ = true;
    if (error_.empty())
        error_ = why;
}

void Connection::set_abortive(bool on)
{
    if (!socket_ || std::exchange(abortive_, on) == on)
        return;
    linger abort = {on, 0};
    setsockopt(fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

void Connection::reset()
{
    set_abortive(true);
    detach();
    socket_.reset();
    broken_ = told_ = true;
    if (end_ == End::none)
        end_ = End::broken;
}

Descriptor Connection::release()
{
    detach();
    return std::move(socket_);
}

} // namespace tunnel
