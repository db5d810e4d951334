// SPDX-License-Identifier: ISC
//
// What a person is told when it does not work: what, why, how to mend it, and a code that the
// manual explains; with the exit code that goes with it.

#pragma once

#include "base/failure.h"

#include <string>

namespace tunnel {

struct Complaint {
    std::string code; // "E_AUTH"
    std::string what;
    std::string why; // these two may be empty
    std::string fix;
    Exit exit;
};

// "tunnel: E_AUTH: …", and "  why: …" and "  fix: …" under it.
std::string complaint_text(const Complaint &complaint);

Complaint complaint_of(const Failure &failure);

} // namespace tunnel
