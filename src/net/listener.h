// SPDX-License-Identifier: ISC
//
// Accepts connections on one address, in batches. Out of descriptors or memory it pauses for
// 100 ms instead of spinning (libevent's own listener takes 64 % of a CPU there) and logs at most
// once in 10 s; whoever comes meanwhile waits in the kernel's queue and is dropped by nobody.

#pragma once

#include "net/address.h"
#include "net/timer.h"

#include <functional>

namespace tunnel {

class Listener {
public:
    using Accepted =
        std::function<void(Descriptor socket, const Address &peer)>; // non-blocking, TCP_NODELAY

    // Binds and listens at once; with `share` beside other listeners of this process that have the
    // same port: one for each worker, or one that a reload moves here. ":80" binds both families, or IPv4 alone where there is no IPv6.
    // Throws Failure (exit_unavailable, or exit_no_permission) naming address and reason.
    Listener(Loop &loop, const Address &address, bool share, Accepted accepted);
    // The same in two steps: what can fail does so first, on whatever thread; the socket is then
    // served on the loop's.
    static Descriptor bind(const Address &address, bool share);
    Listener(Loop &loop, Descriptor listening, Accepted accepted);
    ~Listener();

    void finish(); // accepts whoever waits, then stops
    void stop();   // closes the port; nothing is accepted any more
    const Address &address() const
    {
        return address_;
    } // with the port that the kernel picked for 0

private:
    static void on_event(evutil_socket_t, short, void *self) noexcept;
    void accept_some();
    int accept_one();
    void pause(int error);

    Loop &loop_;
    Accepted accepted_;
    Address address_;
    Descriptor socket_;
    EventPtr event_;
    Timer resume_;
    Micros last_logged_ = 0;
    unsigned batch_ = 1; // accepts tried in the next turn
};

} // namespace tunnel
