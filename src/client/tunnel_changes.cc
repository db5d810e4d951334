// SPDX-License-Identifier: ISC

#include "client/tunnel_changes.h"

#include "client/control_channel.h"

namespace tunnel {
namespace {

std::string text_of(const char *text) { return text ? text : ""; }

TunnelAnswer refusal_of(const tn_tunnel_status &status)
{
    return {false, text_of(status.error_code), shown(status.error)};
}

} // namespace

bool TunnelChanges::ask(const std::vector<std::string> &gone)
{
    bool said = true;
    for (const std::string &subdomain : gone)
        said = said && remove(subdomain);
    for (const Router::Tunnel &tunnel : router_.tunnels())
        said = said && (tunnel.active || add(tunnel));
    return said;
}

bool TunnelChanges::add(const Router::Tunnel &tunnel)
{
    for (const auto &[id, name] : asked_)
        if (name == tunnel.name)
            return true; // the answer is on its way
    const std::string id = "add-" + std::to_string(++last_id_);
    const tn_tunnel_request request = request_of(tunnel);
    tn_control message = {};
    message.type = TN_CONTROL_ADD_TUNNEL;
    message.request_id = id.c_str();
    message.tunnels = &request;
    message.tunnel_count = 1;
    if (!control_.send(message))
        return false;
    asked_[id] = tunnel.name;
    return true;
}

bool TunnelChanges::remove(const std::string &subdomain)
{
    tn_control message = {};
    message.type = TN_CONTROL_REMOVE_TUNNEL;
    message.request_id = "remove"; // nobody waits for the answer
    message.subdomain = subdomain.c_str();
    return control_.send(message);
}

std::optional<TunnelChanges::Told> TunnelChanges::take(const tn_control &message)
{
    if (message.status_count != 1)
        return {};
    if (!message.request_id)
        return lost(message.statuses[0]);
    auto asked = asked_.extract(message.request_id);
    return asked ? answered(asked.mapped(), message) : std::nullopt;
}

// By then the tunnel may be unwanted again, or wanted under another subdomain.
std::optional<TunnelChanges::Told> TunnelChanges::answered(const std::string &name,
                                                           const tn_control &message)
{
    const tn_tunnel_status &status = message.statuses[0];
    const std::string subdomain = text_of(status.subdomain);
    const size_t index = router_.index_of(name);
    const bool wanted = index != Router::none && (!router_.tunnels()[index].chosen ||
                                                  router_.tunnels()[index].subdomain == subdomain);
    if (!wanted) {
        if (status.active)
            remove(subdomain);
        if (index != Router::none && !router_.tunnels()[index].active)
            add(router_.tunnels()[index]);
        return {};
    }
    if (status.active && router_.grant(index, subdomain, text_of(status.url)))
        return Told{index, {true, {}, {}}};
    router_.refuse(index);
    return Told{index, refusal_of(status)};
}

// Unasked: the token does not allow it any more.
std::optional<TunnelChanges::Told> TunnelChanges::lost(const tn_tunnel_status &status)
{
    const size_t index = router_.index_of_subdomain(text_of(status.subdomain));
    if (status.active || index == Router::none)
        return {};
    router_.refuse(index);
    return Told{index, refusal_of(status)};
}

} // namespace tunnel
