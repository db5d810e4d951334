// SPDX-License-Identifier: ISC

#include "server/handshake.h"

#include "base/text.h"

namespace tunnel {

namespace {

// Bytes. All of it may stand in front of every visit, or in the log.
constexpr size_t client_id_max = 128;
constexpr size_t host_max = 255;
constexpr size_t name_max = 128;

constexpr size_t allowed_told_max = 256; // names of one token that a client is told

const char *text_or(const char *text, const char *otherwise) { return text ? text : otherwise; }

Judgement refuse(const Refusal &refusal, std::string problem = {}, Micros retry_after = 0)
{
    return {refusal, std::move(problem), retry_after};
}

bool offers(const tn_control &message, std::string_view capability)
{
    for (size_t i = 0; i < message.capability_count; i++)
        if (message.capabilities[i] == capability)
            return true;
    return false;
}

bool copy_wishes(const tn_control &message, std::vector<TunnelWish> &wishes, std::string &problem)
{
    wishes.resize(message.tunnel_count);
    for (size_t i = 0; i < message.tunnel_count; i++)
        if (!copy_wish(message.tunnels[i], wishes[i], problem))
            return false;
    return true;
}

} // namespace

ControlMessage read_control(std::string_view json, std::string &problem)
{
    tn_control *message = nullptr;
    char sentence[200] = "out of memory";
    if (tn_control_decode(json.data(), json.size(), &message, sentence, sizeof sentence) == TN_OK)
        return ControlMessage(message);
    problem = sentence;
    return nullptr;
}

bool copy_wish(const tn_tunnel_request &from, TunnelWish &to, std::string &problem)
{
    to.subdomain = to_lower(text_or(from.subdomain, ""));
    to.name = text_or(from.name, "");
    to.local_host = text_or(from.local_host, "127.0.0.1");
    to.protocol = text_or(from.protocol, "http");
    to.local_port = from.local_port;
    if (to.subdomain.size() > host_max || to.local_host.size() > host_max)
        problem = "subdomain, local_host: at most 255 bytes";
    else if (to.name.size() > name_max)
        problem = "name: at most 128 bytes";
    return problem.empty();
}

Judgement judge_handshake(std::string_view json, const Policy &policy, Penalties &penalties,
                          uint64_t source, Micros now, Handshake &out)
{
    std::string problem;
    ControlMessage message = read_control(json, problem);
    if (!message)
        return refuse(refusal::protocol, problem);
    if (message->type != TN_CONTROL_HANDSHAKE)
        return refuse(refusal::protocol, "the first message must be a handshake");
    if (!copy_wishes(*message, out.wishes, problem))
        return refuse(refusal::protocol, problem);
    std::string client_id = text_or(message->client_id, "");
    if (client_id.size() > client_id_max)
        return refuse(refusal::protocol, "client_id: at most 128 bytes");
    bool carriers = offers(*message, "carriers");
    if (carriers)
        out.joins = text_or(message->session_id, "");
    if (!out.joins.empty() && !out.wishes.empty())
        return refuse(refusal::protocol, "session_id: a link that joins asks for no tunnels");
    if (message->version != TN_PROTOCOL_VERSION)
        return refuse(refusal::version);

    if (Micros wait = penalties.wait(source, now))
        return refuse(refusal::rate_limited, {}, wait);
    auto who = policy.tokens.find(text_or(message->token, ""));
    if (!who) {
        penalties.failed(source, now);
        return refuse(refusal::unauthorized);
    }
    penalties.forgive(source);
    out.who = *who;
    out.who.client_id = std::move(client_id);
    out.control = offers(*message, "control");
    out.small_window = offers(*message, "small-window");
    out.short_header = offers(*message, "short-header");
    out.account = offers(*message, "account") && out.who.allowed.size() <= allowed_told_max;
    out.handover = offers(*message, "handover");
    if (out.handover)
        out.replaces = text_or(message->replaces, "");
    out.carriers =
        carriers && policy.settings.max_links_per_session > 1 && !out.who.client_id.empty();
    return {};
}

} // namespace tunnel
