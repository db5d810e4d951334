// SPDX-License-Identifier: ISC
//
// Keeps one session up: dial, watch, wait, dial again, each time from the name on. The first
// try is treated as any other. Ends for a reason that trying again would not mend, for the
// user's wish, or when the tries are used up. The loop's thread only.

#pragma once

#include "client/backoff.h"
#include "client/session.h"
#include "client/status.h"
#include "client/verdict.h"
#include "net/dialer.h"
#include "net/tls.h"

#include <functional>
#include <memory>

namespace tunnel {

class Supervisor final : private Session::Owner {
public:
    // `tls` null: plain. `ended` is called once, on the loop's thread; its complaint is null
    // if we were stopped.
    using Ended = std::function<void(const Complaint *)>;
    Supervisor(Session::Context &context, std::shared_ptr<TlsContext> tls, Status &status,
               Ended ended);
    ~Supervisor();

    void start() { dial(); }
    void stop(); // drains

    const Session *session() const { return session_.get(); } // null: none now

private:
    enum class State {
        idle,    // not started, or over
        dialing, // name and TCP
        session, // one stands, or is being made
        waiting, // for the next try
    };

    void on_session_online(Session &session) noexcept override;
    void on_session_end(Session &session, const SessionEnd &end) noexcept override;

    void enter(State next);
    void dial();
    void on_dialed(Dialer::Outcome outcome);
    void on_end(const SessionEnd &end);
    void wait(const SessionEnd &end, const Complaint &complaint);
    void finish(const Complaint *complaint);
    std::string refused_tunnel() const;

    const ClientSettings &settings() const { return context_.visits.settings; }
    Loop &loop() { return context_.visits.loop; }

    Session::Context &context_;
    std::shared_ptr<TlsContext> tls_;
    Status &status_;
    Ended ended_;
    ClientSettings::Server server_;
    Backoff backoff_;
    Timer retry_;
    std::unique_ptr<Dialer> dialer_;
    std::unique_ptr<Session> session_;
    State state_ = State::idle;
    Micros deadline_ = never; // for the try in progress, from dialling to the end of the login
    bool stood_ = false;      // a session has stood
    bool stopping_ = false;
};

} // namespace tunnel
