// SPDX-License-Identifier: ISC

#include "ctl/commands.h"

namespace tunnel {

std::span<const Command> server_commands() { return {}; }

} // namespace tunnel
