// SPDX-License-Identifier: ISC

#include "server/carrier.h"

#include <algorithm>

namespace tunnel {

namespace {

uint32_t visits_on(const Carrier &carrier)
{
    return carrier.visits.load(std::memory_order_relaxed);
}

// Four visits and a quarter more than another: beyond what short requests come and go by.
bool clearly_worse(const Carrier &here, const Carrier &there)
{
    uint32_t least = visits_on(there);
    return visits_on(here) > least + least / 4 + 4;
}

} // namespace

void Seat::take()
{
    carrier_->visits.fetch_add(1, std::memory_order_relaxed);
    taken_ = true;
}

void Seat::leave()
{
    if (std::exchange(taken_, false))
        carrier_->visits.fetch_sub(1, std::memory_order_relaxed);
}

void Carriers::remove(uint64_t id)
{
    std::erase_if(links_, [id](const auto &link) { return link->ref.id == id; });
}

std::vector<SessionRef> Carriers::refs() const
{
    std::vector<SessionRef> refs;
    for (const auto &link : links_)
        refs.push_back(link->ref);
    return refs;
}

bool Carriers::has(const Carrier *carrier) const
{
    return std::any_of(links_.begin(), links_.end(),
                       [carrier](const auto &link) { return link.get() == carrier; });
}

Seat Carriers::seat(Seat held, unsigned worker)
{
    bool stands = has(held.carrier());
    if (stands && held.taken())
        return held;
    const std::shared_ptr<Carrier> &best = least(worker);
    if (!stands || clearly_worse(*held.carrier(), *best))
        return Seat(best);
    held.take();
    return held;
}

// Among equals one on the visitor's own worker, which saves the way; then each in its turn.
const std::shared_ptr<Carrier> &Carriers::least(unsigned worker)
{
    size_t count = links_.size();
    size_t best = count > 1 ? turn_++ % count : 0;
    auto rank = [worker](const Carrier &link) {
        return uint64_t(visits_on(link)) << 1 | (link.ref.worker != worker);
    };
    uint64_t lowest = rank(*links_[best]);
    for (size_t i = 1, next = best + 1; i < count; i++, next++) {
        size_t at = next % count;
        uint64_t its = rank(*links_[at]);
        if (its < lowest) {
            lowest = its;
            best = at;
        }
    }
    return links_[best];
}

} // namespace tunnel
