// SPDX-License-Identifier: ISC

#include "net/tls_codec.h"

#include "net/tls.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <utility>

namespace tunnel {

constexpr size_t record_size = SSL3_RT_MAX_PLAIN_LENGTH; // bytes; RFC 8446 section 5.1
constexpr size_t record_overhead = 64;                   // bytes, at most, of the suites we offer

// OpenSSL's view of a codec: a BIO that reads what was fed and writes to `out`.
struct TlsBio {
    static BIO *make(TlsCodec *codec);

private:
    static BIO_METHOD *make_method();
    static int read(BIO *bio, char *dst, size_t size, size_t *done) noexcept;
    static int write(BIO *bio, const char *bytes, size_t size, size_t *done) noexcept;
    static long control(BIO *, int what, long, void *) noexcept { return what == BIO_CTRL_FLUSH; }
};

BIO_METHOD *TlsBio::make_method()
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "tunnel");
    if (!method)
        throw std::bad_alloc();
    BIO_meth_set_read_ex(method, read);
    BIO_meth_set_write_ex(method, write);
    BIO_meth_set_ctrl(method, control);
    return method;
}

BIO *TlsBio::make(TlsCodec *codec)
{
    static const std::unique_ptr<BIO_METHOD, Releaser<BIO_meth_free>> method(make_method());
    BIO *bio = BIO_new(method.get());
    if (!bio)
        throw std::bad_alloc();
    BIO_set_data(bio, codec);
    BIO_set_init(bio, 1);
    return bio;
}

int TlsBio::read(BIO *bio, char *dst, size_t size, size_t *done) noexcept
{
    auto &in = static_cast<TlsCodec *>(BIO_get_data(bio))->in_;
    BIO_clear_retry_flags(bio);
    if (in.empty()) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *done = std::min(size, in.size());
    memcpy(dst, in.data(), *done);
    in = in.subspan(*done);
    return 1;
}

int TlsBio::write(BIO *bio, const char *bytes, size_t size, size_t *done) noexcept
{
    auto &out = static_cast<TlsCodec *>(BIO_get_data(bio))->out_;
    BIO_clear_retry_flags(bio);
    auto *begin = reinterpret_cast<const uint8_t *>(bytes); // of the vector's type: one memcpy
    out.insert(out.end(), begin, begin + size);
    *done = size;
    return 1;
}

TlsCodec::TlsCodec(SslPtr ssl, std::vector<uint8_t> &out) : ssl_(std::move(ssl)), out_(out)
{
    BIO *bio = TlsBio::make(this);
    SSL_set_bio(ssl_.get(), bio, bio);
}

void TlsCodec::feed(std::span<const uint8_t> records)
{
    in_ = records;
    lent_ = true;
}

void TlsCodec::keep()
{
    if (std::exchange(lent_, false) && !in_.empty()) {
        kept_.assign(in_.begin(), in_.end());
        in_ = kept_;
    }
    if (in_.empty() && kept_.capacity() > 0)
        std::vector<uint8_t>().swap(kept_);
}

bool TlsCodec::buffered() const
{
    return !in_.empty() || life_ == Life::closed || life_ == Life::failed ||
           SSL_pending(ssl_.get()) > 0;
}

void TlsCodec::keep_buffers()
{
    if (!std::exchange(buffers_kept_, true))
        SSL_clear_mode(ssl(), SSL_MODE_RELEASE_BUFFERS);
}

void TlsCodec::give_back_buffers()
{
    if (!std::exchange(buffers_kept_, false))
        return;
    SSL_set_mode(ssl(), SSL_MODE_RELEASE_BUFFERS);
    SSL_free_buffers(ssl()); // not if a record is half there: then the next read does
}

TlsCodec::Life TlsCodec::handshake()
{
    ERR_clear_error();
    int result = SSL_do_handshake(ssl_.get());
    if (result == 1)
        life_ = Life::open;
    else if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ)
        fail();
    return life_;
}

ssize_t TlsCodec::read(uint8_t *dst, size_t size)
{
    size_t total = 0;
    ERR_clear_error();
    while (life_ == Life::open && total < size) {
        size_t n = 0;
        if (SSL_read_ex(ssl_.get(), dst + total, size - total, &n)) {
            total += n;
            continue;
        }
        int error = SSL_get_error(ssl_.get(), 0);
        if (error == SSL_ERROR_WANT_READ)
            break;
        if (error == SSL_ERROR_ZERO_RETURN)
            life_ = Life::closed;
        else
            fail();
    }
    if (total > 0)
        return ssize_t(total);
    return life_ == Life::open ? 0 : -1;
}

// The whole of `pieces` is one run of bytes: records are cut from a large piece directly, and
// joined in a buffer where pieces meet.
bool TlsCodec::write(std::span<const iovec> pieces)
{
    size_t total = 0;
    for (const iovec &piece : pieces)
        total += piece.iov_len;
    out_.reserve(out_.size() + total + (total / record_size + 1) * record_overhead);
    uint8_t joined[record_size];
    size_t held = 0;
    for (const iovec &piece : pieces) {
        std::span bytes(static_cast<const uint8_t *>(piece.iov_base), piece.iov_len);
        while (!bytes.empty()) {
            size_t n = std::min(bytes.size(), record_size - held);
            if (n == record_size) {
                n = bytes.size() / record_size * record_size;
                write_records(bytes.first(n));
            } else {
                memcpy(joined + held, bytes.data(), n);
                held += n;
            }
            if (held == record_size)
                write_records({joined, std::exchange(held, 0)});
            bytes = bytes.subspan(n);
        }
    }
    write_records({joined, held});
    return life_ != Life::failed;
}

void TlsCodec::write_records(std::span<const uint8_t> bytes)
{
    while (!bytes.empty() && life_ != Life::failed) {
        size_t n = 0;
        ERR_clear_error();
        if (!SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &n))
            return fail();
        bytes = bytes.subspan(n);
    }
}

bool TlsCodec::write_early()
{
    std::vector<iovec> pieces(early_.size() / 256 + 2);
    while (!early_.empty()) {
        size_t count = early_.peek(pieces.data(), pieces.size());
        size_t size = 0;
        for (size_t i = 0; i < count; i++)
            size += pieces[i].iov_len;
        if (!write({pieces.data(), count}))
            return false;
        early_.drain(size);
    }
    return true;
}

void TlsCodec::write_close()
{
    ERR_clear_error();
    if (!(SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN))
        SSL_shutdown(ssl_.get());
}

void TlsCodec::fail()
{
    error_ = tls_error_text(ssl_.get());
    life_ = Life::failed;
}

} // namespace tunnel
