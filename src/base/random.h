// SPDX-License-Identifier: ISC
//
// Randomness that nobody can guess: getrandom(2). Any thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tunnel {

void random_bytes(std::span<uint8_t> out);
std::string random_hex(size_t bytes);     // 2 * bytes digits
std::string random_id(size_t characters); // [a-z2-7], 5 bits each
std::string random_subdomain();           // [a-z][a-z0-9]{9}
uint64_t random_below(uint64_t n);        // uniform in [0, n); n > 0

} // namespace tunnel
