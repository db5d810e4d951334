// SPDX-License-Identifier: ISC

#include "flow/memory_guard.h"

#include "base/held_memory.h"
#include "base/log.h"
#include "net/loop.h"

namespace tunnel {

MemoryGuard::MemoryGuard(Loop &loop, uint64_t budget, Owner &owner)
    : loop_(loop), owner_(owner), timer_(loop, [this] { look(); }), ladder_(budget)
{
    on_held_memory([this] { loop_.post([this] { look(); }); });
    watch_held_memory(ladder_.low(), ladder_.high());
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
    ladder_.look(used, loop_.now());
    timer_.start_at(ladder_.due());
    enter(ladder_.step(), used);
    if (const uint64_t surplus = ladder_.surplus(used))
        owner_.on_memory_surplus(surplus);
    watch_held_memory(ladder_.low(), ladder_.high());
    // What was passed before it was watched, nobody else would tell.
    const uint64_t now = held_memory();
    if (now < ladder_.low() || now > ladder_.high())
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
