// SPDX-License-Identifier: ISC
//
// One session that is made for what it tells: a try to log in, its answer, and goodbye. Blocks,
// on a loop of its own.

#pragma once

#include "client/client_id.h"
#include "client/lane.h"
#include "client/session_parts.h"

namespace tunnel {

class Probe final : private Lane::Owner {
public:
    // With the tunnels of `settings`, which may be none. Throws as make_client_tls() does.
    explicit Probe(const ClientSettings &settings);
    ~Probe(); // says goodbye
    Probe(const Probe &) = delete;
    Probe &operator=(const Probe &) = delete;

    bool log_in(); // one try; false: see end()
    const SessionEnd &end() const { return end_; }
    // After a failed one: that the user has as many sessions as he may is said only after the
    // token was looked at.
    bool knows_token() const { return end_.code == "CONNECTION_LIMIT"; }
    const LoginAnswer &answer() const { return lane_.session()->login(); } // after a login
    const std::vector<Router::Tunnel> &tunnels() const { return router_.tunnels(); }
    Loop &loop() { return loop_; } // serves the tunnels while it runs

private:
    void on_lane_online(Lane &lane) noexcept override;
    void on_lane_end(Lane &lane, const SessionEnd &end) noexcept override;

    ClientSettings settings_;
    ClientId id_;
    Loop loop_;
    Router router_;
    LocalPool pool_;
    VisitContext visits_;
    MuxPoolPtr mux_pool_;
    Session::Context context_;
    Lane lane_;
    SessionEnd end_;
};

} // namespace tunnel
