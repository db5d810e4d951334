// SPDX-License-Identifier: ISC
//
// What to do as more and more of a memory budget is used: a step for each part of it, and one
// step further for each while that has brought no relief. Reads no clock: `now` is given. One
// thread.

#pragma once

#include "base/clock.h"

#include <cstdint>

namespace tunnel {

enum class MemoryStep : uint8_t {
    none,
    refuse,     // takes no new work of those who hold most
    close_idle, // keeps no connection that is not in use
    shed,       // ends what holds most
};

const char *memory_step_name(MemoryStep step);

class MemoryLadder {
public:
    // How long a step is given to bring relief.
    static constexpr Micros patience = 2 * second;

    explicit MemoryLadder(uint64_t budget) : budget_(budget) {} // bytes; 0: no limit

    // `used` bytes of it are in use. Call it when used() leaves [low(), high()], and at due().
    void look(uint64_t used, Micros now);
    MemoryStep step() const;
    // While the step is `shed`: so many bytes of `used` have to be given back.
    uint64_t surplus(uint64_t used) const;

    uint64_t low() const;
    uint64_t high() const;
    Micros due() const { return due_; }
    uint64_t budget() const { return budget_; }

private:
    uint64_t budget_;
    unsigned reached_ = 0; // step, by use alone
    unsigned climbed_ = 0; // by time
    Micros due_ = never;
};

} // namespace tunnel
