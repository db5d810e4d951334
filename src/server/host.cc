// SPDX-License-Identifier: ISC

#include "server/host.h"

#include "base/text.h"

#include <algorithm>

namespace tunnel {

namespace {

constexpr size_t label_max = 63; // RFC 1035 2.3.4
constexpr size_t name_max = 253;

// A port may be empty (RFC 3986 3.2.3). False: what follows the colon is none.
bool cut_port(std::string_view &host)
{
    size_t colon = host.find(':');
    if (colon == host.npos)
        return true;
    std::string_view port = host.substr(colon + 1);
    host = host.substr(0, colon);
    auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

// What stands in front of ".domain"; empty if the suffix is another.
std::string_view label_before(std::string_view host, std::string_view domain)
{
    if (host.size() < domain.size() + 2 || !host.ends_with(domain))
        return {};
    host.remove_suffix(domain.size());
    if (host.back() != '.')
        return {};
    host.remove_suffix(1);
    return host;
}

bool is_label(std::string_view text)
{
    return !text.empty() && text.size() <= label_max && text.find('.') == text.npos;
}

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_name_character(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; }

} // namespace

HostName parse_host(std::string_view host, std::span<const std::string> domains)
{
    if (!cut_port(host))
        return {};
    if (host.ends_with('.'))
        host.remove_suffix(1);
    if (host.empty() || host.size() > name_max)
        return {};
    std::string name = to_lower(host);
    for (const std::string &domain : domains) {
        if (name == domain)
            return {HostName::Kind::domain, {}};
        std::string_view label = label_before(name, domain);
        if (is_label(label))
            return {HostName::Kind::tunnel, std::string(label)};
    }
    return {};
}

bool is_subdomain(std::string_view name)
{
    return name.size() >= 3 && name.size() <= label_max && is_letter(name.front()) &&
           name.back() != '-' && std::all_of(name.begin(), name.end(), is_name_character) &&
           !name.starts_with("xn--");
}

} // namespace tunnel
