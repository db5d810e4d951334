// SPDX-License-Identifier: ISC

#include "client/door.h"

#include "base/failure.h"
#include "base/log.h"
#include "client/door_place.h"
#include "client/engagement.h"

#include <config.h>
#include <jansson.h>
#include <unistd.h>

namespace tunnel {
namespace {

constexpr mode_t mode = 0600;

bool is_user(const WebCall &call)
{
    return call.peer.known && (call.peer.uid == 0 || call.peer.uid == geteuid());
}

json_t *report_tunnel(const Router::Tunnel &tunnel, const Traffic::Sum &sum)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "name", tunnel.name.c_str(),
                     "subdomain", tunnel.subdomain.c_str(), "url", tunnel.url.c_str(), "local",
                     tunnel.target.text().c_str(), "state", tunnel.active ? "active" : "refused",
                     "requests", json_int_t(sum.requests), "failed", json_int_t(sum.failed),
                     "bytes_in", json_int_t(sum.bytes_in), "bytes_out", json_int_t(sum.bytes_out));
}

// Without its tunnels.
json_t *report_client(const ClientFacts &facts, const ClientSettings &settings)
{
    json_t *online = facts.online ? json_real(*facts.online) : json_null();
    return json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:f,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s}", "pid",
                     int(getpid()), "version", PACKAGE_VERSION, "state", facts.state, "config",
                     facts.config_file.c_str(), "server", settings.server_addr.c_str(), "session",
                     facts.session.c_str(), "up_seconds", facts.up, "online_seconds", online,
                     "links", json_int_t(facts.gauges.links), "links_wanted",
                     json_int_t(settings.connections), "visits", json_int_t(facts.gauges.visits),
                     "buffered_bytes", json_int_t(facts.gauges.buffered_bytes), "local_open",
                     json_int_t(facts.local.open), "local_idle", json_int_t(facts.local.idle),
                     "local_waiting", json_int_t(facts.local.waiting), "descriptors",
                     json_int_t(facts.descriptors), "log_level", log_level_name(log_level()));
}

} // namespace

Door::Door(Loop &loop, DoorOwner &owner) : loop_(loop), owner_(owner) {}

Door::~Door()
{
    if (!path_.empty())
        unlink(path_.c_str());
}

void Door::open()
{
    auto call = [this](void (Door::*handle)(WebCall &)) {
        return [this, handle](const std::shared_ptr<WebCall> &one) { (this->*handle)(*one); };
    };
    try {
        const std::string path = own_door();
        Descriptor listening = listen_local(path, mode);
        path_ = path;
        server_ = std::make_unique<WebServer>(loop_,
                                              std::vector<WebServer::Route>{
                                                  {"GET", "/v1/status", call(&Door::answer_status)},
                                                  {"POST", "/v1/tunnels/*/stop", call(&Door::stop)},
                                              });
        server_->set_guard(is_user);
        server_->listen(std::move(listening));
    } catch (const Failure &failure) {
        log_info("no control socket: tunnel list, status and stop do not see this client",
                 {{"why", failure.what()}});
    }
}

void Door::answer_status(WebCall &call)
{
    json_t *tunnels = json_array();
    for (const Router::Tunnel &tunnel : owner_.engagement().router.tunnels())
        json_array_append_new(tunnels, report_tunnel(tunnel, owner_.counts().of(tunnel.subdomain)));
    json_t *report = report_client(owner_.facts(), owner_.engagement().settings);
    json_object_set_new(report, "tunnels", tunnels);
    call.answer_json(200, report);
}

void Door::stop(WebCall &call)
{
    switch (owner_.stop_tunnel(call.word)) {
    case DoorOwner::Stop::none:
        return call.answer_error(404, "no_tunnel", "there is no tunnel " + call.word);
    case DoorOwner::Stop::busy:
        return call.answer_error(409, "busy", "a reload is on its way; try again");
    case DoorOwner::Stop::goes_on:
        return call.answer_json(
            200, json_pack("{s:s,s:s}", "name", call.word.c_str(), "client", "goes on"));
    case DoorOwner::Stop::last:
        return call.answer_json(
            200, json_pack("{s:s,s:s}", "name", call.word.c_str(), "client", "ends"));
    }
}

} // namespace tunnel
