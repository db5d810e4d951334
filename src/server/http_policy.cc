// SPDX-License-Identifier: ISC

#include "server/http_policy.h"

#include "server/options.h"

#include <algorithm>

namespace tunnel {

namespace {

uint32_t bytes(uint64_t limit)
{
    return limit ? uint32_t(std::min<uint64_t>(limit, UINT32_MAX)) : UINT32_MAX;
}

uint32_t fields(uint64_t limit)
{
    return limit ? uint32_t(std::min<uint64_t>(limit, TN_HTTP1_MAX_FIELDS)) : TN_HTTP1_MAX_FIELDS;
}

} // namespace

HttpPolicy::HttpPolicy(const ServerSettings &settings)
{
    tn_http1_request_limits(&request);
    request.head = bytes(settings.max_header_bytes);
    request.field_line = bytes(settings.max_field_bytes);
    request.fields = fields(settings.max_header_fields);
    tn_http1_response_limits(&response);
    response.head = bytes(settings.max_response_header_bytes);
    response.fields = fields(settings.max_response_header_fields);
    for (const std::string &network : settings.trusted_proxies)
        trusted.add(network);
}

} // namespace tunnel
