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

    // A lookup in progress; destroying it drops the answer. It must not outlive its loop.
    class Query {
    public:
        ~Query();
        struct Job;

    private:
        friend class Resolver;
        std::shared_ptr<Job> job_;
    };

    // The addresses of a host that needs no lookup: a number, or localhost and names below it
    // (RFC 6761 section 6.3), IPv4 first. Empty: it is a name.
    static std::vector<Address> literal(const std::string &host, uint16_t port);

    // Asks; the answer comes on `loop`'s thread, never from inside this call. Numbers
    // are answered without the helper. Families interleaved, in getaddrinfo's order.
    static std::unique_ptr<Query> resolve(Loop &loop, const std::string &host, uint16_t port,
                                          Answer answer);
};

} // namespace tunnel
