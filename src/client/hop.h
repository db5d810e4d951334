// SPDX-License-Identifier: ISC
//
// The steps between this machine and a visitor's page, in their order: `tunnel doctor` looks at
// each, and an error names the one that failed by the same word.

#pragma once

#include "base/failure.h"
#include "net/dialer.h"

namespace tunnel {

enum class Hop {
    none,       // a session that stood
    config,     // what we were told
    dns,        // the server's name
    tcp,        // a connection to it
    tls,        // who it is
    protocol,   // what it speaks
    clock,      // whether it has the same time
    auth,       // the token, and what it may do
    local,      // the services behind the tunnels
    round_trip, // from the public name back to us
};

const char *hop_name(Hop hop);

// Where a dialler failed.
Hop outcome_hop(const Dialer::Outcome &outcome);

// What to do about a hop that cannot be passed, and the exit code that says so.
const char *hop_fix(Hop hop);
Exit hop_exit(Hop hop);

} // namespace tunnel
