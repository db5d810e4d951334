// SPDX-License-Identifier: ISC
//
// What the client does about its memory (limits.memory): local services whose visits hold most of
// it get no new ones, idle local connections are closed, and when it comes to that the largest
// visits are reset. The loop's thread only.

#pragma once

#include "client/visit.h"
#include "flow/memory_guard.h"

#include <functional>
#include <vector>

namespace tunnel {

class Shedder final : private MemoryGuard::Owner {
public:
    // Shows each visit, of whatever session, to the function that it is given.
    using EachVisit = std::function<void(const std::function<void(Visit &)> &act)>;
    Shedder(Loop &loop, uint64_t budget, EachVisit each_visit, LocalPool &pool);

    void set_budget(uint64_t budget) { guard_.set_budget(budget); }

    bool has_room_for(const LocalTarget &target) const; // one more visit to it

private:
    // MemoryGuard::Owner
    void on_memory_step(MemoryStep step) noexcept override;
    void on_memory_surplus(uint64_t bytes) noexcept override;

    std::vector<Visit *> largest_holders() const;

    EachVisit each_visit_;
    LocalPool &pool_;
    MemoryGuard guard_;
};

} // namespace tunnel
