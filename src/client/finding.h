// SPDX-License-Identifier: ISC
//
// What `tunnel doctor` found out about one hop, and how it is written down.

#pragma once

#include "client/complaint.h"
#include "client/hop.h"

#include <string>

namespace tunnel {

struct Finding {
    enum class State {
        ok,
        warn,    // it works, but not for ever, or not for everybody
        fail,    // it does not work
        skipped, // an earlier hop is in the way
    };
    Hop hop;
    State state;
    std::string text;
    std::string fix = {};
    Exit exit = exit_ok; // failed: what an ordinary command would end with
};

Finding good(Hop hop, std::string text);
Finding doubtful(Hop hop, std::string text, std::string fix);
Finding failed(Hop hop, std::string text);                  // with the fix of the hop
Finding failed(Hop hop, std::string text, std::string fix); //
Finding failed(Hop hop, const Complaint &complaint, std::string text);
Finding skipped(Hop hop, std::string text);

std::string finding_line(const Finding &finding); // for a person; the fix on a line of its own
std::string finding_json(const Finding &finding); // one object on one line

} // namespace tunnel
