// SPDX-License-Identifier: ISC
//
// What the settings say about HTTP, in the form that visitors use it. Made once for each worker.

#pragma once

#include "net/address.h"

#include <tunnel/http1.h>

namespace tunnel {

struct ServerSettings;

struct HttpPolicy {
    explicit HttpPolicy(const ServerSettings &settings);

    tn_http1_limits request;
    tn_http1_limits response;
    NetworkSet trusted; // whose X-Forwarded-* fields are believed
};

} // namespace tunnel
