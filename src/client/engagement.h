// SPDX-License-Identifier: ISC
//
// What one configuration stands for: its settings, its tunnels, and the session that serves them.
// A reload that takes another session makes another engagement beside it, and the old one stays
// until its last visitor has gone. On the client's loop.

#pragma once

#include "client/client_id.h"
#include "client/supervisor.h"

#include <memory>

namespace tunnel {

class Engagement {
public:
    // What all engagements of a client share.
    struct Common {
        Loop &loop;
        LocalPool &pool;
        tn_mux_pool *mux_pool;
        Status &status;
        Traffic &counts;
        Supervisor::Owner &owner;
    };

    // `before`: the tunnels so far; what stays of them keeps its name.
    Engagement(const Common &common, const ClientSettings &settings, const Router &before,
               std::shared_ptr<const ClientId> id, const std::shared_ptr<TlsContext> &tls);
    Engagement(const Engagement &) = delete;
    Engagement &operator=(const Engagement &) = delete;

    ClientSettings settings;
    Router router;
    std::shared_ptr<const ClientId> id;
    VisitContext visits;
    Session::Context context;
    Supervisor supervisor;
};

} // namespace tunnel
