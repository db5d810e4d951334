// SPDX-License-Identifier: ISC

#include "server/limits.h"

#include "net/address.h"

#include <algorithm>
#include <cstring>
#include <netinet/in.h>

namespace tunnel {

bool TokenBucket::take(Micros now)
{
    if (filled_ != 0 && now > filled_)
        tokens_ = std::min(burst_, tokens_ + rate_ * double(now - filled_) / double(second));
    filled_ = now;
    if (tokens_ < 1)
        return false;
    tokens_ -= 1;
    return true;
}

unsigned RequestRate::take(uint64_t per_minute, Micros now)
{
    if (per_minute == 0)
        return 0;
    constexpr Micros minute = 60 * second;
    Micros cost = std::max<Micros>(minute / per_minute, 1);
    Micros full_at = full_at_.load(std::memory_order_relaxed);
    for (;;) {
        Micros next = std::max(full_at, now) + cost;
        if (next > now + minute)
            return unsigned((next - now - minute + second - 1) / second);
        if (full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed))
            return 0;
    }
}

uint64_t source_key(const Address &address)
{
    constexpr uint64_t v4_mark = uint64_t(0xffff) << 32;
    if (address.family() == AF_INET) {
        auto v4 = reinterpret_cast<const sockaddr_in *>(address.get());
        return v4_mark | ntohl(v4->sin_addr.s_addr);
    }
    if (address.family() != AF_INET6)
        return v4_mark;
    auto v6 = reinterpret_cast<const sockaddr_in6 *>(address.get());
    const uint8_t *bytes = v6->sin6_addr.s6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
    uint64_t key = 0;
    for (unsigned i = 0; i < (mapped ? 4 : 8); i++)
        key = key << 8 | bytes[mapped ? 12 + i : i];
    if (mapped)
        return v4_mark | key;
    return key ? key : 1; // ::1 and its like
}

Occupancy::Verdict Occupancy::enter(uint64_t source, uint64_t limit, uint64_t limit_per_source)
{
    std::lock_guard guard(lock_);
    if (limit != 0 && size_ >= limit)
        return Verdict::full;
    if (source != uncounted) {
        uint32_t &inside = sources_[source];
        if (limit_per_source != 0 && inside >= limit_per_source)
            return Verdict::source_full;
        inside++;
    }
    size_++;
    return Verdict::entered;
}

void Occupancy::leave(uint64_t source)
{
    std::lock_guard guard(lock_);
    size_--;
    if (source == uncounted)
        return;
    auto found = sources_.find(source);
    if (found != sources_.end() && --found->second == 0)
        sources_.erase(found);
}

uint64_t Occupancy::size() const
{
    std::lock_guard guard(lock_);
    return size_;
}

uint64_t Occupancy::count(uint64_t source) const
{
    std::lock_guard guard(lock_);
    auto found = sources_.find(source);
    return found == sources_.end() ? 0 : found->second;
}

Micros Penalties::wait(uint64_t source, Micros now)
{
    std::lock_guard guard(lock_);
    auto found = records_.find(source);
    if (found == records_.end() || found->second.until <= now)
        return 0;
    return found->second.until - now;
}

void Penalties::failed(uint64_t source, Micros now)
{
    std::lock_guard guard(lock_);
    if (records_.size() >= max_sources && !records_.contains(source))
        make_room(now);
    Record &record = records_[source];
    if (record.failures != 0 && record.until + longest_wait < now)
        record = {};
    record.failures++;
    record.until = now;
    if (record.failures < free_failures)
        return;
    unsigned doublings = std::min(record.failures - free_failures, 20u);
    record.until += std::min(first_wait << doublings, longest_wait);
}

void Penalties::forgive(uint64_t source)
{
    std::lock_guard guard(lock_);
    records_.erase(source);
}

bool Penalties::may_answer(uint64_t source, Micros now)
{
    std::lock_guard guard(lock_);
    auto found = records_.find(source);
    if (found == records_.end() || found->second.until <= now)
        return true;
    return found->second.answers.take(now);
}

size_t Penalties::size() const
{
    std::lock_guard guard(lock_);
    return records_.size();
}

// Forgets those whose time is over, but looks for them only now and then; else anybody.
void Penalties::make_room(Micros now)
{
    constexpr Micros between_sweeps = 10 * second;
    if (now >= next_sweep_) {
        next_sweep_ = now + between_sweeps;
        std::erase_if(records_, [now](const auto &record) {
            return record.second.until + longest_wait < now;
        });
    }
    if (records_.size() >= max_sources)
        records_.erase(records_.begin());
}

} // namespace tunnel
