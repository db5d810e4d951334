// SPDX-License-Identifier: ISC

#include "base/held_memory.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace tunnel {

namespace {

std::atomic<int64_t> sum = 0;
std::atomic<int64_t> lowest = 0, highest = INT64_MAX; // nobody is told in between
std::atomic<bool> told = true;
std::function<void()> tell;

thread_local int64_t uncounted = 0; // of this thread, not yet in the sum

void publish()
{
    const int64_t mine = std::exchange(uncounted, 0);
    const int64_t now = sum.fetch_add(mine, std::memory_order_relaxed) + mine;
    const bool crossed = now < lowest.load(std::memory_order_relaxed) ||
                         now > highest.load(std::memory_order_relaxed);
    if (crossed && !told.load(std::memory_order_relaxed) && !told.exchange(true))
        tell();
}

} // namespace

void count_held_memory(int64_t bytes)
{
    uncounted += bytes;
    if (uncounted >= held_memory_slack || uncounted <= -held_memory_slack)
        publish();
}

// What one thread took another may have given back, and said so first.
uint64_t held_memory()
{
    return uint64_t(std::max<int64_t>(sum.load(std::memory_order_relaxed), 0));
}

void watch_held_memory(uint64_t low, uint64_t high)
{
    lowest = int64_t(low);
    highest = int64_t(std::min<uint64_t>(high, INT64_MAX));
    told = !tell;
}

void on_held_memory(std::function<void()> crossed)
{
    told = true;
    tell = std::move(crossed);
}

} // namespace tunnel
