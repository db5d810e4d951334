// SPDX-License-Identifier: ISC

#include "client/router.h"

#include <algorithm>
#include <utility>

namespace tunnel {
namespace {

constexpr size_t name_max = 63; // octets of a label, RFC 1035 2.3.4
constexpr size_t url_max = 512;

bool is_name_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

bool is_name(std::string_view text)
{
    return !text.empty() && text.size() <= name_max &&
           std::all_of(text.begin(), text.end(), is_name_char);
}

// A server's text goes to a terminal: nothing that could steer one.
bool is_url(std::string_view text)
{
    auto visible = [](char c) { return c > ' ' && c < 0x7f; };
    return !text.empty() && text.size() <= url_max &&
           std::all_of(text.begin(), text.end(), visible);
}

} // namespace

std::string LocalTarget::text() const
{
    bool numeric_v6 = host.find(':') != std::string::npos;
    return (numeric_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Router::Router(const std::vector<TunnelSettings> &settings) { update(settings); }

std::vector<std::string> Router::update(const std::vector<TunnelSettings> &settings)
{
    std::vector<Tunnel> before = std::exchange(tunnels_, {});
    for (const TunnelSettings &one : settings) {
        Tunnel tunnel = {.name = one.name,
                         .subdomain = one.subdomain,
                         .url = {},
                         .target = {one.local_host, uint16_t(one.local_port)},
                         .chosen = !one.subdomain.empty()};
        auto old = std::find_if(before.begin(), before.end(), [&](const Tunnel &that) {
            return that.chosen == tunnel.chosen &&
                   (tunnel.chosen ? that.subdomain == tunnel.subdomain : that.name == tunnel.name);
        });
        if (old != before.end()) {
            tunnel.subdomain = old->subdomain;
            tunnel.url = old->url;
            tunnel.active = old->active;
            before.erase(old);
        }
        tunnels_.push_back(std::move(tunnel));
    }
    rebuild();
    std::vector<std::string> gone;
    for (const Tunnel &tunnel : before)
        if (tunnel.active)
            gone.push_back(tunnel.subdomain);
    return gone;
}

bool Router::grant(size_t index, std::string_view subdomain, std::string_view url)
{
    std::string name(subdomain);
    std::transform(name.begin(), name.end(), name.begin(), lower);
    if (index >= tunnels_.size() || !is_name(name) || !is_url(url))
        return false;

    Tunnel &tunnel = tunnels_[index];
    tunnel.subdomain = name;
    tunnel.url = url;
    tunnel.active = true;
    rebuild();
    return true;
}

void Router::refuse(size_t index)
{
    Tunnel &tunnel = tunnels_[index];
    if (!tunnel.chosen)
        tunnel.subdomain.clear();
    tunnel.active = false;
    rebuild();
}

size_t Router::index_of(std::string_view name) const
{
    for (size_t i = 0; i < tunnels_.size(); i++)
        if (tunnels_[i].name == name)
            return i;
    return none;
}

size_t Router::index_of_subdomain(std::string_view subdomain) const
{
    for (size_t i = 0; i < tunnels_.size(); i++)
        if (!subdomain.empty() && tunnels_[i].subdomain == subdomain)
            return i;
    return none;
}

void Router::rebuild()
{
    by_name_.clear();
    by_port_.clear();
    for (const Tunnel &tunnel : tunnels_) {
        if (!tunnel.active)
            continue;
        by_name_[tunnel.subdomain] = &tunnel.target;
        auto [place, is_new] = by_port_.try_emplace(tunnel.target.port, &tunnel.target);
        if (!is_new)
            place->second = nullptr;
    }
}

const LocalTarget *Router::find(std::string_view subdomain, uint16_t local_port) const
{
    if (subdomain.empty()) {
        auto found = by_port_.find(local_port);
        return found == by_port_.end() ? nullptr : found->second;
    }
    if (subdomain.size() > name_max)
        return nullptr;

    char name[name_max];
    std::transform(subdomain.begin(), subdomain.end(), name, lower);
    auto found = by_name_.find(std::string_view(name, subdomain.size()));
    return found == by_name_.end() ? nullptr : found->second;
}

} // namespace tunnel
