// SPDX-License-Identifier: ISC
//
// Clients that the operator has sent away for a while. Known by their token and client id; one
// without a client id stands for all of its token that have none. Any thread.

#pragma once

#include "base/clock.h"
#include "server/auth.h"

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace tunnel {

class Bans {
public:
    static constexpr size_t most = 10000; // the one that ends first goes first

    struct Ban {
        Micros wait = 0; // what is left of it; 0: none
        std::string reason;
    };

    void add(const Identity &who, Micros until, const std::string &reason, Micros now);
    Ban find(const Identity &who, Micros now);
    size_t size() const;

private:
    using Key = std::pair<Sha256, std::string>;
    struct Record {
        Micros until;
        std::string reason;
    };

    mutable std::mutex lock_;
    std::map<Key, Record> records_;
};

} // namespace tunnel
