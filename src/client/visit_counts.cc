// SPDX-License-Identifier: ISC

#include "client/visit_counts.h"

#include <algorithm>

namespace tunnel {

void VisitCounts::add(const VisitRecord &record, Micros now)
{
    uint64_t number = now / slot_time;
    Slot &slot = slots_[number % slots_.size()];
    slot = {number, slot.number == number ? slot.count + 1 : 1};
    took_[total_ % took_.size()] = record.took;
    total_++;
    bytes_in_ += record.bytes_in;
    bytes_out_ += record.bytes_out;
}

double VisitCounts::per_second(Micros span, Micros now) const
{
    uint64_t newest = now / slot_time, slots = std::min<uint64_t>(span / slot_time, slots_.size());
    uint64_t count = 0;
    for (const Slot &slot : slots_)
        if (slot.number + slots > newest)
            count += slot.count;
    Micros counted = std::max(std::min(span, now - began_), second);
    return double(count) / (double(counted) / double(second));
}

Micros VisitCounts::percentile(unsigned percent) const
{
    size_t known = std::min<uint64_t>(total_, took_.size());
    if (known == 0)
        return 0;
    std::array<Micros, 512> sorted = took_;
    auto place = sorted.begin() + ptrdiff_t((known - 1) * percent / 100);
    std::nth_element(sorted.begin(), place, sorted.begin() + ptrdiff_t(known));
    return *place;
}

} // namespace tunnel
