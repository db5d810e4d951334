// SPDX-License-Identifier: ISC
//
// tunnel service: a systemd unit of the user's own that keeps the tunnels of his configuration up.

#pragma once

#include "base/command_line.h"

#include <string>
#include <vector>

namespace tunnel {

// The exit code; that of `status` is systemctl's. Throws Failure.
int run_service(CommandLine &line, const std::vector<std::string> &arguments);

// The unit: `program start --all --config config`, both absolute paths.
std::string service_unit(const std::string &program, const std::string &config);

} // namespace tunnel
