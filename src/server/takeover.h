// SPDX-License-Identifier: ISC
//
// One look at the holders of a name that somebody with the same token asks for: each is pinged
// on its own worker, and those from whom nothing comes in time are silent: a machine that
// sleeps, a process that was restarted. Lives on the asker's worker; dropping it drops the
// answer.

#pragma once

#include "base/clock.h"
#include "server/tunnel.h"

#include <functional>
#include <memory>
#include <vector>

namespace tunnel {

class Worker;

class Takeover {
public:
    using Done = std::function<void(std::vector<SessionRef> silent)>;

    // `holders` is not empty. `done` comes once, never from inside the constructor.
    Takeover(Worker &asker, const std::vector<SessionRef> &holders, Micros timeout, Done done);

private:
    struct State {
        size_t awaited;
        std::vector<SessionRef> silent;
        Done done;
    };
    std::shared_ptr<State> state_; // answers hold it weakly
};

} // namespace tunnel
