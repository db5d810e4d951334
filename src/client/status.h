// SPDX-License-Identifier: ISC
//
// What the user sees. Standard output gets the URLs alone (where it is no terminal), or JSON
// lines with --json; everything else goes to standard error: a block and lines on a terminal,
// lines elsewhere, or the log where that is a file, JSON, or read by an init system. Here is
// decided who shows it; they are told every event. The loop's thread only.

#pragma once

#include "client/status_view.h"
#include "net/timer.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tunnel {

class Status {
public:
    // `live` is called when a terminal is drawn.
    Status(Loop &loop, const ClientSettings &settings, bool json,
           std::function<LiveNumbers()> live);
    ~Status();

    void configure(); // the settings have changed; what draws on a terminal stays as it is

    void online(const std::string &session_id, const std::string &server);
    void tunnel(size_t index, const Router::Tunnel &tunnel);
    void refused(const Router::Tunnel &tunnel, const TunnelAnswer &answer);
    void waiting(LogLevel level, Micros delay, uint64_t attempt, const std::string &reason);
    // Of a session that wants more than one.
    void links(size_t up, size_t wanted);
    void link_lost(LogLevel level, size_t up, size_t wanted, Micros delay, // never: it stays so
                   const std::string &reason);
    void nothing_listens(const LocalTarget &target);
    void closing(size_t in_flight);
    void failed(const Complaint &complaint); // it ends because of that
    void ended(int exit);                    // last

    // Whether visit() would show anything: if not, nobody need describe his visits.
    bool wants_visits() const;
    void visit(const VisitRecord &record);

private:
    void add_lines();
    template <class Tell> void tell(Tell &&how);
    void plan();
    void on_due();

    const ClientSettings &settings_;
    std::vector<std::unique_ptr<StatusView>> views_;
    bool block_;             // a terminal is drawn on
    size_t lasting_;         // of the views: those before the ones of add_lines()
    timespec offline_since_; // while there is no session
    bool online_ = false;
    Timer timer_;
};

} // namespace tunnel
