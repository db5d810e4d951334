// SPDX-License-Identifier: ISC
//
// The state of the whole server as one line of key=value in the log. Each worker is asked on
// its own thread; the last one's answer writes the line.

#pragma once

#include "server/worker.h"

#include <memory>
#include <vector>

namespace tunnel {

// On the first worker's thread; the line is written on it, a little later.
void log_gauges(const std::vector<std::unique_ptr<Worker>> &workers);

} // namespace tunnel
