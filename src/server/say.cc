// SPDX-License-Identifier: ISC

#include "server/say.h"

#include "server/control_stream.h"
#include "server/token.h"

#include <optional>
#include <vector>

namespace tunnel::say {

namespace {

const char *or_null(const std::string &text) { return text.empty() ? nullptr : text.c_str(); }

tn_tunnel_status status_of(const TunnelWish &wish, const Granted &granted)
{
    tn_tunnel_status status = {};
    status.local_port = wish.local_port;
    status.subdomain = granted.tunnel ? granted.tunnel->subdomain.c_str() : wish.subdomain.c_str();
    status.url = granted.tunnel ? granted.tunnel->url.c_str() : nullptr;
    status.active = granted.tunnel != nullptr;
    status.error = granted.refusal.sentence;
    status.error_code = granted.refusal.code;
    return status;
}

// In the order of the wishes, as many as were decided.
std::vector<tn_tunnel_status> statuses_of(const Handshake &handshake,
                                          std::span<const Granted> granted)
{
    std::vector<tn_tunnel_status> statuses;
    for (size_t i = 0; i < granted.size(); i++)
        statuses.push_back(status_of(handshake.wishes[i], granted[i]));
    return statuses;
}

std::vector<const char *> capabilities_of(const Handshake &handshake)
{
    const struct {
        bool in_force;
        const char *name;
    } rows[] = {
        {handshake.control, "control"},
        {handshake.carriers, "carriers"},
        {handshake.small_window, "small-window"},
        {handshake.short_header, "short-header"},
        {handshake.account, "account"},
        {handshake.handover, "handover"},
    };
    std::vector<const char *> names;
    for (const auto &row : rows)
        if (row.in_force)
            names.push_back(row.name);
    return names;
}

// What the texts of an account live in while they are sent.
struct Account {
    std::vector<const char *> allowed;
    std::string expires;

    Account(const Identity &who, tn_control &message)
    {
        for (const std::string &name : who.allowed)
            allowed.push_back(name.c_str());
        if (who.expires != 0)
            expires = print_date(who.expires);
        message.user = who.user.c_str();
        message.allowed = allowed.data();
        message.allowed_count = allowed.size();
        message.expires = or_null(expires);
    }
};

} // namespace

bool welcome(ControlStream &to, const std::string &session, const Handshake &handshake,
             std::span<const Granted> granted)
{
    std::vector<tn_tunnel_status> statuses = statuses_of(handshake, granted);
    std::vector<const char *> capabilities = capabilities_of(handshake);
    tn_control message = {};
    message.type = TN_CONTROL_HANDSHAKE_RESPONSE;
    message.success = true;
    message.version = TN_PROTOCOL_VERSION;
    message.session_id = session.c_str();
    message.statuses = statuses.data();
    message.status_count = statuses.size();
    message.capabilities = capabilities.data();
    message.capability_count = capabilities.size();
    std::optional<Account> account;
    if (handshake.account)
        account.emplace(handshake.who, message);
    return to.send(message);
}

bool no_login(ControlStream &to, const Judgement &judgement, const Handshake &handshake,
              std::span<const Granted> granted)
{
    std::vector<tn_tunnel_status> statuses = statuses_of(handshake, granted);
    const std::string &problem = judgement.problem;
    tn_control message = {};
    message.type = TN_CONTROL_HANDSHAKE_RESPONSE;
    message.version = TN_PROTOCOL_VERSION;
    message.statuses = statuses.data();
    message.status_count = statuses.size();
    message.error_code = judgement.refusal.code;
    message.error = problem.empty() ? judgement.refusal.sentence : problem.c_str();
    message.retry_after_ms = int64_t((judgement.retry_after + millisecond - 1) / millisecond);
    return to.send(message);
}

bool tunnel_update(ControlStream &to, const TunnelWish &wish, const Granted &granted,
                   const std::string &request_id)
{
    tn_tunnel_status status = status_of(wish, granted);
    tn_control message = {};
    message.type = TN_CONTROL_TUNNEL_UPDATE;
    message.request_id = or_null(request_id);
    message.success = !granted.refusal;
    message.statuses = &status;
    message.status_count = 1;
    message.error = status.error;
    message.error_code = status.error_code;
    return to.send(message);
}

bool pong(ControlStream &to, const std::string &ping_timestamp, const std::string &request_id)
{
    tn_control message = {};
    message.type = TN_CONTROL_PONG;
    message.request_id = or_null(request_id);
    message.ping_timestamp = or_null(ping_timestamp);
    return to.send(message);
}

bool error(ControlStream &to, const Refusal &refusal, const std::string &problem,
           const std::string &request_id)
{
    tn_control message = {};
    message.type = TN_CONTROL_ERROR;
    message.request_id = or_null(request_id);
    message.error_code = refusal.code;
    message.error = problem.empty() ? refusal.sentence : problem.c_str();
    return to.send(message);
}

bool shutdown(ControlStream &to, Micros grace)
{
    tn_control message = {};
    message.type = TN_CONTROL_SHUTDOWN;
    message.error = "the server is shutting down";
    message.grace_period_ms = int64_t(grace / millisecond);
    return to.send(message);
}

} // namespace tunnel::say
