// SPDX-License-Identifier: ISC
//
// Keeps what waits in our queues within limits.memory: follows the ladder, says in the log where
// we stand, and asks its owner to act. Costs nothing while there is enough: whoever takes memory
// tells us when a mark is passed. What a busy time has left behind in the allocator goes back to
// the system when it is over. Lives on one loop; step() may be asked on any thread.

#pragma once

#include "base/memory_ladder.h"
#include "net/timer.h"

#include <atomic>

namespace tunnel {

class MemoryGuard {
public:
    class Owner {
    public:
        virtual void on_memory_step(MemoryStep step) noexcept = 0; // another than before
        // The largest holders of so many bytes have to go; look() when they have.
        virtual void on_memory_surplus(uint64_t bytes) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    MemoryGuard(Loop &loop, uint64_t budget, Owner &owner);
    ~MemoryGuard();

    void set_budget(uint64_t budget); // bytes; 0: no limit
    void look();

    MemoryStep step() const { return step_.load(std::memory_order_relaxed); }
    uint64_t budget() const { return ladder_.budget(); }

private:
    void enter(MemoryStep next, uint64_t used);
    void follow_peak(uint64_t used);
    void watch();

    Loop &loop_;
    Owner &owner_;
    Timer timer_;
    MemoryLadder ladder_;
    Timer trim_timer_;
    uint64_t peak_ = 0; // bytes, by half at most too little; since the last trim
    std::atomic<MemoryStep> step_ = MemoryStep::none;
};

} // namespace tunnel
