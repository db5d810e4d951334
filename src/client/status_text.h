// SPDX-License-Identifier: ISC
//
// How numbers, times and what came from others are written for a person.

#pragma once

#include "base/clock.h"

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace tunnel {

// Only printable ASCII remains: nothing of it can steer a terminal, and a byte is a column.
std::string safe(std::string_view text);

std::string print_bytes(uint64_t bytes);         // "4.2 kB"
std::string print_latency(Micros span);          // "3.1 ms", "12.0 s"
std::string print_span(Micros span);             // "00:04:12", "3 d 01:00:00"
std::string print_seconds(Micros span);          // "4.2 s"
std::string print_clock(const timespec &at);     // "14:02:11.204", local time
std::string print_timestamp(const timespec &at); // RFC 3339, UTC

timespec wall_now();

// "1 request", "2 requests"
std::string print_count(uint64_t count, const char *what);

} // namespace tunnel
