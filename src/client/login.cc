// SPDX-License-Identifier: ISC

#include "client/login.h"

#include "base/text.h"
#include "client/control_channel.h"

#include <algorithm>
#include <cstring>

namespace tunnel {
namespace {

constexpr size_t shown_max = 200; // bytes

std::string text_of(const char *text) { return text ? text : ""; }

// Returns false if the answer does not fit the question.
bool take_statuses(const tn_control &message, Router &router, std::vector<TunnelAnswer> &answers)
{
    if (message.status_count != router.tunnels().size())
        return false;
    for (size_t i = 0; i < message.status_count; i++) {
        const tn_tunnel_status &status = message.statuses[i];
        answers.push_back({status.active, text_of(status.error_code), shown(status.error)});
        if (!status.active)
            router.refuse(i);
        else if (!router.grant(i, text_of(status.subdomain), text_of(status.url)))
            return false;
    }
    return true;
}

SessionEnd protocol_end(const char *code, const char *sentence)
{
    return {SessionEnd::Why::protocol, code, sentence, 0, Hop::protocol};
}

SessionEnd refused_end(const tn_control &message)
{
    Micros retry_after = Micros(std::max<int64_t>(message.retry_after_ms, 0)) * millisecond;
    return {SessionEnd::Why::refused, text_of(message.error_code), shown(message.error),
            retry_after, Hop::auth};
}

Account account_of(const tn_control &message)
{
    Account account = {shown(message.user), {}, shown(message.expires)};
    for (size_t i = 0; i < message.allowed_count; i++)
        account.allowed.push_back(shown(message.allowed[i]));
    return account;
}

bool accepts(const tn_control &message, const char *capability)
{
    for (size_t i = 0; i < message.capability_count; i++)
        if (std::strcmp(message.capabilities[i], capability) == 0)
            return true;
    return false;
}

bool send(ControlChannel &control, tn_control message, const ClientSettings &settings,
          const std::string &client_id)
{
    std::vector<const char *> capabilities = {"control", "small-window", "short-header", "account",
                                              "handover"};
    if (settings.connections > 1)
        capabilities.push_back("carriers");
    message.type = TN_CONTROL_HANDSHAKE;
    message.version = TN_PROTOCOL_VERSION;
    message.token = settings.token.c_str();
    message.client_id = client_id.c_str();
    message.capabilities = capabilities.data();
    message.capability_count = capabilities.size();
    return control.send(message);
}

// What login and join have in common.
LoginAnswer read_answer(const tn_control &message)
{
    LoginAnswer answer;
    if (!message.success)
        answer.end = refused_end(message);
    else if (message.version != TN_PROTOCOL_VERSION)
        answer.end = protocol_end("VERSION_UNSUPPORTED",
                                  "the server speaks another version of the protocol");
    else
        answer.accepted = true;
    answer.session_id = shown(message.session_id);
    answer.server_time = shown(message.timestamp);
    if (accepts(message, "account"))
        answer.account = account_of(message);
    answer.control_stays = accepts(message, "control");
    answer.small_window = accepts(message, "small-window");
    answer.carriers = accepts(message, "carriers");
    answer.handover = accepts(message, "handover");
    return answer;
}

} // namespace

bool Account::may_use(const std::string &subdomain) const
{
    return allowed.empty() ||
           std::any_of(allowed.begin(), allowed.end(),
                       [&](const std::string &name) { return matches_glob(name, subdomain); });
}

std::string shown(const char *text)
{
    std::string out;
    if (text)
        append_escaped(out, std::string_view(text, strnlen(text, shown_max)));
    return out;
}

tn_tunnel_request request_of(const Router::Tunnel &tunnel)
{
    tn_tunnel_request request = {};
    if (!tunnel.subdomain.empty())
        request.subdomain = tunnel.subdomain.c_str();
    request.local_host = tunnel.target.host.c_str();
    request.local_port = tunnel.target.port;
    request.protocol = "http";
    return request;
}

bool send_login(ControlChannel &control, const Router &router, const ClientSettings &settings,
                const std::string &client_id, const std::string &replaces)
{
    std::vector<tn_tunnel_request> requests;
    for (const Router::Tunnel &tunnel : router.tunnels())
        requests.push_back(request_of(tunnel));

    tn_control message = {};
    message.tunnels = requests.data();
    message.tunnel_count = requests.size();
    if (!replaces.empty())
        message.replaces = replaces.c_str();
    return send(control, message, settings, client_id);
}

bool send_join(ControlChannel &control, const std::string &session, const ClientSettings &settings,
               const std::string &client_id)
{
    tn_control message = {};
    message.session_id = session.c_str();
    return send(control, message, settings, client_id);
}

LoginAnswer read_login_answer(const tn_control &message, Router &router)
{
    LoginAnswer answer = read_answer(message);
    bool fits = take_statuses(message, router, answer.tunnels);
    if (!answer.accepted)
        return answer;

    bool any = std::any_of(answer.tunnels.begin(), answer.tunnels.end(),
                           [](const TunnelAnswer &one) { return one.active; });
    answer.accepted = fits && (any || answer.tunnels.empty());
    if (!fits)
        answer.end = protocol_end("PROTOCOL_ERROR",
                                  "the server's answer does not fit the tunnels we asked for");
    else if (!answer.accepted)
        answer.end = {SessionEnd::Why::refused, answer.tunnels[0].code, answer.tunnels[0].sentence,
                      refused_end(message).retry_after, Hop::auth};
    return answer;
}

LoginAnswer read_join_answer(const tn_control &message) { return read_answer(message); }

} // namespace tunnel
