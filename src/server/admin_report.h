// SPDX-License-Identifier: ISC
//
// The state of the server as JSON, for tunnelctl and other programs. Each value is the caller's
// to release. No secrets: a token is its id, a path is a path.

#pragma once

#include "server/levers.h"
#include "server/metrics.h"

#include <string>

typedef struct json_t json_t;

namespace tunnel {

json_t *report_status(const Survey &survey, const ServerFacts &facts, Levers &server);
json_t *report_health(const Survey &survey, const ServerFacts &facts);

// The sessions whose name begins with `name`; all of them if it is empty.
json_t *report_clients(const Survey &survey, const std::string &name);
// The tunnel of that name, or all.
json_t *report_tunnels(const Survey &survey, const std::string &name, Micros now);

json_t *report_debug(const Survey &survey, const ServerFacts &facts, Levers &server);

} // namespace tunnel
