// SPDX-License-Identifier: ISC
//
// What the user sees. Standard output gets the URLs alone (where it is no terminal), or JSON
// lines with --json; everything else goes to standard error, for a person, or into the log
// where that is a file, JSON, or read by an init system. The loop's thread only.

#pragma once

#include "base/log.h"
#include "client/session.h"

#include <string>
#include <string_view>
#include <vector>

namespace tunnel {

class Status {
public:
    Status(const ClientSettings &settings, bool json);

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
    // Whether visit() would show anything: if not, nobody need describe his visits.
    bool wants_visits() const { return shows_visits_ || json_; }
    void visit(const VisitRecord &record);

private:
    void say(LogLevel level, const std::string &sentence, std::string_view event, LogFields fields);
    void out(const std::string &line);
    bool may_show_visit();

    LogLevel level_;
    bool json_;
    bool to_log_;    // events go into the log ...
    bool to_person_; // ... and as sentences to standard error
    bool shows_visits_;
    std::vector<std::string> shown_urls_; // by tunnel
    Micros this_second_ = 0;              // when counting began
    uint64_t shown_ = 0;                  // visits since then
    uint64_t dropped_ = 0;
};

} // namespace tunnel
