// SPDX-License-Identifier: ISC
//
// Whether it is worth trying again after a session, or the try for one, has ended; and if not,
// what to tell.

#pragma once

#include "client/complaint.h"
#include "client/session.h"

#include <string>

namespace tunnel {

struct Verdict {
    bool final;
    std::string reason; // in one line, for whoever sees it tried again
    Complaint complaint;
};

struct Trial {
    const SessionEnd &end;
    std::string server; // as the user wrote it
    std::string tunnel; // the name that was refused, if one was
    bool stood_before;  // a session has stood since the start
    bool may_retry;
};

Verdict judge(const Trial &trial);

} // namespace tunnel
