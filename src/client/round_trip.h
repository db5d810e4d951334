// SPDX-License-Identifier: ISC
//
// The way of a visitor: a request to a public URL, and back through the server to a page of our
// own that nobody else could serve. Blocks, on the loop of the probe that holds the tunnel.

#pragma once

#include "client/finding.h"
#include "client/options.h"

namespace tunnel {

struct RoundTrip {
    enum class Way {
        tried,
        held,    // the name is in use by another client
        refused, // for another reason
    } way;
    Finding finding;
};

// For the name `subdomain` (empty: the server picks one), with an account that may log in.
RoundTrip try_round_trip(ClientSettings settings, const std::string &subdomain);

} // namespace tunnel
