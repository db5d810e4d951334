// SPDX-License-Identifier: ISC
//
// The tunnels of a session that stands, changed: asks for those that are new, gives back those
// that are gone, and takes the server's answers, also what it says unasked. Writes what was
// granted to the router. Belongs to the session; the loop's thread only.

#pragma once

#include "client/login.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tunnel {

class TunnelChanges {
public:
    TunnelChanges(ControlChannel &control, Router &router) : control_(control), router_(router) {}

    // For each tunnel of the router that is not active, and for the names in `gone`. False: the
    // server takes no more messages for now.
    bool ask(const std::vector<std::string> &gone);

    struct Told {
        size_t index; // of Router::tunnels()
        TunnelAnswer answer;
    };
    // What a `tunnel_update` says about a tunnel that is still wanted.
    std::optional<Told> take(const tn_control &message);

private:
    bool add(const Router::Tunnel &tunnel);
    bool remove(const std::string &subdomain);
    std::optional<Told> answered(const std::string &name, const tn_control &message);
    std::optional<Told> lost(const tn_tunnel_status &status);

    ControlChannel &control_;
    Router &router_;
    uint64_t last_id_ = 0;
    std::map<std::string, std::string> asked_; // request id -> the tunnel's name
};

} // namespace tunnel
