// SPDX-License-Identifier: ISC
//
// The Host field of a request to the name of a tunnel, and which names a tunnel may have. No
// state.

#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tunnel {

struct HostName {
    enum class Kind {
        tunnel,  // `label` is in front of one of the domains
        domain,  // a bare domain of ours
        foreign, // neither: some other name, an address, two labels, nothing at all
    };
    Kind kind = Kind::foreign;
    std::string label; // lower case
};

// `host` as in the field: any case, with or without port and trailing dot (RFC 3986 3.2.2).
// `domains` are lower case.
HostName parse_host(std::string_view host, std::span<const std::string> domains);

// ^[a-z][a-z0-9-]{2,62}$ without a hyphen at the end, and no A-label ("xn--", RFC 5890 2.3.2.1),
// which shows as something else than it is.
bool is_subdomain(std::string_view name);

} // namespace tunnel
