// SPDX-License-Identifier: ISC
//
// Names to addresses by getaddrinfo (nsswitch, /etc/hosts, split DNS as people expect), on a
// helper thread, so that no loop ever waits for it.

#pragma once

#include "net/address.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tunnel {

class Loop;

class Resolver {
public:
    using Answer = std::function<void(std::vector<Address> addresses, std::string error)>;

    // A lookup in progress; destroying it drops the answer.
    class Query {
    public:
        ~Query();
        struct Job;

    private:
        friend class Resolver;
        std::shared_ptr<Job> job_;
    };

    // Asks; the answer comes on `loop`'s thread, never from inside this call. Numbers
    // are answered without the helper. Families interleaved, in getaddrinfo's order.
    static std::unique_ptr<Query> resolve(Loop &loop, const std::string &host, uint16_t port,
                                          Answer answer);
};

} // namespace tunnel
