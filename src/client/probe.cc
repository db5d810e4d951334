// SPDX-License-Identifier: ISC

#include "client/probe.h"

namespace tunnel {

namespace {

ClientSettings with_short_goodbye(ClientSettings settings)
{
    settings.connections = 1;
    settings.drain_timeout = second;
    return settings;
}

} // namespace

Probe::Probe(const ClientSettings &settings)
    : settings_(with_short_goodbye(settings)), id_(ClientId::random()), router_(settings_.tunnels),
      pool_(loop_, settings_), visits_{loop_, pool_, router_, settings_, {}},
      mux_pool_(make_mux_pool()), context_{visits_, router_, mux_pool_.get(), id_.text()},
      lane_(context_, make_client_tls(settings_), static_cast<Lane::Owner &>(*this))
{}

Probe::~Probe()
{
    lane_.leave();
    while (!lane_.idle())
        loop_.run();
}

bool Probe::log_in()
{
    lane_.dial({});
    loop_.run();
    return lane_.stands();
}

void Probe::on_lane_online(Lane &) noexcept { loop_.stop(); }

void Probe::on_lane_end(Lane &, const SessionEnd &end) noexcept
{
    end_ = end;
    loop_.stop();
}

} // namespace tunnel
