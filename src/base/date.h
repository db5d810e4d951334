// SPDX-License-Identifier: ISC
//
// Moments of the calendar as text (RFC 3339, UTC) and as Unix time.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tunnel {

// "2026-12-31T23:59:59Z", with a fraction that is dropped, or "2026-12-31", which is its
// beginning. 0: neither.
int64_t parse_date(std::string_view text);
std::string print_date(int64_t time);

} // namespace tunnel
