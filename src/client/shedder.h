// SPDX-License-Identifier: ISC
//
// What the client does about its memory (limits.memory): local services whose visits hold most of
// it get no new ones, idle local connections are closed, and when it comes to that the largest
// visits are reset. The loop's thread only.

#pragma once

#include "client/supervisor.h"
#include "flow/memory_guard.h"

namespace tunnel {

class Shedder final : private MemoryGuard::Owner {
public:
    Shedder(Loop &loop, uint64_t budget, Supervisor &supervisor, LocalPool &pool);

    bool has_room_for(const LocalTarget &target) const; // one more visit to it

private:
    // MemoryGuard::Owner
    void on_memory_step(MemoryStep step) noexcept override;
    void on_memory_surplus(uint64_t bytes) noexcept override;

    std::vector<Visit *> largest_holders() const;

    Supervisor &supervisor_;
    LocalPool &pool_;
    MemoryGuard guard_;
};

} // namespace tunnel
