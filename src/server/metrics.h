// SPDX-License-Identifier: ISC
//
// The state of the server in Prometheus' text format (0.0.4). No state.

#pragma once

#include "server/survey.h"

#include <string>

namespace tunnel {

// What the workers do not know.
struct ServerFacts {
    Micros up = 0;
    uint64_t descriptors = 0;
    uint64_t descriptor_limit = 0;
    uint64_t log_lost = 0;
    uint64_t memory_held = 0;  // bytes, see base/held_memory.h
    uint64_t memory_limit = 0; // 0: none
    unsigned memory_step = 0;  // of the ladder
    bool tls = false;
    double certificate_left = 0; // seconds, with tls
    bool draining = false;
    bool per_subdomain = false;
    std::string metrics_addr; // "": the port is not open
};

constexpr size_t metrics_tunnels_max = 1000; // series for each; the busiest

std::string render_metrics(const Survey &survey, const ServerFacts &facts);

} // namespace tunnel
