// SPDX-License-Identifier: ISC

#include "client/supervisor.h"

#include "base/random.h"

#include <algorithm>
#include <utility>

namespace tunnel {
namespace {

double random_fraction() // [0, 1)
{
    constexpr uint64_t steps = uint64_t(1) << 53;
    return double(random_below(steps)) / double(steps);
}

LogLevel level_of(const SessionEnd &end)
{
    bool lost = end.why == SessionEnd::Why::lost || end.why == SessionEnd::Why::stopped;
    return lost ? LogLevel::info : LogLevel::warn;
}

} // namespace

Supervisor::Supervisor(Session::Context &context, std::shared_ptr<TlsContext> tls, Status &status,
                       Owner &owner)
    : context_(context), tls_(std::move(tls)), status_(status), owner_(&owner),
      backoff_(Lane::backoff_settings(settings()))
{
    for (uint64_t i = 0; i < settings().connections; i++)
        lanes_.push_back(std::make_unique<Lane>(context, tls_, static_cast<Lane::Owner &>(*this)));
}

Supervisor::~Supervisor() = default;

void Supervisor::start(bool stood_before)
{
    stood_ = stood_before;
    login_ = lanes_.front().get();
    login_->dial({});
}

// ------------------------------------------------------------------------------ coming

void Supervisor::on_lane_online(Lane &lane) noexcept
{
    if (!lane.joins())
        on_session(lane);
    if (joinable_)
        status_.links(gauges().links, lanes_.size());
    else if (lanes_.size() > 1)
        status_.link_lost(LogLevel::warn, 1, lanes_.size(), never, "the server takes no more");
}

void Supervisor::on_session(Lane &lane)
{
    const Session &session = *lane.session();
    login_ = nullptr;
    session_id_ = session.id();
    joinable_ = session.joinable();
    session_since_ = loop().now();
    stood_ = true;
    context_.replaces.clear();
    owner_->on_session_stands(*this);
    status_.online(session_id_, settings().server_addr);
    const auto &tunnels = context_.router.tunnels();
    for (size_t i = 0; i < tunnels.size(); i++)
        if (session.answers()[i].active)
            status_.tunnel(i, tunnels[i]);
        else
            status_.refused(tunnels[i], session.answers()[i]);
    join_others();
}

void Supervisor::on_lane_tunnel(const TunnelChanges::Told &told) noexcept
{
    const Router::Tunnel &tunnel = context_.router.tunnels()[told.index];
    if (told.answer.active)
        status_.tunnel(told.index, tunnel);
    else
        status_.refused(tunnel, told.answer);
}

// Links that still serve the last visits of an older session join when they have ended.
void Supervisor::join_others()
{
    for (const auto &lane : lanes_)
        if (joinable_ && lane->idle())
            lane->dial(session_id_);
}

// ------------------------------------------------------------------------------- going

void Supervisor::on_lane_end(Lane &lane, const SessionEnd &end) noexcept
{
    if (stopping_)
        return finish_if_idle();
    if (&lane == login_)
        return log_in_again(lane, end);
    if (login_)
        return; // it was left over from the session before
    bool fenced =
        end.why == SessionEnd::Why::refused && (lane.lifetime() != 0 || end.code == "SESSION_GONE");
    if (fenced || !stands())
        return on_session_over(lane, end);
    on_link_lost(lane, end);
}

void Supervisor::on_session_over(Lane &lane, const SessionEnd &end)
{
    login_ = &lane;
    for (const auto &other : lanes_)
        if (other.get() != &lane)
            other->leave();
    backoff_.lived(loop().now() - session_since_);
    log_in_again(lane, end);
}

void Supervisor::log_in_again(Lane &lane, const SessionEnd &end)
{
    Verdict verdict = judge(
        {end, settings().server_addr, refused_tunnel(), stood_, settings().reconnect_enabled});
    if (verdict.final)
        return finish(&verdict.complaint);
    Micros delay = backoff_.fail(random_fraction(), end.retry_after);
    if (backoff_.exhausted())
        return finish(&verdict.complaint);
    status_.waiting(level_of(end), delay, backoff_.failures(), verdict.reason);
    lane.dial_in(delay, {});
}

// The session goes on without it. What trying again would not mend is left until the next login.
void Supervisor::on_link_lost(Lane &lane, const SessionEnd &end)
{
    size_t up = gauges().links;
    Verdict verdict = judge({end, settings().server_addr, {}, true, settings().reconnect_enabled});
    if (verdict.final || !joinable_)
        return status_.link_lost(LogLevel::warn, up, lanes_.size(), never, verdict.reason);
    lane.backoff.lived(lane.lifetime());
    Micros delay = lane.backoff.fail(random_fraction(), end.retry_after);
    LogLevel level = lane.backoff.failures() == 1 ? level_of(end) : LogLevel::debug;
    status_.link_lost(level, up, lanes_.size(), delay, verdict.reason);
    lane.dial_in(delay, session_id_);
}

// The tunnel that a refused login was about: the first that was not granted.
std::string Supervisor::refused_tunnel() const
{
    for (const Router::Tunnel &tunnel : context_.router.tunnels())
        if (!tunnel.active && !tunnel.subdomain.empty())
            return tunnel.subdomain;
    return {};
}

// --------------------------------------------------------------------------------- end

void Supervisor::stop()
{
    stopping_ = true;
    for (const auto &lane : lanes_)
        lane->leave();
    finish_if_idle();
}

void Supervisor::hand_over()
{
    stopping_ = true;
    for (const auto &lane : lanes_)
        lane->hand_over();
    finish_if_idle();
}

void Supervisor::finish_if_idle()
{
    if (std::all_of(lanes_.begin(), lanes_.end(), [](const auto &lane) { return lane->idle(); }))
        finish(nullptr);
}

void Supervisor::finish(const Complaint *complaint)
{
    if (!owner_)
        return;
    for (const auto &lane : lanes_)
        lane->cancel();
    std::exchange(owner_, nullptr)->on_supervisor_end(*this, complaint);
}

// ------------------------------------------------------------------------------ change

// A login under way asks for what was wanted before: it is begun again.
bool Supervisor::change_tunnels(const std::vector<std::string> &gone)
{
    if (login_ && login_->session()) {
        login_->cancel();
        login_->dial({});
    }
    for (const auto &lane : lanes_)
        if (carries(*lane) && lane->session()->online())
            return lane->change_tunnels(gone);
    return true; // the next login says it
}

void Supervisor::update(const std::shared_ptr<TlsContext> &tls)
{
    tls_ = tls;
    backoff_.set(Lane::backoff_settings(settings()));
    for (const auto &lane : lanes_) {
        lane->backoff.set(Lane::backoff_settings(settings()));
        lane->set_tls(tls);
    }
}

bool Supervisor::can_hand_over() const
{
    return std::any_of(lanes_.begin(), lanes_.end(), [this](const auto &lane) {
        return carries(*lane) && lane->session()->login().handover;
    });
}

// ------------------------------------------------------------------------------ state

bool Supervisor::carries(const Lane &lane) const
{
    return !login_ && lane.stands() && lane.session()->id() == session_id_;
}

bool Supervisor::stands() const
{
    return std::any_of(lanes_.begin(), lanes_.end(),
                       [this](const auto &lane) { return carries(*lane); });
}

void Supervisor::each_visit(const std::function<void(Visit &)> &act) const
{
    for (const auto &lane : lanes_)
        if (const Session *session = lane->session())
            session->each_visit(act);
}

Supervisor::Gauges Supervisor::gauges() const
{
    Gauges gauges;
    for (const auto &lane : lanes_) {
        const Session *session = lane->session();
        if (!session)
            continue;
        tn_mux_stats mux = session->stats();
        gauges.links += carries(*lane) && session->online();
        gauges.visits += session->visits();
        gauges.streams += mux.streams_in;
        gauges.buffered_bytes += mux.buffered + mux.pending;
        gauges.rtt = gauges.rtt != 0 ? gauges.rtt : mux.rtt_smoothed_us;
    }
    return gauges;
}

} // namespace tunnel
