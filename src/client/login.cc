// SPDX-License-Identifier: ISC

#include "client/login.h"

#include "base/text.h"
#include "client/control_channel.h"

#include <algorithm>
#include <cstring>

namespace tunnel {
namespace {

constexpr const char *capabilities[] = {"control"};
constexpr size_t shown_max = 200; // bytes

std::string text_of(const char *text) { return text ? text : ""; }

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
    return {SessionEnd::Why::protocol, code, sentence, 0};
}

} // namespace

std::string shown(const char *text)
{
    std::string out;
    if (text)
        append_escaped(out, std::string_view(text, strnlen(text, shown_max)));
    return out;
}

bool send_login(ControlChannel &control, const Router &router, const std::string &token,
                const std::string &client_id)
{
    std::vector<tn_tunnel_request> requests;
    for (const Router::Tunnel &tunnel : router.tunnels())
        requests.push_back(request_of(tunnel));

    tn_control message = {};
    message.type = TN_CONTROL_HANDSHAKE;
    message.version = TN_PROTOCOL_VERSION;
    message.token = token.c_str();
    message.client_id = client_id.c_str();
    message.tunnels = requests.data();
    message.tunnel_count = requests.size();
    message.capabilities = capabilities;
    message.capability_count = std::size(capabilities);
    return control.send(message);
}

LoginAnswer read_login_answer(const tn_control &message, Router &router)
{
    LoginAnswer answer;
    Micros retry_after = Micros(std::max<int64_t>(message.retry_after_ms, 0)) * millisecond;
    bool fits = take_statuses(message, router, answer.tunnels);
    auto refused = [&](const char *code, const std::string &sentence) {
        answer.end = {SessionEnd::Why::refused, text_of(code), sentence, retry_after};
        return answer;
    };
    if (!message.success)
        return refused(message.error_code, shown(message.error));

    if (message.version != TN_PROTOCOL_VERSION)
        answer.end = protocol_end("VERSION_UNSUPPORTED",
                                  "the server speaks another version of the protocol");
    else if (!fits)
        answer.end = protocol_end("PROTOCOL_ERROR",
                                  "the server's answer does not fit the tunnels we asked for");
    else
        answer.accepted = true;
    bool any = std::any_of(answer.tunnels.begin(), answer.tunnels.end(),
                           [](const TunnelAnswer &one) { return one.active; });
    if (answer.accepted && !any && !answer.tunnels.empty()) {
        answer.accepted = false;
        return refused(answer.tunnels[0].code.c_str(), answer.tunnels[0].sentence);
    }

    answer.session_id = shown(message.session_id);
    for (size_t i = 0; i < message.capability_count; i++)
        answer.control_stays |= std::strcmp(message.capabilities[i], "control") == 0;
    return answer;
}

} // namespace tunnel
