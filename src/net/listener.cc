// SPDX-License-Identifier: ISC

#include "net/listener.h"

#include "base/failure.h"
#include "base/log.h"
#include "net/loop.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <new>
#include <sys/socket.h>
#include <utility>

namespace tunnel {

namespace {

constexpr int backlog = 4096;      // connections that the kernel holds for us; somaxconn cuts it
constexpr unsigned batch_max = 64; // accepted in one turn, so that others get theirs
constexpr Micros pause_span = 100 * millisecond;
constexpr Micros log_every = 10 * second;

void set(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

// Empty, with errno, if it cannot be had. Accepted sockets inherit TCP_NODELAY. SO_REUSEPORT comes
// after the bind where nobody may be there yet, so that a second server is noticed, and others of
// ours may follow.
Descriptor listen_on(const Address &address, bool share)
{
    Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket)
        return {};
    set(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    set(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    if (share)
        set(socket.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    if (address.family() == AF_INET6)
        set(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, !address.is_any());
    if (::bind(socket.get(), address.get(), address.size()) != 0)
        return {};
    set(socket.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    return listen(socket.get(), backlog) == 0 ? std::move(socket) : Descriptor();
}

bool is_without_ipv6(const Address &address, int error)
{
    return address.family() == AF_INET6 && address.is_any() &&
           (error == EAFNOSUPPORT || error == EADDRNOTAVAIL);
}

bool is_exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

} // namespace

Descriptor Listener::bind(const Address &address, bool share)
{
    Descriptor socket = listen_on(address, share);
    if (!socket && is_without_ipv6(address, errno))
        socket = listen_on(Address::any(AF_INET, address.port()), share);
    if (socket)
        return socket;
    Exit code = errno == EACCES ? exit_no_permission : exit_unavailable;
    throw Failure(code, "cannot listen on " + address.text() + ": " + strerror(errno));
}

Listener::Listener(Loop &loop, const Address &address, bool share, Accepted accepted)
    : Listener(loop, bind(address, share), std::move(accepted))
{}

Listener::Listener(Loop &loop, Descriptor listening, Accepted accepted)
    : loop_(loop), accepted_(std::move(accepted)), address_(Address::local_of(listening.get())),
      socket_(std::move(listening)), resume_(loop, [this] { event_add(event_.get(), nullptr); })
{
    event_.reset(event_new(loop.base(), socket_.get(), EV_READ | EV_PERSIST, on_event, this));
    if (!event_ || event_add(event_.get(), nullptr) != 0)
        throw std::bad_alloc();
}

Listener::~Listener() = default;

void Listener::stop()
{
    resume_.stop();
    event_.reset();
    socket_.reset();
}

void Listener::on_event(evutil_socket_t, short, void *self) noexcept
{
    static_cast<Listener *>(self)->accept_some();
}

// Asks for no more than came the last time and one doubling, since an accept that finds
// nothing costs as much as a good one; what is left comes with the next turn's event.
void Listener::accept_some()
{
    unsigned count = 0;
    while (count < batch_ && socket_) {
        const int error = accept_one();
        count += error == 0;
        if (is_exhausted(error))
            pause(error);
        if (is_exhausted(error) || error == EAGAIN)
            break;
    }
    batch_ = count == batch_ ? std::min(batch_ * 2, batch_max) : std::max(count, 1u);
}

// Returns why nobody was; 0: somebody was.
int Listener::accept_one()
{
    sockaddr_storage from;
    socklen_t size = sizeof from;
    auto *peer = reinterpret_cast<sockaddr *>(&from);
    Descriptor socket(accept4(socket_.get(), peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket)
        return errno;
    accepted_(std::move(socket), Address(peer, size));
    return 0;
}

// Those in the queue have been told by the kernel that they are connected; closing resets them.
void Listener::finish()
{
    int error = 0;
    for (int i = 0; i < backlog && socket_ && error != EAGAIN && !is_exhausted(error); i++)
        error = accept_one();
    stop();
}

void Listener::pause(int error)
{
    event_del(event_.get());
    resume_.start(pause_span);

    Micros now = loop_.now();
    if (last_logged_ != 0 && now - last_logged_ < log_every)
        return;
    last_logged_ = now;
    log_warn("listener paused", {{"address", address_.text()}, {"reason", strerror(error)}});
}

} // namespace tunnel
