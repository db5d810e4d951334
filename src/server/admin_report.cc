// SPDX-License-Identifier: ISC

#include "server/admin_report.h"

#include "base/log.h"
#include "config.h"

#include <algorithm>
#include <jansson.h>
#include <map>
#include <unistd.h>

namespace tunnel {

namespace {

double seconds(Micros span) { return double(span) / double(second); }
double milliseconds(Micros span) { return double(span) / double(millisecond); }
json_int_t integer(uint64_t number) { return json_int_t(number); }

json_t *text(const std::string &bytes)
{
    json_t *value = json_stringn(bytes.data(), bytes.size());
    return value ? value : json_string("?"); // what is no UTF-8
}

json_t *listening(const char *kind, const std::string &address, bool tls)
{
    return json_pack("{s:s,s:s,s:b}", "kind", kind, "addr", address.c_str(), "tls", int(tls));
}

json_t *rejects(const Survey &survey)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < reason_count; i++)
        if (survey.rejects[i] != 0)
            json_object_set_new(object, reason_name(Reason(i)),
                                json_integer(integer(survey.rejects[i])));
    return object;
}

std::map<std::string, std::vector<const LinkReport *>> by_session(const Survey &survey)
{
    std::map<std::string, std::vector<const LinkReport *>> sessions;
    for (const LinkReport &link : survey.sessions)
        sessions[link.session].push_back(&link);
    return sessions;
}

json_t *link_json(const LinkReport &link)
{
    return json_pack("{s:s,s:i,s:s,s:f,s:I,s:I,s:I,s:I,s:f}", "peer", link.peer.c_str(), "worker",
                     int(link.ref.worker), "state", link.state, "seconds", seconds(link.age),
                     "streams", integer(link.visits), "bytes_in", integer(link.bytes_in),
                     "bytes_out", integer(link.bytes_out), "buffered_bytes", integer(link.buffered),
                     "rtt_ms", milliseconds(link.rtt));
}

json_t *names_of(const Survey &survey, const std::string &session)
{
    json_t *names = json_array();
    for (const Directory::Bound &bound : survey.tunnels)
        if (bound.session == session)
            json_array_append_new(names, json_string(bound.tunnel->subdomain.c_str()));
    return names;
}

// The oldest link speaks for the session in what all have alike.
json_t *client_json(const Survey &survey, const std::vector<const LinkReport *> &links)
{
    const LinkReport &first = *links.front();
    uint64_t streams = 0, in = 0, out = 0;
    json_t *list = json_array();
    for (const LinkReport *link : links) {
        streams += link->visits;
        in += link->bytes_in;
        out += link->bytes_out;
        json_array_append_new(list, link_json(*link));
    }
    return json_pack("{s:s,s:o,s:s,s:o,s:s,s:s,s:f,s:I,s:I,s:I,s:f,s:o,s:o}", "id",
                     first.session.c_str(), "user", text(first.who.user), "token",
                     token_id(first.who.token).c_str(), "client_id", text(first.who.client_id),
                     "peer", first.peer.c_str(), "state", first.state, "seconds",
                     seconds(first.age), "streams", integer(streams), "bytes_in", integer(in),
                     "bytes_out", integer(out), "rtt_ms", milliseconds(first.rtt), "tunnels",
                     names_of(survey, first.session), "links", list);
}

json_t *tunnel_json(const Directory::Bound &bound, Micros now)
{
    const Tunnel &tunnel = *bound.tunnel;
    const Traffic &traffic = tunnel.traffic;
    const Micros last = traffic.last.load();
    return json_pack("{s:s,s:o,s:s,s:s,s:o,s:o,s:I,s:I,s:I,s:I,s:o}", "subdomain",
                     tunnel.subdomain.c_str(), "name", text(tunnel.name), "url", tunnel.url.c_str(),
                     "session", bound.session.c_str(), "user", text(bound.user), "local",
                     text(tunnel.local_host + ":" + std::to_string(tunnel.local_port)), "requests",
                     integer(traffic.requests), "failed", integer(traffic.failed), "bytes_in",
                     integer(traffic.bytes_in), "bytes_out", integer(traffic.bytes_out),
                     "idle_seconds",
                     last == 0 ? json_null() : json_real(seconds(now - std::min(last, now))));
}

} // namespace

json_t *report_status(const Survey &survey, const ServerFacts &facts, Levers &server)
{
    const Policy &policy = server.policy();
    json_t *listen = json_array();
    json_array_append_new(
        listen, listening("control", server.control_address().text(), policy.tls != nullptr));
    json_array_append_new(listen, listening("http", server.http_address().text(), false));
    if (!facts.metrics_addr.empty())
        json_array_append_new(listen, listening("metrics", facts.metrics_addr, false));
    json_t *status = json_pack(
        "{s:s,s:i,s:s,s:f,s:s,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "version", PACKAGE_VERSION,
        "pid", int(getpid()), "state", facts.draining ? "draining" : "running", "up_seconds",
        seconds(facts.up), "domain", policy.settings.domains.front().c_str(), "listen", listen,
        "clients", integer(survey.clients()), "links", integer(survey.links), "tunnels",
        integer(survey.tunnels.size()), "visitors", integer(survey.visitors), "streams",
        integer(survey.streams), "requests", integer(survey.requests()), "bytes_in",
        integer(survey.bytes_in), "bytes_out", integer(survey.bytes_out), "buffered_bytes",
        integer(survey.buffered));
    const auto slowest = std::max_element(survey.loop_delays.begin(), survey.loop_delays.end());
    json_t *more = json_pack(
        "{s:I,s:I,s:I,s:f,s:s,s:I,s:I,s:I,s:I,s:o}", "workers", integer(survey.loop_delays.size()),
        "descriptors", integer(facts.descriptors), "descriptors_max",
        integer(facts.descriptor_limit), "loop_delay_ms",
        milliseconds(slowest == survey.loop_delays.end() ? 0 : *slowest), "log_level",
        log_level_name(log_level()), "log_lost", integer(facts.log_lost), "logins_refused",
        integer(survey.logins_refused), "handshakes_dropped", integer(survey.handshakes_dropped),
        "tokens", integer(policy.tokens.size()), "rejects", rejects(survey));
    json_object_update(status, more);
    json_decref(more);
    if (policy.tls)
        json_object_set_new(status, "certificate",
                            json_pack("{s:s,s:I}", "fingerprint", policy.tls->fingerprint().c_str(),
                                      "days_left", json_int_t(policy.tls->days_left())));
    return status;
}

json_t *report_health(const Survey &survey, const ServerFacts &facts)
{
    return json_pack("{s:s,s:I,s:I}", "status", facts.draining ? "draining" : "ok", "sessions",
                     integer(survey.clients()), "tunnels", integer(survey.tunnels.size()));
}

json_t *report_clients(const Survey &survey, const std::string &name)
{
    json_t *clients = json_array();
    for (const auto &[session, links] : by_session(survey))
        if (session.starts_with(name))
            json_array_append_new(clients, client_json(survey, links));
    return json_pack("{s:o}", "clients", clients);
}

json_t *report_tunnels(const Survey &survey, const std::string &name, Micros now)
{
    json_t *tunnels = json_array();
    for (const Directory::Bound &bound : survey.tunnels)
        if (name.empty() || name == bound.tunnel->subdomain)
            json_array_append_new(tunnels, tunnel_json(bound, now));
    return json_pack("{s:o}", "tunnels", tunnels);
}

json_t *report_debug(const Survey &survey, const ServerFacts &facts, Levers &server)
{
    json_t *delays = json_array();
    for (Micros delay : survey.loop_delays)
        json_array_append_new(delays, json_real(milliseconds(delay)));
    json_t *debug =
        json_pack("{s:o,s:o,s:s}", "status", report_status(survey, facts, server), "loop_delays_ms",
                  delays, "settings", server_dump(server.policy().settings).c_str());
    json_t *clients = report_clients(survey, "");
    json_object_update(debug, clients);
    json_decref(clients);
    json_t *tunnels = report_tunnels(survey, "", monotonic_now());
    json_object_update(debug, tunnels);
    json_decref(tunnels);
    return debug;
}

} // namespace tunnel
