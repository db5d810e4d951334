// SPDX-License-Identifier: ISC
//
// One line for each exchange. Where it goes is log.access_log's business (base/log.h); query
// strings, which carry secrets, are left out.

#pragma once

#include "base/clock.h"
#include "server/reason.h"

#include <cstdint>
#include <string_view>

namespace tunnel {

struct AccessEntry {
    std::string_view visitor; // "ip:port"
    std::string_view host;    // as the visitor sent it
    std::string_view tunnel;  // subdomain; empty: none was found
    std::string_view method;
    std::string_view path; // a query is cut off here
    std::string_view request_id;
    uint16_t status = 0;    // 0: the visitor got none
    uint64_t bytes_in = 0;  // from the visitor
    uint64_t bytes_out = 0; // to the visitor
    Micros duration = 0;
    Reason reason = Reason::ok;
};

class AccessLog {
public:
    bool wanted() const;
    void write(const AccessEntry &entry) const;
};

} // namespace tunnel
