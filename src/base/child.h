// SPDX-License-Identifier: ISC
//
// Other programs, run to their end.

#pragma once

#include <string>
#include <vector>

namespace tunnel {

// Looks for words[0] in $PATH, and gives it our standard descriptors. Its exit code; 128 and the
// signal that ended it. Throws Failure (exit_unavailable) if it cannot be started.
int run_program(const std::vector<std::string> &words);

} // namespace tunnel
