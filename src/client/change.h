// SPDX-License-Identifier: ISC
//
// What differs between two configurations of a client, and what it takes to put it in force.

#pragma once

#include "client/options.h"

#include <string>

namespace tunnel {

struct ClientChange {
    std::string keys;     // "tunnels,log.level"; empty: none
    bool session = false; // it takes another session
};

ClientChange compare(const ClientSettings &before, const ClientSettings &after);

} // namespace tunnel
