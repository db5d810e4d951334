// SPDX-License-Identifier: ISC

#include "flow/output_limit.h"

#include <algorithm>
#include <bit>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace tunnel {

namespace {

constexpr uint64_t batches_per_second = 250; // a batch is 2 to 4 ms of the link
constexpr uint64_t least_batch = 4096;       // bytes
constexpr uint64_t unsent_batches = 2;       // in the kernel, beside what is on its way
constexpr uint64_t fast = 400'000'000;       // bytes per second: never a limit
constexpr uint64_t slow = 20'000'000;        // always one; between, if the path is long
constexpr uint64_t long_us = 2'000;          // there and back

bool needs_limit(const tn_mux_stats &link)
{
    if (link.rate_out == 0 || link.rate_out >= fast)
        return false;
    return link.rate_out < slow || link.rtt_min_us >= long_us;
}

} // namespace

// Powers of two, so that the kernel is seldom told.
void OutputLimit::adapt(int socket, const tn_mux_stats &link)
{
    uint64_t share = std::bit_floor(std::max(link.rate_out / batches_per_second, least_batch));
    uint64_t unsent = needs_limit(link) ? share * unsent_batches : 0; // 0: the system's
    if (unsent == unsent_)
        return;
    unsent_ = unsent;
    batch_ = unsent ? std::min<size_t>(share, most_) : most_;
    int value = int(unsent);
    setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value);
}

} // namespace tunnel
