// SPDX-License-Identifier: ISC
//
// Every message and every field of tunnel-protocol(7), "Control messages".

#include "core/control_rules.h"

#include <cstring>

namespace tunnel::core {
namespace {

using enum Kind;
using enum Presence;

constexpr Rule tunnel_table[] = {
    {"subdomain", name, optional, offsetof(tn_tunnel_request, subdomain)},
    {"name", name, optional, offsetof(tn_tunnel_request, name)},
    {"local_host", name, optional, offsetof(tn_tunnel_request, local_host)},
    {"local_port", port, required, offsetof(tn_tunnel_request, local_port)},
    {"protocol", name, optional, offsetof(tn_tunnel_request, protocol)},
};

constexpr Rule status_table[] = {
    {"subdomain", name, written, offsetof(tn_tunnel_status, subdomain)},
    {"local_port", any_port, written, offsetof(tn_tunnel_status, local_port)},
    {"url", prose, written, offsetof(tn_tunnel_status, url)},
    {"status", activity, required, offsetof(tn_tunnel_status, active)},
    {"error", prose, optional, offsetof(tn_tunnel_status, error)},
    {"error_code", name, optional, offsetof(tn_tunnel_status, error_code)},
};

constexpr Rule handshake[] = {
    {"version", integer, required, offsetof(tn_control, version)},
    {"token", name, required, offsetof(tn_control, token)},
    {"client_id", name, optional, offsetof(tn_control, client_id)},
    {"tunnels", tunnels, written, offsetof(tn_control, tunnels)},
    {"capabilities", names, optional, offsetof(tn_control, capabilities)},
    {"session_id", name, optional, offsetof(tn_control, session_id)},
    {"replaces", name, optional, offsetof(tn_control, replaces)},
};

constexpr Rule handshake_response[] = {
    {"success", boolean, required, offsetof(tn_control, success)},
    {"session_id", name, optional, offsetof(tn_control, session_id)},
    {"tunnels", statuses, optional, offsetof(tn_control, statuses)},
    {"server_version", integer, written, offsetof(tn_control, version)},
    {"error", prose, optional, offsetof(tn_control, error)},
    {"error_code", name, optional, offsetof(tn_control, error_code)},
    {"capabilities", names, optional, offsetof(tn_control, capabilities)},
    {"retry_after_ms", milliseconds, optional, offsetof(tn_control, retry_after_ms)},
    {"user", name, optional, offsetof(tn_control, user)},
    {"subdomains", patterns, optional, offsetof(tn_control, allowed)},
    {"expires", name, optional, offsetof(tn_control, expires)},
};

constexpr Rule add_tunnel[] = {
    {"tunnel", tunnel, required, offsetof(tn_control, tunnels)},
};

constexpr Rule remove_tunnel[] = {
    {"name", name, alias, offsetof(tn_control, subdomain)},
    {"subdomain", name, required, offsetof(tn_control, subdomain)},
};

constexpr Rule tunnel_update[] = {
    {"success", boolean, required, offsetof(tn_control, success)},
    {"tunnel", status, optional, offsetof(tn_control, statuses)},
    {"error", prose, optional, offsetof(tn_control, error)},
    {"error_code", name, optional, offsetof(tn_control, error_code)},
};

constexpr Rule ping[] = {
    {"timestamp", name, written, offsetof(tn_control, timestamp)},
};

constexpr Rule pong[] = {
    {"timestamp", name, written, offsetof(tn_control, timestamp)},
    {"ping_timestamp", name, written, offsetof(tn_control, ping_timestamp)},
};

constexpr Rule shutdown[] = {
    {"reason", prose, optional, offsetof(tn_control, error)},
    {"grace_period_ms", milliseconds, written, offsetof(tn_control, grace_period_ms)},
};

constexpr Rule error[] = {
    {"code", name, required, offsetof(tn_control, error_code)},
    {"message", prose, written, offsetof(tn_control, error)},
    {"details", prose, optional, offsetof(tn_control, details)},
};

constexpr MessageRules messages[] = {
    {"handshake", TN_CONTROL_HANDSHAKE, handshake},
    {"handshake_response", TN_CONTROL_HANDSHAKE_RESPONSE, handshake_response},
    {"add_tunnel", TN_CONTROL_ADD_TUNNEL, add_tunnel},
    {"remove_tunnel", TN_CONTROL_REMOVE_TUNNEL, remove_tunnel},
    {"tunnel_update", TN_CONTROL_TUNNEL_UPDATE, tunnel_update},
    {"ping", TN_CONTROL_PING, ping},
    {"pong", TN_CONTROL_PONG, pong},
    {"shutdown", TN_CONTROL_SHUTDOWN, shutdown},
    {"error", TN_CONTROL_ERROR, error},
};

} // namespace

const std::span<const Rule> tunnel_rules = tunnel_table;
const std::span<const Rule> status_rules = status_table;

const MessageRules *find_message(const char *text)
{
    for (const MessageRules &message : messages)
        if (strcmp(message.name, text) == 0)
            return &message;
    return nullptr;
}

const MessageRules *find_message(tn_control_type type)
{
    for (const MessageRules &message : messages)
        if (message.type == type)
            return &message;
    return nullptr;
}

} // namespace tunnel::core

const char *tn_control_type_name(tn_control_type type)
{
    const tunnel::core::MessageRules *message = tunnel::core::find_message(type);
    return message ? message->name : "unknown";
}
