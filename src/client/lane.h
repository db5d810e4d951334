// SPDX-License-Identifier: ISC
//
// The way of one link to the server: dial, TLS and login or join, then a Session, which is that
// link; and the waits between two tries. When to try, and what for, is the Supervisor's. The
// loop's thread only.

#pragma once

#include "client/backoff.h"
#include "client/session.h"
#include "net/dialer.h"
#include "net/tls.h"

#include <memory>
#include <string>

namespace tunnel {

class Lane final : private Session::Owner {
public:
    class Owner {
    public:
        virtual void on_lane_online(Lane &lane) noexcept = 0;
        virtual void on_lane_tunnel(const TunnelChanges::Told &) noexcept {}
        // It is idle again: a link has ended, or a try has failed.
        virtual void on_lane_end(Lane &lane, const SessionEnd &end) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    // `tls` null: plain.
    Lane(Session::Context &context, std::shared_ptr<TlsContext> tls, Owner &owner);
    ~Lane();

    // Tries, now or after `delay`. `joins`: the session to join; empty: log in.
    void dial(const std::string &joins);
    void dial_in(Micros delay, const std::string &joins);
    void cancel();    // whatever is not online is dropped, and nothing is reported of it
    void hand_over(); // as leave(), where another session has taken over what is online
    void leave();     // what is online takes no new visits and ends; the rest is cancelled

    bool idle() const { return state_ == State::idle; }
    bool stands() const { return session_ && session_->online_since() != 0; } // till its last visit
    bool joins() const { return !joins_.empty(); } // the try, or the link that came of it
    bool change_tunnels(const std::vector<std::string> &gone) // as Session's
    {
        return session_ && session_->change_tunnels(gone);
    }
    void set_tls(std::shared_ptr<TlsContext> tls) { tls_ = std::move(tls); } // from the next try on
    const Session *session() const { return session_.get(); }                // null: none now
    Micros lifetime() const { return lifetime_; } // of the link that has ended; 0: a failed try

    static Backoff::Settings backoff_settings(const ClientSettings &settings);
    Backoff backoff; // of what joins; a login's is the Supervisor's

private:
    enum class State {
        idle,
        dialing, // name and TCP
        session, // one stands, or is being made
        waiting, // for the next try
    };

    void on_session_online(Session &session) noexcept override;
    void on_session_tunnel(const TunnelChanges::Told &told) noexcept override;
    void on_session_end(Session &session, const SessionEnd &end) noexcept override;

    void enter(State next);
    void start_dialing();
    void on_dialed(Dialer::Outcome outcome);
    void end(const SessionEnd &end);

    const ClientSettings &settings() const { return context_.visits.settings; }
    Loop &loop() { return context_.visits.loop; }

    Session::Context &context_;
    std::shared_ptr<TlsContext> tls_;
    Owner &owner_;
    ClientSettings::Server server_;
    std::string joins_;
    Timer retry_;
    std::unique_ptr<Dialer> dialer_;
    std::unique_ptr<Session> session_;
    State state_ = State::idle;
    Micros deadline_ = never; // for the try in progress, from dialling to the end of the login
    Micros lifetime_ = 0;
};

} // namespace tunnel
