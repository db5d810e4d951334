// SPDX-License-Identifier: ISC
//
// What the weather is like in one direction of the link, and how a person says it.

#pragma once

#include <cstdint>
#include <string>

namespace relay {

using Nanos = int64_t;
constexpr Nanos millisecond = 1'000'000;
constexpr Nanos second = 1'000 * millisecond;
constexpr Nanos never = INT64_MAX;

struct Conditions {
    Nanos delay = 0;              // of every byte
    Nanos jitter = 0;             // up to so much more, never overtaking
    uint64_t rate = 0;            // bytes per second; 0: no limit
    double loss = 0;              // of each segment
    double corrupt = 0;           // of each byte: one bit is flipped
    uint64_t buffer = 256 * 1024; // bytes that wait for their turn at `rate` before nobody is read
};

// Sets the condition `name` to `text`: a number with its unit. Returns false, and changes
// nothing, if there is no such condition or it cannot be like that.
bool change(Conditions &conditions, const std::string &name, const std::string &text);

} // namespace relay
