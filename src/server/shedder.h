// SPDX-License-Identifier: ISC
//
// What the server does about its memory (limits.memory): says on which step we stand, and when it
// comes to that asks all workers for their largest holders and has the largest of all reset.
// Lives on the first worker's thread.

#pragma once

#include "flow/memory_guard.h"
#include "server/worker.h"

#include <memory>
#include <vector>

namespace tunnel {

class Shedder final : private MemoryGuard::Owner {
public:
    Shedder(Shared &shared, uint64_t budget);

    void set_budget(uint64_t budget); // limits.memory

private:
    struct Found {
        Worker *worker;
        Worker::Holder holder;
    };
    struct Asking {
        uint64_t surplus;
        std::vector<Found> found;
        size_t awaited; // answers
    };

    // MemoryGuard::Owner
    void on_memory_step(MemoryStep step) noexcept override;
    void on_memory_surplus(uint64_t bytes) noexcept override;

    void on_found(const std::shared_ptr<Asking> &asking, std::vector<Found> found);
    void reset_largest(const std::shared_ptr<Asking> &asking);
    void on_gone(Asking &asking);

    Shared &shared_;
    MemoryGuard guard_;
    bool busy_ = false; // until those that were chosen are gone
};

} // namespace tunnel
