// SPDX-License-Identifier: ISC
//
// A visitor's request head as it goes on to the local service: hop-by-hop fields removed (RFC 9110
// 7.6.1), the target in origin-form, and the forwarding fields told by us, not by whoever
// asks (tunnel-protocol(7), "Forwarding").

#pragma once

#include "flow/head.h"

#include <string_view>

namespace tunnel {

struct ForwardFacts {
    std::string_view visitor_ip;
    std::string_view request_id;
    bool trusted; // the visitor is a proxy whose forwarding fields are believed and extended
};

// Bytes that write_request may need.
size_t request_head_room(const tn_http1_head &head);
void write_request(HeadWriter &out, const tn_http1_head &head, const ForwardFacts &facts);

// The request's own X-Request-Id, if it is short and plain enough to be taken over; else empty.
std::string_view usable_request_id(const tn_http1_head &head);

} // namespace tunnel
