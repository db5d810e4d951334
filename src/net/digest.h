// SPDX-License-Identifier: ISC
//
// SHA-256 and comparison in constant time.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tunnel {

using Sha256 = std::array<uint8_t, 32>;

Sha256 sha256(std::string_view bytes);
bool equal_in_constant_time(const Sha256 &a, const Sha256 &b);
void wipe(std::string &secret); // overwrites and empties

} // namespace tunnel
