// SPDX-License-Identifier: ISC
//
// The sending half of a connection: what was put, sealed, sent, kept.

#include "net/borrowed.h"
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

constexpr size_t queue_pieces_max = 64; // blocks of the queue for one system call: 1 MiB
// Pieces that are no more than this together, bytes, are joined: copying them costs less than
// sendmsg() costs more than send().
constexpr size_t join_max = 2048;

void join(std::span<const iovec> pieces, uint8_t *dst)
{
    for (const iovec &piece : pieces) {
        memcpy(dst, piece.iov_base, piece.iov_len);
        dst += piece.iov_len;
    }
}

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
    if (borrowed_->count == Borrowed::pieces_max)
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
    iovec pieces[queue_pieces_max + Borrowed::pieces_max];
    size_t count = queue_.peek(pieces, queue_pieces_max);
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += pieces[i].iov_len;
    if (borrowed_ && total == queue_.size())
        for (const iovec &piece : borrowed_->all()) {
            pieces[count++] = piece;
            total += piece.iov_len;
        }

    uint8_t joined[join_max];
    if (count > 1 && total <= sizeof joined) {
        join({pieces, count}, joined);
        pieces[0] = {joined, total};
        count = 1;
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
    if (tls_ && tls_->life() == TlsCodec::Life::handshake)
        end_ = End::broken;
    if (!std::exchange(told_, true))
        owner_->on_broken();
    return false;
}

void Connection::forget_output()
{
    borrowed_.reset();
    queue_.clear();
    if (tls_) {
        tls_->early().clear();
        loop_.cipher_out().clear(); // sealed and not sent: the next connection would send it
    }
    pending_ = 0;
}

} // namespace tunnel
