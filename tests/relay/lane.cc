// SPDX-License-Identifier: ISC

#include "lane.h"

#include <algorithm>

namespace relay {
namespace {

constexpr uint64_t chunks_per_second = 2000;
constexpr uint64_t intakes_per_second = 200;
constexpr size_t least_intake = 64 * 1024;

size_t segments_of(size_t size) { return (size + segment_size - 1) / segment_size; }

} // namespace

size_t Lane::chunk_size() const
{
    if (conditions.rate == 0)
        return largest_chunk;
    return std::clamp<size_t>(conditions.rate / chunks_per_second, segment_size, largest_chunk);
}

size_t Lane::intake() const
{
    if (conditions.rate == 0)
        return 0;
    return std::max<size_t>(conditions.rate / intakes_per_second, least_intake);
}

Nanos Lane::time_for(uint64_t size) const
{
    if (conditions.rate == 0)
        return 0;
    return Nanos(double(size) / double(conditions.rate) * double(second));
}

Nanos Lane::room_at() const
{
    return conditions.rate == 0 ? 0 : free_at_ - time_for(conditions.buffer);
}

Nanos Lane::stall(size_t size, bool more_follows, Nanos round_trip)
{
    if (conditions.loss <= 0)
        return 0;
    std::binomial_distribution<size_t> draw(segments_of(size), conditions.loss);
    size_t lost = draw(random_);
    lost_segments += lost;
    if (lost == 0)
        return 0;
    return more_follows ? round_trip : std::max(least_timeout, 2 * round_trip) + round_trip;
}

Nanos Lane::enter(Nanos now, size_t size, bool more_follows, Nanos round_trip)
{
    free_at_ = std::max(free_at_, now) + time_for(size);
    entered_bytes += size;
    Nanos jitter = 0;
    if (conditions.jitter > 0)
        jitter = std::uniform_int_distribution<Nanos>(0, conditions.jitter)(random_);
    return free_at_ + conditions.delay + jitter + stall(size, more_follows, round_trip);
}

void Lane::corrupt(std::span<uint8_t> bytes)
{
    if (conditions.corrupt <= 0)
        return;
    std::binomial_distribution<size_t> draw(bytes.size(), conditions.corrupt);
    for (size_t n = draw(random_); n > 0; n--) {
        bytes[random_() % bytes.size()] ^= uint8_t(1u << (random_() % 8));
        corrupted_bytes++;
    }
}

Nanos next_retransmission(Nanos since, Nanos now)
{
    Nanos timeout = least_timeout;
    Nanos at = since;
    while (at < now) {
        at += timeout;
        timeout = std::min(2 * timeout, 120 * second);
    }
    return at;
}

} // namespace relay
