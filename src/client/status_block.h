// SPDX-License-Identifier: ISC
//
// What stands at the bottom of a terminal while the client runs: how it is with the session,
// where each tunnel leads, how many requests there are. Says what the rows are; the Screen
// puts them there.

#pragma once

#include "client/status_view.h"
#include "client/visit_counts.h"

#include <string>
#include <vector>

namespace tunnel {

struct ScreenSize {
    size_t width = 80;  // columns
    size_t height = 24; // rows
};

struct StatusBlock {
    enum class State {
        connecting, // for the first time
        online,
        waiting, // for the next try, or in it
        closing, // asked to stop; requests are in flight
    };
    State state = State::connecting;
    std::string server;
    Micros since = 0;         // it is so, or there has been no session
    timespec since_wall = {}; // the same
    Micros due = never;       // the next try, or the end of the grace
    uint64_t attempt = 0;
    std::string reason; // why it waits
    size_t links = 0;
    size_t links_wanted = 0; // below 2: nobody cares
};

// As many rows as there is room for on that screen beside a line of text; none if that is too
// little to say anything.
std::vector<std::string> block_rows(const StatusBlock &block, const VisitCounts &counts,
                                    const LiveNumbers &live, Micros now, ScreenSize size,
                                    bool colours);

// Whether the whole of it, to be copied, is in the block.
bool fits_in_block(const LiveTunnel &tunnel, size_t width);

} // namespace tunnel
