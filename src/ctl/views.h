// SPDX-License-Identifier: ISC
//
// The server's answers as text for people.

#pragma once

#include <jansson.h>
#include <string>

namespace tunnel {

std::string view_status(const json_t *answer);
std::string view_clients(const json_t *answer);
std::string view_client(const json_t *answer);
std::string view_tunnels(const json_t *answer);

// What each tunnel did between two answers that are `seconds` apart, the busiest first.
std::string view_top(const json_t *before, const json_t *after, double seconds);
std::string rates_json(const json_t *before, const json_t *after, double seconds);

} // namespace tunnel
