// SPDX-License-Identifier: ISC

#include "server/admin.h"

#include "base/failure.h"
#include "base/held_memory.h"
#include "base/log.h"
#include "base/text.h"
#include "server/admin_report.h"
#include "server/session.h"

#include <algorithm>
#include <jansson.h>
#include <set>
#include <unistd.h>

namespace tunnel {

namespace {

constexpr mode_t socket_mode = 0660;
constexpr size_t reason_max = 200; // bytes of what a kicked client is told
constexpr Micros longest_ban = 30 * 86400 * second;

struct JsonFreer {
    void operator()(json_t *value) const { json_decref(value); }
};
using Json = std::unique_ptr<json_t, JsonFreer>;

std::string text_in(const Json &object, const char *key)
{
    const char *text = json_string_value(json_object_get(object.get(), key));
    return text ? text : "";
}

// A span of time in milliseconds; 0 without it.
Micros span_in(const Json &object, const char *key)
{
    const json_int_t ms = json_integer_value(json_object_get(object.get(), key));
    return std::min<Micros>(Micros(std::max<json_int_t>(ms, 0)) * millisecond, longest_ban);
}

// An order without a body is one without wishes.
Json read_order(const WebCall &call)
{
    return Json(call.body.empty() ? json_object() : call.read_json());
}

} // namespace

Admin::Admin(Loop &loop, Levers &server, Lobby &lobby)
    : loop_(loop), server_(server), lobby_(lobby), feed_(loop), alive_(std::make_shared<bool>(true))
{}

Admin::~Admin()
{
    *alive_ = false;
    if (socket_)
        unlink(socket_path_.c_str());
}

// ---------------------------------------------------------------- doors

void Admin::open(Descriptor metrics_port)
{
    if (server_.policy().settings.admin_socket != socket_path_)
        open_socket();
    if (server_.policy().settings.metrics_addr != metrics_addr_)
        open_metrics(std::move(metrics_port));
}

void Admin::open_socket()
{
    if (socket_)
        unlink(socket_path_.c_str());
    loop_.retire(std::move(socket_));
    socket_path_ = server_.policy().settings.admin_socket;
    if (socket_path_.empty())
        return;
    try {
        Descriptor listening = listen_local(socket_path_, socket_mode);
        socket_ = std::make_unique<WebServer>(loop_, socket_routes());
        socket_->set_guard([](const WebCall &call) { return call.peer.trusted; });
        socket_->listen(std::move(listening));
    } catch (const Failure &failure) {
        log_warn("no control socket: tunnelctl cannot look in", {{"why", failure.what()}});
    }
}

void Admin::open_metrics(Descriptor port)
{
    loop_.retire(std::move(metrics_));
    metrics_addr_ = server_.policy().settings.metrics_addr;
    metrics_at_ = port ? Address::local_of(port.get()).text() : "";
    if (!port)
        return;
    log_info("listening", {{"kind", "metrics"}, {"addr", metrics_at_}});
    metrics_ = std::make_unique<WebServer>(loop_, metrics_routes());
    metrics_->listen(std::move(port));
}

// A question that every worker has to answer.
WebServer::Route Admin::looking(const char *path, Answer answer)
{
    return {"GET", path, [this, answer = std::move(answer)](const Call &call) {
                take_survey(server_.workers(),
                            [alive = alive_, answer, call](const Survey &survey) {
                                if (*alive)
                                    answer(call, survey);
                            });
            }};
}

std::vector<WebServer::Route> Admin::metrics_routes()
{
    return {
        looking("/metrics", [this](const Call &call, const Survey &s) { answer_metrics(call, s); }),
        looking("/health",
                [this](const Call &call, const Survey &s) {
                    call->answer_json(200, report_health(s, facts()));
                }),
        {"GET", "/ready", [this](const Call &call) { answer_ready(call); }},
    };
}

std::vector<WebServer::Route> Admin::socket_routes()
{
    std::vector<WebServer::Route> routes = metrics_routes();
    auto clients = [this](const Call &call, const Survey &s) { answer_clients(call, s); };
    auto tunnels = [this](const Call &call, const Survey &s) { answer_tunnels(call, s); };
    WebServer::Route kick_route =
        looking("/v1/clients/*/kick", [this](const Call &call, const Survey &s) { kick(call, s); });
    kick_route.method = "POST";
    std::vector<WebServer::Route> more = {
        looking("/v1/status",
                [this](const Call &call, const Survey &s) {
                    call->answer_json(200, report_status(s, facts(), server_));
                }),
        looking("/v1/debug",
                [this](const Call &call, const Survey &s) {
                    call->answer_json(200, report_debug(s, facts(), server_));
                }),
        looking("/v1/clients", clients),
        looking("/v1/clients/*", clients),
        looking("/v1/tunnels", tunnels),
        looking("/v1/tunnels/*", tunnels),
        std::move(kick_route),
        {"POST", "/v1/drain", [this](const Call &call) { drain(call); }},
        {"POST", "/v1/reload", [this](const Call &call) { reload(call); }},
        {"GET", "/v1/log",
         [](const Call &call) {
             call->answer_json(200, json_pack("{s:s}", "level", log_level_name(log_level())));
         }},
        {"POST", "/v1/log", [this](const Call &call) { set_log_level(call); }},
        {"GET", "/v1/log/follow", [this](const Call &call) { feed_.follow(call); }},
    };
    routes.insert(routes.end(), more.begin(), more.end());
    return routes;
}

// ---------------------------------------------------------------- answers

ServerFacts Admin::facts() const
{
    const Policy &policy = server_.policy();
    ServerFacts facts;
    facts.up = loop_.now() - started_;
    facts.descriptors = count_descriptors();
    facts.descriptor_limit = policy.descriptors;
    facts.log_lost = log_lost();
    facts.memory_held = held_memory();
    facts.memory_limit = policy.settings.memory;
    facts.memory_step = unsigned(server_.workers().front()->memory_step());
    facts.tls = policy.tls != nullptr;
    facts.certificate_left = policy.tls ? double(policy.tls->days_left()) * 86400 : 0;
    facts.draining = server_.is_draining();
    facts.metrics_addr = metrics_at_;
    facts.per_subdomain = policy.settings.metrics_per_subdomain;
    return facts;
}

void Admin::answer_clients(const Call &call, const Survey &survey)
{
    Json clients(report_clients(survey, call->word));
    if (!call->word.empty() && json_array_size(json_object_get(clients.get(), "clients")) == 0)
        return call->answer_error(404, "no_client", "there is no client " + call->word);
    call->answer_json(200, clients.release());
}

void Admin::answer_tunnels(const Call &call, const Survey &survey)
{
    // A whole host, or the name in front of the domain.
    std::string name = to_lower(call->word);
    for (const std::string &domain : server_.policy().settings.domains)
        if (name.ends_with("." + domain))
            name.resize(name.size() - domain.size() - 1);
    Json tunnels(report_tunnels(survey, name, loop_.now()));
    if (!name.empty() && json_array_size(json_object_get(tunnels.get(), "tunnels")) == 0)
        return call->answer_error(404, "no_tunnel", "there is no tunnel " + call->word);
    call->answer_json(200, tunnels.release());
}

void Admin::answer_metrics(const Call &call, const Survey &survey)
{
    call->answer(200, "text/plain; version=0.0.4; charset=utf-8", render_metrics(survey, facts()));
}

void Admin::answer_ready(const Call &call)
{
    const bool ready = !server_.is_draining();
    call->answer(ready ? 200 : 503, "text/plain", ready ? "ready\n" : "draining\n");
}

// ---------------------------------------------------------------- orders

// The beginning of a session's name is enough, if it is the only one.
void Admin::kick(const Call &call, const Survey &survey)
{
    const Json order = read_order(*call);
    if (!order)
        return call->answer_error(400, "bad_order", "expected a JSON object");
    std::set<std::string> sessions;
    for (const LinkReport &link : survey.sessions)
        if (link.session.starts_with(call->word))
            sessions.insert(link.session);
    if (sessions.size() != 1)
        return call->answer_error(sessions.empty() ? 404 : 409, "no_client",
                                  sessions.empty() ? "there is no client " + call->word
                                                   : "more than one client is " + call->word);
    const std::string why = text_in(order, "reason").substr(0, reason_max);
    const Micros span = span_in(order, "for_ms"), now = loop_.now();
    for (const LinkReport &link : survey.sessions) {
        if (link.session != *sessions.begin())
            continue;
        if (span != 0)
            lobby_.bans().add(link.who, now + span, why, now);
        Worker &there = *server_.workers()[link.ref.worker];
        there.loop().post([&there, id = link.ref.id, why] {
            if (Session *session = there.find_session(id))
                session->dismiss(refusal::kicked, why);
        });
    }
    log_warn(
        "session kicked",
        {{"session", *sessions.begin()}, {"seconds", double(span) / double(second)}, {"why", why}});
    call->answer_json(200, json_pack("{s:s}", "id", sessions.begin()->c_str()));
}

void Admin::drain(const Call &call)
{
    const Json order = read_order(*call);
    if (!order)
        return call->answer_error(400, "bad_order", "expected a JSON object");
    if (server_.is_draining())
        return call->answer_error(409, "draining", "the server is stopping already");
    const bool given = json_object_get(order.get(), "timeout_ms") != nullptr;
    const Micros grace =
        given ? span_in(order, "timeout_ms") : server_.policy().settings.drain_timeout;
    call->answer_json(202, json_pack("{s:s,s:f}", "state", "draining", "seconds",
                                     double(grace) / double(second)));
    server_.drain(grace);
}

void Admin::reload(const Call &call)
{
    // After it, this very socket may be another one.
    const std::string wrong = server_.reload();
    if (!wrong.empty())
        return call->answer_error(409, "reload_refused", wrong);
    call->answer_json(200, json_pack("{s:s}", "state", "reloaded"));
}

void Admin::set_log_level(const Call &call)
{
    const Json order = read_order(*call);
    const std::string wanted = order ? text_in(order, "level") : "";
    for (LogLevel level : {LogLevel::error, LogLevel::warn, LogLevel::info, LogLevel::debug}) {
        if (wanted != log_level_name(level))
            continue;
        log_set_level(level);
        return call->answer_json(200, json_pack("{s:s}", "level", log_level_name(level)));
    }
    call->answer_error(400, "bad_level", "expected error, warn, info or debug");
}

} // namespace tunnel
