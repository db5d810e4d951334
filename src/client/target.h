// SPDX-License-Identifier: ISC
//
// How a local service is written on the command line.

#pragma once

#include "client/router.h"

#include <optional>
#include <string_view>

namespace tunnel {

// "3000", "host:3000", "[::1]:3000", "http://host:3000". Empty if it is none.
std::optional<LocalTarget> parse_target(std::string_view text);

} // namespace tunnel
