// SPDX-License-Identifier: ISC
//
// Who is there: a connection to the server as far as TLS and no further, so that nothing of ours is
// said before we know. Blocks, on a loop of its own.

#pragma once

#include "client/login.h"

#include <string>

namespace tunnel {

struct Greeting {
    bool trusted = false;    // there is a server, and it is the one that the settings want
    SessionEnd end = {};     // if not: why, at which hop
    std::string tls_version; // "TLS 1.3"; empty: plain
    std::string fingerprint; // of its certificate
    long days_left = 0;      // of it
};

// Within timeouts.handshake_timeout. Throws as make_client_tls() does.
Greeting greet(const ClientSettings &settings);

} // namespace tunnel
