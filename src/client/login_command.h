// SPDX-License-Identifier: ISC
//
// tunnel login, tunnel logout: see that the server is the right one, and that it knows the token,
// before the two are kept together.

#pragma once

#include "base/command_line.h"

#include <string>
#include <vector>

namespace tunnel {

// These return the exit code, or throw Failure.
int run_login(CommandLine &line, const std::vector<std::string> &arguments);
int run_logout(CommandLine &line, const std::vector<std::string> &arguments);

} // namespace tunnel
