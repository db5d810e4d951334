// SPDX-License-Identifier: ISC
//
// The command line of tunnel(1): one table of commands, one of flags.

#pragma once

namespace tunnel {

// Runs what the command line asks for; the exit code. Throws Failure.
int run_command(int argc, char **argv);

} // namespace tunnel
