// SPDX-License-Identifier: ISC

#include "base/memory_ladder.h"

#include <algorithm>

namespace tunnel {

namespace {

struct Row {
    const char *name;
    uint64_t enter, leave; // per cent of the budget: entered above, left below
};

constexpr Row rows[] = {
    {"none", 0, 0},
    {"refuse", 70, 60},
    {"close_idle", 85, 75},
    {"shed", 95, 85},
};
constexpr unsigned last = sizeof rows / sizeof *rows - 1;

uint64_t part(uint64_t budget, uint64_t percent) { return budget / 100 * percent; }

} // namespace

const char *memory_step_name(MemoryStep step) { return rows[unsigned(step)].name; }

uint64_t MemoryLadder::low() const { return part(budget_, rows[reached_].leave); }

uint64_t MemoryLadder::high() const
{
    if (budget_ == 0 || reached_ == last)
        return UINT64_MAX;
    return part(budget_, rows[reached_ + 1].enter);
}

void MemoryLadder::look(uint64_t used, Micros now)
{
    const unsigned before = reached_;
    while (used > high())
        reached_++;
    while (used < low())
        reached_--;
    if (reached_ == 0) {
        climbed_ = 0;
        due_ = never;
    } else if (reached_ > before) {
        due_ = now + patience;
    } else if (now >= due_) {
        climbed_ = std::min(std::max(reached_, climbed_) + 1, last);
        due_ = now + patience;
    }
}

MemoryStep MemoryLadder::step() const { return MemoryStep(std::max(reached_, climbed_)); }

uint64_t MemoryLadder::surplus(uint64_t used) const
{
    return step() == MemoryStep::shed && used > low() ? used - low() : 0;
}

} // namespace tunnel
