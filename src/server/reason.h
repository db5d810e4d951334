// SPDX-License-Identifier: ISC
//
// Why an exchange, or a visitor, ended: one list that the access log, the gauges and the visitor's
// error page share.

#pragma once

#include <cstdint>

namespace tunnel {

enum class Reason : uint8_t {
    ok,
    visitor_left,     // the visitor reset or closed before the end
    bad_request,      // RFC 9112 refuses the head or the body's framing
    header_timeout,   // the head did not arrive in time
    unknown_tunnel,   // nobody has that name
    tunnel_offline,   // somebody had it a moment ago
    rate_limited,     // limits.max_requests_per_minute
    body_too_large,   // limits.max_request_body_size
    too_many_streams, // limits.max_streams_per_connection, or the client takes no more
    shutting_down,    // we are draining
    link_lost,        // the connection to the client broke
    visit_refused,    // the client could not serve the visit, or sent nothing
    bad_response,     // not a valid HTTP/1 response
    response_cut,     // the response ended before its end
    dial_timeout,     // no sign of the client on this visit
    request_timeout,  // no response in time
    idle_timeout,     // nothing moved inside a body
    write_timeout,    // the visitor took nothing
    too_many_visitors,
    too_many_visitors_per_ip,
    memory_short, // limits.memory: the tunnel's client holds more than its part
    memory_shed,  // the same: this visitor held most
};
constexpr unsigned reason_count = unsigned(Reason::memory_shed) + 1;

struct ReasonRow {
    Reason reason;
    const char *name;     // in log, gauges and error page
    uint16_t status;      // what the visitor gets if no response has begun
    unsigned retry_after; // seconds; 0: none
    const char *sentence; // for a person
};

const ReasonRow &reason_row(Reason reason);
inline const char *reason_name(Reason reason) { return reason_row(reason).name; }

} // namespace tunnel
