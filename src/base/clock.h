// SPDX-License-Identifier: ISC
//
// The two clocks. Everything that waits uses the monotonic one; only what a calendar
// means (logs, certificates) uses the wall clock.

#pragma once

#include <cstdint>
#include <ctime>

namespace tunnel {

using Micros = uint64_t; // microseconds on the monotonic clock, or a span of them

constexpr Micros never = UINT64_MAX;
constexpr Micros millisecond = 1000;
constexpr Micros second = 1000 * millisecond;

inline Micros monotonic_now()
{
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return Micros(t.tv_sec) * second + Micros(t.tv_nsec) / 1000;
}

} // namespace tunnel
