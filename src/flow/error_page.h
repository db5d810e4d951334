// SPDX-License-Identifier: ISC
//
// The short answer we give ourselves when there is no other: HTML for people, JSON for programs,
// each naming a stable code that the manual explains.

#pragma once

#include <string>
#include <string_view>
#include <tunnel/http1.h>

namespace tunnel {

struct ErrorPage {
    uint16_t status = 502;
    std::string_view code;     // "local_refused": letters, digits, '_'
    std::string_view sentence; // for a person; escaped as the format needs
    unsigned retry_after = 0;  // seconds; 0: no Retry-After
};

// Whether the request's Accept field asks for JSON and not for HTML.
bool prefers_json(const tn_http1_head &request);

const char *status_phrase(uint16_t status);

// A complete response: head (Content-Length, Cache-Control: no-store, Connection: close unless
// `keep_alive`) and, unless `to_head`, the body.
std::string error_response(const ErrorPage &page, bool json, bool keep_alive, bool to_head);

} // namespace tunnel
