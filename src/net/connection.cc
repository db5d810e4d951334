// SPDX-License-Identifier: ISC

#include "net/connection.h"

#include "net/loop.h"
#include "net/tls_codec.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

namespace tunnel {

namespace {

constexpr size_t pieces_max = 62;         // put between two flushes; Borrowed is 1 KiB with it
constexpr size_t queue_pieces_max = 64;   // blocks of the queue for one system call: 1 MiB
constexpr size_t record_room = 17 * 1024; // a TLS record and its overhead, bytes

ssize_t send_pieces(int fd, iovec *pieces, size_t count)
{
    msghdr message = {};
    message.msg_iov = pieces;
    message.msg_iovlen = count;
    ssize_t n;
    do
        n = count == 1 ? send(fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                       : sendmsg(fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

void append(ByteQueue &queue, std::span<const iovec> pieces)
{
    for (const iovec &piece : pieces)
        queue.append({static_cast<const uint8_t *>(piece.iov_base), piece.iov_len});
}

} // namespace

struct Connection::Borrowed {
    size_t first = 0; // those before it have been sent
    size_t count = 0;
    iovec pieces[pieces_max];

    std::span<const iovec> all() const { return {pieces + first, count - first}; }
    void add(std::span<const uint8_t> bytes);
    void drop(size_t bytes);
};

// Joins what is contiguous in memory.
void Connection::Borrowed::add(std::span<const uint8_t> bytes)
{
    if (count > first) {
        iovec &last = pieces[count - 1];
        if (static_cast<const uint8_t *>(last.iov_base) + last.iov_len == bytes.data()) {
            last.iov_len += bytes.size();
            return;
        }
    }
    pieces[count++] = {const_cast<uint8_t *>(bytes.data()), bytes.size()};
}

void Connection::Borrowed::drop(size_t bytes)
{
    while (bytes > 0) {
        iovec &piece = pieces[first];
        size_t n = std::min(bytes, piece.iov_len);
        piece.iov_base = static_cast<uint8_t *>(piece.iov_base) + n;
        piece.iov_len -= n;
        bytes -= n;
        if (piece.iov_len == 0)
            first++;
    }
}

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
    if (can_read)
        edge_ = readable_ = true;
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
    if (readable_ || end_ != End::none || told_)
        return;
    uint8_t byte;
    ssize_t n = recv(fd(), &byte, 1, MSG_PEEK);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return; // nothing, or an edge is on its way
    if (n < 0)
        sending_failed(errno); // the peek used the socket's error up: a read would see a FIN
    hup_ = edge_ = readable_ = true;
    owner_->on_readable();
}

bool Connection::peer_reset()
{
    if (end_ != End::none || tls_ || !socket_)
        return end_ == End::broken;
    uint8_t byte;
    if (recv(fd(), &byte, 1, MSG_PEEK) >= 0 || errno == EAGAIN || errno == EINTR)
        return false;
    end_reading(End::broken, strerror(errno));
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

bool Connection::can_put(std::span<const uint8_t> bytes)
{
    if (broken_)
        want_flush(); // where the owner is told
    return !bytes.empty() && socket_ && !broken_ && !finishing_;
}

void Connection::put(std::span<const uint8_t> bytes)
{
    if (!can_put(bytes))
        return;
    if (!borrowed_)
        borrowed_ = std::make_unique_for_overwrite<Borrowed>();
    borrowed_->add(bytes);
    pending_ += bytes.size();
    want_flush();
    if (borrowed_->count == pieces_max)
        transmit(); // the flush tells of a failure
}

void Connection::write(std::span<const uint8_t> bytes)
{
    if (!can_put(bytes))
        return;
    uint8_t *copy = loop_.borrow(bytes.size());
    memcpy(copy, bytes.data(), bytes.size());
    put({copy, bytes.size()});
}

void Connection::want_flush()
{
    if (socket_)
        loop_.wants_flush(*this);
}

bool Connection::flush()
{
    loop_.forget_flush(*this);
    if (!transmit())
        return break_off();
    size_t sent = pending_ - std::min(pending_, unsent());
    pending_ -= sent;
    if (sent > 0)
        owner_->on_sent(sent);
    return !broken_;
}

// Sends the queue and what was put, in one system call if the socket takes it; keeps the rest.
// Calls nobody. Returns false if the connection is broken.
bool Connection::transmit()
{
    if (broken_ || !socket_)
        return !broken_;
    if (tls_ && !seal())
        return false;
    while (!blocked_ && (borrowed_ || !queue_.empty()))
        if (!send_once())
            return false;
    keep_borrowed();
    half_close();
    return true;
}

// TLS: puts records in the place of what was put. Before the handshake's end that waits; after
// a failure only OpenSSL's own alert still leaves.
bool Connection::seal()
{
    using Life = TlsCodec::Life;
    if (tls_->life() == Life::handshake || tls_->life() == Life::failed) {
        if (borrowed_)
            append(tls_->early(), borrowed_->all());
        borrowed_.reset();
        return true;
    }
    bool sealed = tls_->write_early() && (!borrowed_ || tls_->write(borrowed_->all()));
    borrowed_.reset();
    if (!sealed) {
        error_ = tls_->error();
        return sending_failed(0);
    }
    if (finishing_)
        tls_->write_close();
    if (loop_.cipher_out().empty())
        return true;
    borrowed_ = std::make_unique_for_overwrite<Borrowed>();
    borrowed_->add(loop_.cipher_out());
    return true;
}

bool Connection::send_once()
{
    iovec pieces[queue_pieces_max + pieces_max];
    size_t count = queue_.peek(pieces, queue_pieces_max);
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += pieces[i].iov_len;
    if (borrowed_ && total == queue_.size())
        for (const iovec &piece : borrowed_->all()) {
            pieces[count++] = piece;
            total += piece.iov_len;
        }

    ssize_t n = send_pieces(fd(), pieces, count);
    if (n < 0 && errno != EAGAIN)
        return sending_failed(errno);
    size_t sent = n < 0 ? 0 : size_t(n);
    blocked_ = sent < total;
    size_t from_queue = std::min(sent, queue_.size());
    queue_.drain(from_queue);
    if (borrowed_)
        borrowed_->drop(sent - from_queue);
    if (borrowed_ && borrowed_->all().empty())
        borrowed_.reset();
    return true;
}

void Connection::keep_borrowed()
{
    if (borrowed_)
        append(queue_, borrowed_->all());
    borrowed_.reset();
    if (tls_)
        loop_.cipher_out().clear();
}

// What OpenSSL had to say on its own: handshake messages, alerts, key updates.
void Connection::absorb_tls_output()
{
    if (loop_.cipher_out().empty())
        return;
    queue_.append(loop_.cipher_out());
    loop_.cipher_out().clear();
    want_flush();
}

size_t Connection::unsent() const { return queue_.size() + (tls_ ? tls_->early().size() : 0); }

void Connection::finish()
{
    if (finishing_ || broken_)
        return;
    finishing_ = true;
    want_flush();
}

void Connection::half_close()
{
    if (!finishing_ || finished_ || unsent() > 0)
        return;
    if (tls_ && tls_->life() == TlsCodec::Life::handshake)
        return;
    finished_ = true;
    shutdown(fd(), SHUT_WR);
}

// Nothing can be sent any more; what has arrived can be read up to its end.
bool Connection::sending_failed(int error)
{
    broken_ = true;
    if (error_.empty())
        error_ = strerror(error);
    forget_output();
    hup_ = edge_ = readable_ = true;
    return false;
}

bool Connection::break_off()
{
    broken_ = true;
    forget_output();
    if (!std::exchange(told_, true))
        owner_->on_broken();
    return false;
}

void Connection::forget_output()
{
    borrowed_.reset();
    queue_.clear();
    if (tls_)
        tls_->early().clear();
    pending_ = 0;
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
