// SPDX-License-Identifier: ISC
//
// The state of the whole server at one moment, for whoever looks in. Each worker is asked on its
// own thread and says what lives there; how long the question waited for its turn is the delay
// of its loop.

#pragma once

#include "server/worker.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tunnel {

struct LinkReport {
    SessionRef ref;
    std::string session; // the name; several links may have it
    Identity who;
    std::string peer;
    const char *state = "";
    Micros age = 0; // since the login
    uint64_t visits = 0;
    uint64_t bytes_in = 0;  // from the client
    uint64_t bytes_out = 0; // to it
    uint64_t buffered = 0;
    Micros rtt = 0;
};

struct Survey {
    uint64_t visitors = 0;
    uint64_t links = 0;
    uint64_t streams = 0;
    uint64_t buffered = 0;
    uint64_t logins = 0;
    uint64_t logins_refused = 0;
    uint64_t handshakes_dropped = 0;
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
    std::array<uint64_t, reason_count> rejects = {};
    std::array<uint64_t, 6> responses = {};
    std::array<uint64_t, Histogram::bounds.size() + 1> durations = {};
    Micros duration_sum = 0;
    std::vector<Micros> loop_delays; // by worker
    std::vector<LinkReport> sessions;
    std::vector<Directory::Bound> tunnels; // by name
    uint64_t requests() const;
    size_t clients() const; // sessions, however many links they stand on
};

// On the first worker's thread, and so is the answer, a little later.
void take_survey(const std::vector<std::unique_ptr<Worker>> &workers,
                 std::function<void(const Survey &survey)> done);

} // namespace tunnel
