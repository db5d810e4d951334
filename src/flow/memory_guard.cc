// SPDX-License-Identifier: ISC

#include "flow/memory_guard.h"

#include "base/held_memory.h"
#include "base/log.h"
#include "net/loop.h"

#include <algorithm>
#include <malloc.h>

namespace tunnel {

namespace {

constexpr uint64_t least_peak = 4 * 1024 * 1024; // bytes; after less there is nothing to give back
constexpr uint64_t peak_over = 4;                // part of it: below that it is over
constexpr Micros trim_after = 1 * second;        // and no more often

} // namespace

MemoryGuard::MemoryGuard(Loop &loop, uint64_t budget, Owner &owner)
    : loop_(loop), owner_(owner), timer_(loop, [this] { look(); }), ladder_(budget),
      trim_timer_(loop, [] { malloc_trim(0); })
{
    on_held_memory([this] { loop_.post([this] { look(); }); });
    watch();
}

MemoryGuard::~MemoryGuard() { on_held_memory(nullptr); }

void MemoryGuard::set_budget(uint64_t budget)
{
    if (budget == ladder_.budget())
        return;
    ladder_ = MemoryLadder(budget);
    look();
}

void MemoryGuard::look()
{
    const uint64_t used = held_memory();
    follow_peak(used);
    ladder_.look(used, loop_.now());
    timer_.start_at(ladder_.due());
    enter(ladder_.step(), used);
    if (const uint64_t surplus = ladder_.surplus(used))
        owner_.on_memory_surplus(surplus);
    watch();
}

// The allocator keeps what it was given back in the middle of its heap.
void MemoryGuard::follow_peak(uint64_t used)
{
    peak_ = std::max(peak_, used);
    if (peak_ < least_peak || used >= peak_ / peak_over)
        return;
    peak_ = used;
    if (!trim_timer_.running())
        trim_timer_.start(trim_after);
}

void MemoryGuard::watch()
{
    const uint64_t low = std::max(ladder_.low(), peak_ < least_peak ? 0 : peak_ / peak_over);
    const uint64_t high = std::min(ladder_.high(), std::max(peak_ * 2, least_peak));
    watch_held_memory(low, high);
    // What was passed before it was watched, nobody else would tell.
    const uint64_t now = held_memory();
    if (now < low || now > high)
        loop_.post([this] { look(); });
}

// The log keeps to its own rate if this goes up and down.
void MemoryGuard::enter(MemoryStep next, uint64_t used)
{
    if (next == step())
        return;
    log_event(next > step() ? LogLevel::warn : LogLevel::info, "memory",
              {{"step", memory_step_name(next)},
               {"before", memory_step_name(step())},
               {"held_bytes", used},
               {"limit_bytes", ladder_.budget()}});
    step_.store(next, std::memory_order_relaxed);
    owner_.on_memory_step(next);
}

} // namespace tunnel
