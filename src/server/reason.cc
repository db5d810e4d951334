// SPDX-License-Identifier: ISC

#include "server/reason.h"

namespace tunnel {

namespace {

constexpr ReasonRow rows[] = {
    {Reason::ok, "ok", 200, 0, ""},
    {Reason::visitor_left, "visitor_left", 499, 0, "The visitor closed the connection."},
    {Reason::bad_request, "bad_request", 400, 0, "The request is not valid HTTP/1.1."},
    {Reason::header_timeout, "header_timeout", 408, 0, "The request did not arrive in time."},
    {Reason::unknown_tunnel, "unknown_tunnel", 404, 0, "There is no tunnel of this name."},
    {Reason::tunnel_offline, "tunnel_offline", 503, 5,
     "This tunnel is offline: its client is not connected at the moment."},
    {Reason::rate_limited, "rate_limited", 429, 60,
     "This tunnel has had too many requests in the last minute."},
    {Reason::body_too_large, "body_too_large", 413, 0, "The request's body is too large."},
    {Reason::too_many_streams, "too_many_streams", 503, 1,
     "This tunnel serves as many requests as it may at the moment."},
    {Reason::shutting_down, "shutting_down", 503, 5, "The server is stopping."},
    {Reason::link_lost, "link_lost", 502, 0, "The connection to the tunnel's client was lost."},
    {Reason::visit_refused, "visit_refused", 502, 0,
     "The tunnel's client could not get an answer from the local service."},
    {Reason::bad_response, "bad_response", 502, 0,
     "The local service did not answer with valid HTTP."},
    {Reason::response_cut, "response_cut", 502, 0, "The response ended before its end."},
    {Reason::dial_timeout, "dial_timeout", 504, 0, "The tunnel's client did not react in time."},
    {Reason::request_timeout, "request_timeout", 504, 0,
     "The local service did not answer in time."},
    {Reason::idle_timeout, "idle_timeout", 504, 0, "Nothing was sent for too long."},
    {Reason::write_timeout, "write_timeout", 504, 0, "Nothing was taken for too long."},
    {Reason::too_many_visitors, "too_many_visitors", 503, 1, "The server is full."},
    {Reason::too_many_visitors_per_ip, "too_many_visitors_per_ip", 429, 1,
     "There are too many connections from this address."},
    {Reason::memory_short, "memory_short", 503, 5,
     "The server is short of memory, and this tunnel uses more than its part."},
    {Reason::memory_shed, "memory_shed", 503, 5,
     "The server was short of memory and needed what this connection held."},
};
static_assert(sizeof rows / sizeof *rows == reason_count);

} // namespace

const ReasonRow &reason_row(Reason reason) { return rows[unsigned(reason)]; }

} // namespace tunnel
