// SPDX-License-Identifier: ISC
//
// Owning pointers for the C objects of libevent and OpenSSL, and for a descriptor. Everything
// else borrows.

#pragma once

#include <event2/event.h>
#include <memory>
#include <openssl/ssl.h>
#include <unistd.h>
#include <utility>

namespace tunnel {

template <auto release> struct Releaser {
    template <class T> void operator()(T *object) const noexcept { release(object); }
};

using EventBasePtr = std::unique_ptr<event_base, Releaser<event_base_free>>;
using EventPtr = std::unique_ptr<event, Releaser<event_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, Releaser<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Releaser<SSL_free>>;

// Owns a file descriptor.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor &operator=(Descriptor &&other) noexcept
    {
        if (this != &other)
            reset(std::exchange(other.fd_, -1));
        return *this;
    }
    ~Descriptor() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void reset(int fd = -1)
    {
        if (fd_ >= 0)
            ::close(fd_);
        fd_ = fd;
    }

private:
    int fd_ = -1;
};

} // namespace tunnel
