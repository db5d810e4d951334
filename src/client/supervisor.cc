// SPDX-License-Identifier: ISC

#include "client/supervisor.h"

#include "base/log.h"
#include "base/random.h"

namespace tunnel {
namespace {

const char *name(int state)
{
    static constexpr const char *names[] = {"idle", "dialing", "session", "waiting"};
    return names[state];
}

double random_fraction() // [0, 1)
{
    constexpr uint64_t steps = uint64_t(1) << 53;
    return double(random_below(steps)) / double(steps);
}

Backoff::Settings backoff_settings(const ClientSettings &settings)
{
    return {settings.reconnect_initial_delay, settings.reconnect_max_delay,
            settings.reconnect_multiplier, settings.reconnect_max_attempts};
}

} // namespace

Supervisor::Supervisor(Session::Context &context, std::shared_ptr<TlsContext> tls, Status &status,
                       Ended ended)
    : context_(context), tls_(std::move(tls)), status_(status), ended_(std::move(ended)),
      server_(settings().server()), backoff_(backoff_settings(settings())),
      retry_(context.visits.loop, [this] { dial(); })
{}

Supervisor::~Supervisor() = default;

void Supervisor::enter(State next)
{
    log_debug("supervisor state", {{"from", name(int(state_))}, {"to", name(int(next))}});
    state_ = next;
}

void Supervisor::dial()
{
    enter(State::dialing);
    deadline_ = loop().now() + settings().handshake_timeout;
    auto done = [this](Dialer::Outcome outcome) { on_dialed(std::move(outcome)); };
    dialer_ = std::make_unique<Dialer>(loop(), server_.host, server_.port,
                                       settings().handshake_timeout, done);
}

void Supervisor::on_dialed(Dialer::Outcome outcome)
{
    loop().retire(std::move(dialer_)); // we are inside its callback
    if (!outcome.socket)
        return on_end({SessionEnd::Why::lost, {}, outcome.error, 0});
    enter(State::session);
    SslPtr ssl = tls_ ? tls_->connect(server_.host) : nullptr;
    session_ = std::make_unique<Session>(context_, std::move(outcome.socket), std::move(ssl),
                                         deadline_, static_cast<Session::Owner &>(*this));
}

void Supervisor::on_session_online(Session &session) noexcept
{
    status_.online(session.id(), settings().server_addr);
    const auto &tunnels = context_.router.tunnels();
    for (size_t i = 0; i < tunnels.size(); i++)
        if (session.answers()[i].active)
            status_.tunnel(i, tunnels[i]);
        else
            status_.refused(tunnels[i], session.answers()[i]);
    stood_ = true;
}

void Supervisor::on_session_end(Session &session, const SessionEnd &end) noexcept
{
    if (session.online_since() != 0)
        backoff_.lived(loop().now() - session.online_since());
    SessionEnd kept = end; // lives in the session
    loop().retire(std::move(session_));
    on_end(kept);
}

void Supervisor::on_end(const SessionEnd &end)
{
    if (stopping_ || end.why == SessionEnd::Why::stopped)
        return finish(nullptr);
    Verdict verdict = judge(
        {end, settings().server_addr, refused_tunnel(), stood_, settings().reconnect_enabled});
    if (verdict.final)
        return finish(&verdict.complaint);
    wait(end, verdict.complaint);
}

void Supervisor::wait(const SessionEnd &end, const Complaint &complaint)
{
    Micros delay = backoff_.fail(random_fraction(), end.retry_after);
    if (backoff_.exhausted())
        return finish(&complaint);
    enter(State::waiting);
    bool by_server = end.why == SessionEnd::Why::refused;
    bool serious = end.why != SessionEnd::Why::lost;
    status_.waiting(serious ? LogLevel::warn : LogLevel::info, delay, backoff_.failures(),
                    by_server ? complaint.what : end.sentence);
    retry_.start(delay);
}

// The tunnel that a refused login was about: the first that was not granted.
std::string Supervisor::refused_tunnel() const
{
    for (const Router::Tunnel &tunnel : context_.router.tunnels())
        if (!tunnel.active && !tunnel.subdomain.empty())
            return tunnel.subdomain;
    return {};
}

void Supervisor::stop()
{
    stopping_ = true;
    if (session_)
        return session_->drain();
    dialer_.reset();
    finish(nullptr);
}

void Supervisor::finish(const Complaint *complaint)
{
    if (!ended_)
        return;
    enter(State::idle);
    retry_.stop();
    Ended ended = std::move(ended_);
    ended_ = nullptr;
    ended(complaint);
}

} // namespace tunnel
