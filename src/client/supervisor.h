// SPDX-License-Identifier: ISC
//
// Keeps one session up, on as many links as the settings want: one lane logs in, and when that
// session stands the others join it. A lost link is dialled again while others carry the
// session; when none does the session is over, and one lane logs in anew. The first try is
// treated as any other. Ends for a reason that trying again would not mend, for the user's
// wish, or when the tries are used up. The loop's thread only.

#pragma once

#include "client/lane.h"
#include "client/status.h"
#include "client/verdict.h"

#include <memory>
#include <vector>

namespace tunnel {

class Supervisor final : private Lane::Owner {
public:
    class Owner {
    public:
        virtual void on_session_stands(Supervisor &supervisor) noexcept = 0; // a new one
        // Once, as the last; `complaint` is null if we were stopped.
        virtual void on_supervisor_end(Supervisor &supervisor,
                                       const Complaint *complaint) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    // `tls` null: plain.
    Supervisor(Session::Context &context, std::shared_ptr<TlsContext> tls, Status &status,
               Owner &owner);
    ~Supervisor();

    // `stood_before`: what only a first login would give up for is tried again.
    void start(bool stood_before = false);
    void stop();      // drains
    void hand_over(); // as stop(), where another's session has taken over ours

    // The router's tunnels have changed, and those in `gone` are not among them any more. False:
    // that takes another session.
    bool change_tunnels(const std::vector<std::string> &gone);
    // What else the settings say from now on, and how the server is verified from the next try on.
    void update(const std::shared_ptr<TlsContext> &tls);

    const std::shared_ptr<TlsContext> &tls() const { return tls_; }
    const std::string &session_id() const { return session_id_; } // of the last one
    bool can_hand_over() const; // a session stands, and the server knows how
    bool stands() const;
    Micros session_since() const { return session_since_; }

    // What stands now, on all links.
    struct Gauges {
        size_t links = 0;
        size_t visits = 0;
        uint64_t streams = 0;
        uint64_t buffered_bytes = 0;
        Micros rtt = 0; // of the first link that knows
    };
    Gauges gauges() const;
    void each_visit(const std::function<void(Visit &)> &act) const; // must end none

private:
    void on_lane_online(Lane &lane) noexcept override;
    void on_lane_tunnel(const TunnelChanges::Told &told) noexcept override;
    void on_lane_end(Lane &lane, const SessionEnd &end) noexcept override;

    void on_session(Lane &lane);
    void join_others();
    void on_session_over(Lane &lane, const SessionEnd &end);
    void log_in_again(Lane &lane, const SessionEnd &end);
    void on_link_lost(Lane &lane, const SessionEnd &end);
    void finish_if_idle();
    void finish(const Complaint *complaint);
    bool carries(const Lane &lane) const;
    std::string refused_tunnel() const;

    const ClientSettings &settings() const { return context_.visits.settings; }
    Loop &loop() { return context_.visits.loop; }

    Session::Context &context_;
    std::shared_ptr<TlsContext> tls_;
    Status &status_;
    Owner *owner_;    // null: it has heard of our end
    Backoff backoff_; // of logins
    std::vector<std::unique_ptr<Lane>> lanes_;
    Lane *login_ = nullptr; // makes the next session; null while one stands
    std::string session_id_;
    Micros session_since_ = 0;
    bool joinable_ = false; // the server takes further links for the session
    bool stood_ = false;    // a session has stood
    bool stopping_ = false;
};

} // namespace tunnel
