// SPDX-License-Identifier: ISC

#include "client/lane.h"

#include "base/log.h"

namespace tunnel {
namespace {

const char *name(int state)
{
    static constexpr const char *names[] = {"idle", "dialing", "session", "waiting"};
    return names[state];
}

} // namespace

Backoff::Settings Lane::backoff_settings(const ClientSettings &settings)
{
    return {settings.reconnect_initial_delay, settings.reconnect_max_delay,
            settings.reconnect_multiplier, settings.reconnect_max_attempts};
}

Lane::Lane(Session::Context &context, std::shared_ptr<TlsContext> tls, Owner &owner)
    : backoff(backoff_settings(context.visits.settings)), context_(context), tls_(std::move(tls)),
      owner_(owner), server_(settings().server()), retry_(loop(), [this] { start_dialing(); })
{}

Lane::~Lane() = default;

void Lane::enter(State next)
{
    log_debug("lane state", {{"from", name(int(state_))}, {"to", name(int(next))}});
    state_ = next;
}

void Lane::dial(const std::string &joins)
{
    joins_ = joins;
    start_dialing();
}

void Lane::dial_in(Micros delay, const std::string &joins)
{
    joins_ = joins;
    enter(State::waiting);
    retry_.start(delay);
}

void Lane::start_dialing()
{
    enter(State::dialing);
    lifetime_ = 0;
    deadline_ = loop().now() + settings().handshake_timeout;
    auto done = [this](Dialer::Outcome outcome) { on_dialed(std::move(outcome)); };
    dialer_ = std::make_unique<Dialer>(loop(), server_.host, server_.port,
                                       settings().handshake_timeout, done);
}

void Lane::on_dialed(Dialer::Outcome outcome)
{
    loop().retire(std::move(dialer_)); // we are inside its callback
    if (!outcome.socket)
        return end({SessionEnd::Why::lost, {}, outcome.error, 0, outcome_hop(outcome)});
    enter(State::session);
    SslPtr ssl = tls_ ? tls_->connect(server_.host) : nullptr;
    session_ = std::make_unique<Session>(context_, std::move(outcome.socket), std::move(ssl),
                                         deadline_, joins_, static_cast<Session::Owner &>(*this));
}

void Lane::on_session_online(Session &) noexcept { owner_.on_lane_online(*this); }

void Lane::on_session_tunnel(const TunnelChanges::Told &told) noexcept
{
    owner_.on_lane_tunnel(told);
}

void Lane::on_session_end(Session &session, const SessionEnd &reason) noexcept
{
    if (&session != session_.get())
        return; // cancelled a moment ago
    Micros since = session.online_since();
    lifetime_ = since != 0 ? loop().now() - since : 0;
    SessionEnd kept = reason; // lives in the session
    loop().retire(std::move(session_));
    end(kept);
}

void Lane::end(const SessionEnd &reason)
{
    enter(State::idle);
    owner_.on_lane_end(*this, reason);
}

void Lane::cancel()
{
    if (stands())
        return;
    retry_.stop();
    dialer_.reset();
    if (session_)
        loop().retire(std::move(session_));
    enter(State::idle);
}

void Lane::hand_over()
{
    if (!stands())
        return cancel();
    session_->hand_over();
}

void Lane::leave()
{
    if (!stands())
        return cancel();
    session_->drain();
}

} // namespace tunnel
