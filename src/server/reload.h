// SPDX-License-Identifier: ISC
//
// A reload's first half: everything that can fail, done beside what is in force, so that a bad
// file changes nothing.

#pragma once

#include "base/failure.h"
#include "net/handles.h"
#include "server/policy.h"

#include <memory>
#include <string>
#include <vector>

namespace tunnel {

struct Reloaded {
    std::shared_ptr<const Policy> policy;
    std::vector<Descriptor> gates; // one for each worker; empty: the port stays
    Descriptor control;            // empty: the port stays
    Descriptor metrics;            // empty: the port stays, or there is none
    std::string changed;           // "limits.max_visitors,log.level"
    std::string postponed;         // keys that a reload cannot change
    bool other_tokens = false;     // they are kept elsewhere
};

// Reads tokens and certificate, binds ports that changed, opens the log. Throws Failure.
Reloaded prepare_reload(const Policy &before, ServerSettings next);

// Listens on the address for each of `count` workers; with `beside` the port may be ours already.
// Throws Failure.
std::vector<Descriptor> bind_gates(const std::string &address, size_t count, bool beside = false);

} // namespace tunnel
