// SPDX-License-Identifier: ISC

#include "client/shedder.h"

#include "base/held_memory.h"

#include <algorithm>
#include <set>

namespace tunnel {

namespace {

// What holds less is never shed: it would not help, bytes.
constexpr uint64_t least_held = 16 * 1024;

} // namespace

Shedder::Shedder(Loop &loop, uint64_t budget, EachVisit each_visit, LocalPool &pool)
    : each_visit_(std::move(each_visit)), pool_(pool), guard_(loop, budget, *this)
{}

// More than half of what a service holds on average is more than its part: a single one that holds
// most of it all does not pass for average.
bool Shedder::has_room_for(const LocalTarget &target) const
{
    if (guard_.step() == MemoryStep::none)
        return true;
    const uint64_t used = held_memory();
    if (used >= guard_.budget())
        return false;
    std::set<LocalTarget> targets = {target};
    uint64_t held = 0;
    each_visit_([&](Visit &visit) {
        targets.insert(visit.target());
        held += visit.target() == target ? visit.held() : 0;
    });
    return held * 2 * targets.size() < used;
}

void Shedder::on_memory_step(MemoryStep step) noexcept
{
    if (step >= MemoryStep::close_idle)
        pool_.close_idle();
}

std::vector<Visit *> Shedder::largest_holders() const
{
    std::vector<Visit *> holders;
    each_visit_([&](Visit &visit) {
        if (visit.held() >= least_held)
            holders.push_back(&visit);
    });
    auto larger = [](const Visit *a, const Visit *b) { return a->held() > b->held(); };
    std::sort(holders.begin(), holders.end(), larger);
    return holders;
}

// Where nobody holds anything worth it the ladder's patience decides when to look again.
void Shedder::on_memory_surplus(uint64_t bytes) noexcept
{
    uint64_t freed = 0;
    for (Visit *visit : largest_holders()) {
        if (freed >= bytes)
            return;
        freed += visit->held();
        visit->shed();
    }
}

} // namespace tunnel
