// SPDX-License-Identifier: ISC
//
// tunnel list, status and stop: what the clients of this user do that run, and an end to it.

#pragma once

#include "base/command_line.h"

#include <string>
#include <vector>

namespace tunnel {

int run_list(CommandLine &line, const std::vector<std::string> &arguments);
int run_status(CommandLine &line, const std::vector<std::string> &arguments);
int run_stop(CommandLine &line, const std::vector<std::string> &arguments);

} // namespace tunnel
