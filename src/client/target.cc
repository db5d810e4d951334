// SPDX-License-Identifier: ISC

#include "client/target.h"

#include "base/text.h"
#include "net/address.h"

namespace tunnel {
namespace {

constexpr std::string_view scheme = "http://";
constexpr const char *default_host = "127.0.0.1";

} // namespace

std::optional<LocalTarget> parse_target(std::string_view text)
{
    if (text.substr(0, scheme.size()) == scheme) {
        text.remove_prefix(scheme.size());
        if (text.ends_with('/'))
            text.remove_suffix(1);
    }
    std::optional<uint64_t> port = parse_count(text);
    if (port && *port >= 1 && *port <= UINT16_MAX)
        return LocalTarget{default_host, uint16_t(*port)};

    std::optional<HostPort> place = HostPort::parse(text);
    if (!place || place->port == 0)
        return {};
    return LocalTarget{place->host, place->port};
}

} // namespace tunnel
