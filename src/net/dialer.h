// SPDX-License-Identifier: ISC
//
// Connects to host:port within one deadline: resolve, then each address in turn (the next one
// joins after 250 ms without an answer, RFC 8305), the first that connects wins. TLS is not
// its business: hand the socket to a Connection with an SSL.

#pragma once

#include "net/address.h"
#include "net/resolver.h"
#include "net/timer.h"

#include <functional>
#include <memory>
#include <string>

namespace tunnel {

class Dialer {
public:
    enum class Failed { no, name, refused, timeout, other };
    struct Outcome {
        Descriptor socket; // connected, non-blocking, TCP_NODELAY; empty on failure
        Failed failed = Failed::no;
        std::string error; // one sentence: "127.0.0.1:3000: Connection refused"
    };
    using Done = std::function<void(Outcome)>; // once, on the loop's thread, never from inside the
                                               // constructor

    Dialer(Loop &loop, std::string host, uint16_t port, Micros timeout, Done done);
    ~Dialer(); // gives up silently
    Dialer(const Dialer &) = delete;
    Dialer &operator=(const Dialer &) = delete;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged before the kernel gives up.
void set_user_timeout(int fd, Micros timeout);

} // namespace tunnel
