// SPDX-License-Identifier: ISC

#include "server/session.h"

#include "base/log.h"
#include "base/random.h"
#include "net/dialer.h"
#include "server/worker.h"

#include <algorithm>
#include <utility>

namespace tunnel {

namespace {

SslPtr accept_tls(const Policy &policy) { return policy.tls ? policy.tls->accept() : nullptr; }

} // namespace

Session::Session(Worker &worker, uint64_t id, Descriptor socket, const Address &peer,
                 Lobby::Place place)
    : worker_(worker), carrier_(std::make_shared<Carrier>(SessionRef{worker.index(), id}, this)),
      name_("sess_" + random_hex(8)), peer_(peer), place_(std::move(place)),
      timer_(worker.loop(), [this] { on_timeout(); }),
      link_(worker.loop(), worker.mux_pool(), std::move(socket), accept_tls(worker.policy()),
            TN_SERVER, worker.policy().mux_config(), *this),
      conversation_(*this)
{
    const ServerSettings &settings = worker.settings();
    if (settings.user_timeout != 0)
        set_user_timeout(link_.connection().fd(), settings.user_timeout);
    if (settings.handshake_timeout != 0)
        timer_.start(settings.handshake_timeout);
}

void Session::enter(State next)
{
    if (is_logged_in() && next != State::draining)
        worker_.counters().links.sub();
    if (next == State::open) {
        worker_.counters().links.add();
        worker_.counters().logins.add();
    }
    state_ = next;
}

// ---------------------------------------------------------------- life

void Session::on_link_stream(std::unique_ptr<Stream> stream) noexcept
{
    conversation_.accept(std::move(stream));
}

// It will serve no more visits on this link; most likely it comes back on another.
void Session::on_link_goaway() noexcept
{
    if (state_ == State::open)
        wind_down(worker_.settings().drain_timeout);
}

void Session::begin(const Identity &who)
{
    place_.reset();
    timer_.stop();
    user_ = who.user;
    since_ = worker_.loop().now();
    enter(State::open);
}

const char *Session::state_name() const
{
    static constexpr const char *names[] = {"greeting", "open", "draining", "closing", "ended"};
    return names[int(state_)];
}

void Session::logged_in(const Identity &who, const std::vector<Granted> &granted)
{
    begin(who);
    auto tunnels = std::count_if(granted.begin(), granted.end(),
                                 [](const Granted &one) { return one.tunnel != nullptr; });
    log_info("session open", {{"session", name_},
                              {"peer", peer_.text()},
                              {"user", user_},
                              {"client", who.client_id},
                              {"tunnels", size_t(tunnels)}});
    for (const Granted &one : granted)
        if (one.tunnel)
            log_info("tunnel open", {{"session", name_}, {"tunnel", one.tunnel->subdomain}});
}

void Session::joined(const Identity &who, const std::string &session, size_t links)
{
    name_ = session;
    begin(who);
    log_info("link joined", {{"session", name_},
                             {"peer", peer_.text()},
                             {"worker", worker_.index()},
                             {"links", links}});
}

std::unique_ptr<Stream> Session::open_visit(Stream::Owner &owner, tn_error &why)
{
    why = state_ == State::draining ? TN_ERR_GOAWAY : TN_ERR_CLOSED;
    if (state_ != State::open)
        return nullptr;
    return link_.open(owner, why);
}

uint64_t Session::held() const
{
    const tn_mux_stats stats = link_.stats();
    return stats.buffered + stats.pending + link_.connection().queued();
}

void Session::ask_for_life(Micros timeout, LifeCheck::Answer answer)
{
    std::erase_if(life_checks_, [](const auto &check) { return check->done(); });
    life_checks_.push_back(std::make_unique<LifeCheck>(link_, timeout, std::move(answer)));
}

// ---------------------------------------------------------------- ends

void Session::replace()
{
    if (!is_logged_in())
        return;
    link_.fence(); // what is late of it counts for nothing
    conversation_.tell_error(refusal::replaced);
    close("the same client has logged in again");
}

// It says goodbye when its client has heard of the other one; visits that were opened before the
// names went are on their way there, and it waits for our end of the link.
void Session::hand_over()
{
    wind_down(worker_.settings().drain_timeout);
    handed_over_ = true;
    if (!conversation_.has_control())
        control_ended();
}

void Session::control_ended()
{
    if (handed_over_ && state_ == State::draining)
        link_.drain(worker_.settings().drain_timeout);
}

void Session::on_link_drained() noexcept
{
    if (handed_over_)
        close("its client goes on in another session");
}

void Session::dismiss(const Refusal &why, const std::string &sentence)
{
    if (!is_logged_in())
        return;
    conversation_.tell_error(why, sentence);
    close(sentence.empty() ? why.sentence : sentence);
}

// A name that is lost here, its visitors do not find any more.
void Session::review()
{
    if (!is_logged_in())
        return;
    if (!conversation_.renew_rights())
        return dismiss(refusal::revoked, {});
    for (const auto &tunnel : worker_.directory().restrict(ref(), conversation_.who())) {
        log_warn("tunnel closed", {{"session", name_},
                                   {"tunnel", tunnel->subdomain},
                                   {"code", refusal::name_not_allowed.code}});
        conversation_.tell_lost(tunnel);
    }
}

void Session::drain(Micros grace)
{
    if (state_ == State::greeting)
        return end("the server is shutting down");
    if (!is_logged_in())
        return;
    conversation_.tell_shutdown(grace);
    enter(State::draining);
    link_.drain(grace);
}

void Session::wind_down(Micros grace)
{
    if (state_ != State::open)
        return;
    take_no_visits();
    enter(State::draining);
    timer_.start(grace);
}

// What has been said still goes out.
void Session::stop_talking()
{
    take_no_visits();
    timer_.stop();
    conversation_.end();
    enter(State::closing);
}

void Session::close(const std::string &reason)
{
    if (state_ == State::closing || state_ == State::ended)
        return;
    stop_talking();
    link_.close(reason);
}

void Session::fail(const std::string &reason)
{
    if (state_ == State::closing || state_ == State::ended)
        return;
    stop_talking();
    link_.fail(reason);
}

void Session::on_timeout()
{
    if (state_ == State::greeting)
        return end("no login in time");
    close("the client's time for its goodbye is over");
}

void Session::on_link_closed(const std::string &reason) noexcept { end(reason); }

// New ones go to the session's other links; without any, its names are free.
void Session::take_no_visits()
{
    if (!std::exchange(carrier_->session, nullptr))
        return;
    others_ = worker_.directory().leave(ref(), worker_.settings().name_grace, worker_.loop().now());
}

// The one way out. Everything that belongs to the session goes with it, after this callback.
void Session::end(const std::string &reason)
{
    if (state_ == State::ended)
        return;
    take_no_visits();
    if (others_ == 0)
        log_info("session closed",
                 {{"session", name_}, {"peer", peer_.text()}, {"user", user_}, {"reason", reason}});
    else
        log_info(
            "link closed",
            {{"session", name_}, {"peer", peer_.text()}, {"links", others_}, {"reason", reason}});
    timer_.stop();
    conversation_.end();
    enter(State::ended);
    for (const auto &check : life_checks_)
        check->give_up();
    worker_.end_session(*this);
}

} // namespace tunnel
