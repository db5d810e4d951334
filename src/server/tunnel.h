// SPDX-License-Identifier: ISC
//
// A public name bound to a session. Shared by everybody who routes to it; what changes is
// either atomic or belongs to the thread of the session's worker.

#pragma once

#include "server/limits.h"

#include <cstdint>
#include <string>

namespace tunnel {

class Session;

// Names a session from any thread. An id is never used twice, so what comes late for a session
// that has ended or was fenced finds nobody.
struct SessionRef {
    unsigned worker = 0;
    uint64_t id = 0; // 0: none

    explicit operator bool() const { return id != 0; }
    bool operator==(const SessionRef &other) const = default;
};

// What a client asks for.
struct TunnelWish {
    std::string subdomain; // lower case; empty: pick one
    std::string name;      // the client's own; may be empty
    std::string local_host = "127.0.0.1";
    std::string protocol = "http";
    uint16_t local_port = 0;
};

struct Tunnel {
    std::string subdomain;
    std::string name;
    std::string local_host;
    uint16_t local_port = 0;
    std::string url; // "http://app.example.com"

    unsigned worker = 0; // whose thread may touch `session`
    uint64_t session_id = 0;
    Session *session = nullptr; // on that thread only; null once it has ended

    RequestRate rate; // limits.max_requests_per_minute, kept when the name changes hands

    SessionRef owner() const { return {worker, session_id}; }
};

} // namespace tunnel
