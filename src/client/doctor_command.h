// SPDX-License-Identifier: ISC
//
// tunnel doctor: the findings for a person, a program, or a bug report.

#pragma once

#include "base/command_line.h"

#include <string>
#include <vector>

namespace tunnel {

// The exit code: that of the first problem. Throws Failure.
int run_doctor(CommandLine &line, const std::vector<std::string> &arguments);

} // namespace tunnel
