// SPDX-License-Identifier: ISC
//
// A public name bound to a session. Shared by everybody who routes to it; what changes is
// either atomic or guarded by the Directory's lock.

#pragma once

#include "server/limits.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace tunnel {

class Carriers;
class Session;

// Names a Session, which is one link of a client's session, from any thread. An id is never used
// twice, so what comes late for one that has ended or was fenced finds nobody.
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

// What has come and gone by one tunnel, on any of its links' threads.
struct Traffic {
    std::atomic<uint64_t> requests = 0;
    std::atomic<uint64_t> failed = 0; // answered by us, or cut
    std::atomic<uint64_t> bytes_in = 0;
    std::atomic<uint64_t> bytes_out = 0;
    std::atomic<Micros> last = 0; // when one was last seen to move or end; 0: none has been

    void move(uint64_t in, uint64_t out, Micros now)
    {
        bytes_in.fetch_add(in, std::memory_order_relaxed);
        bytes_out.fetch_add(out, std::memory_order_relaxed);
        last.store(now, std::memory_order_relaxed);
    }
    void end(bool good, Micros now)
    {
        requests.fetch_add(1, std::memory_order_relaxed);
        failed.fetch_add(!good, std::memory_order_relaxed);
        last.store(now, std::memory_order_relaxed);
    }
};

struct Tunnel {
    std::string subdomain;
    std::string name;
    std::string local_host;
    uint16_t local_port = 0;
    std::string url; // "http://app.example.com"

    uint64_t session_id = 0;            // of the link that logged in; the others joined it
    std::shared_ptr<Carriers> carriers; // all of them

    Traffic traffic;
    RequestRate rate; // limits.max_requests_per_minute, kept when the name changes hands
};

} // namespace tunnel
