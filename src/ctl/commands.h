// SPDX-License-Identifier: ISC
//
// The commands of tunnelctl: each takes its words and flags, prints, and returns an exit code.

#pragma once

#include "ctl/arguments.h"

#include <span>

namespace tunnel {

struct Command {
    const char *name;  // "token add"
    const char *words; // "USER", or "[ID]"; nullptr: none
    const char *flags; // that it knows, beside those that all know: "for reason"
    const char *help;
    int (*run)(const Arguments &arguments);
};

std::span<const Command> token_commands();  // on the token file, with or without a server
std::span<const Command> server_commands(); // through the control socket

} // namespace tunnel
