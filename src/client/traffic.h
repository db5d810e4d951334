// SPDX-License-Identifier: ISC
//
// What became of the visits of each tunnel since the client started. The loop's thread only.

#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace tunnel {

class Traffic {
public:
    struct Sum {
        uint64_t requests = 0;
        uint64_t failed = 0; // of them: cut, or answered by us
        uint64_t bytes_in = 0;
        uint64_t bytes_out = 0;
    };

    void add(const std::string &subdomain, const Sum &visit)
    {
        if (sums_.size() >= most && !sums_.contains(subdomain))
            return; // a server that makes up names
        Sum &sum = sums_[subdomain];
        sum.requests += visit.requests;
        sum.failed += visit.failed;
        sum.bytes_in += visit.bytes_in;
        sum.bytes_out += visit.bytes_out;
    }

    Sum of(const std::string &subdomain) const
    {
        auto found = sums_.find(subdomain);
        return found == sums_.end() ? Sum{} : found->second;
    }

private:
    static constexpr size_t most = 10000; // names

    std::unordered_map<std::string, Sum> sums_;
};

} // namespace tunnel
