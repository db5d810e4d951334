// SPDX-License-Identifier: ISC
//
// Someone who shows what happens to the client: on a terminal, as lines, as JSON, in the log.
// Status tells each of them every event; what one does not care about he leaves out. The
// loop's thread only.

#pragma once

#include "base/log.h"
#include "client/complaint.h"
#include "client/login.h"
#include "client/visit.h"

#include <ctime>
#include <string>
#include <vector>

namespace tunnel {

// The next try for a session.
struct WaitingEvent {
    LogLevel level;
    Micros delay;
    uint64_t attempt;
    const std::string &reason;
    timespec since; // there has been no session, wall time
};

// One of several links of a session; the others carry it on.
struct LinkLostEvent {
    LogLevel level;
    size_t up;
    size_t wanted;
    Micros delay; // never: it stays so
    const std::string &reason;
};

struct LiveTunnel {
    std::string url;
    std::string leads_to;
};

// What is not told, but looked up when it is drawn.
struct LiveNumbers {
    size_t open = 0;                      // requests
    Micros rtt = 0;                       // to the server; 0: not known
    std::vector<LiveTunnel> tunnels = {}; // that can be visited, or could while there was a session
};

class StatusView {
public:
    virtual ~StatusView() = default;

    virtual void on_online(const std::string &session, const std::string &server) = 0;
    virtual void on_tunnel(size_t index, const Router::Tunnel &tunnel) = 0;
    virtual void on_refused(const std::string &name, const TunnelAnswer &answer) = 0;
    virtual void on_waiting(const WaitingEvent &event) = 0;
    virtual void on_links(size_t up, size_t wanted) = 0;
    virtual void on_link_lost(const LinkLostEvent &event) = 0;
    virtual void on_nothing_listens(const LocalTarget &target) = 0;
    virtual void on_closing(size_t in_flight, Micros grace) = 0;
    virtual void on_failed(const Complaint &complaint) = 0; // it ends because of that
    virtual void on_end(int exit) = 0;                      // last

    // If nobody wants them, nobody describes his visits.
    virtual bool wants_visits() const { return false; }
    virtual void on_visit(const VisitRecord &) {}

    // When on_due() is to be called, on the monotonic clock; it may be called earlier.
    virtual Micros due() const { return never; }
    virtual void on_due() {}
};

} // namespace tunnel
