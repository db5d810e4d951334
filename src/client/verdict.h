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

// An end in one line, with the hop: "tcp: 127.0.0.1:9000: Connection refused".
std::string told(const SessionEnd &end);

} // namespace tunnel
