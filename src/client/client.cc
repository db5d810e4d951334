// SPDX-License-Identifier: ISC

#include "client/client.h"

#include "base/held_memory.h"
#include "base/log.h"
#include "net/address.h"

#include <csignal>
#include <dirent.h>
#include <poll.h>
#include <set>
#include <unistd.h>
#include <utility>

namespace tunnel {
namespace {

constexpr Micros look_time = 2 * second; // for a service that does not answer at all

size_t count_descriptors()
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 3; // ".", "..", and the folder itself
}

// Whoever started us on a terminal wants us to end with it.
bool terminal_is_gone()
{
    for (int fd : {STDIN_FILENO, STDERR_FILENO}) {
        pollfd one = {fd, 0, 0};
        if (poll(&one, 1, 0) == 1 && (one.revents & (POLLHUP | POLLERR)))
            return true;
    }
    return false;
}

} // namespace

Client::Client(const ClientConfig &config, ClientSource source, bool json)
    : source_(std::move(source)), config_file_(config.config_file), settings_(config.settings),
      on_terminal_(isatty(STDIN_FILENO) || isatty(STDERR_FILENO)),
      status_(loop_, settings_, json, [this] { return live_numbers(); }), pool_(loop_, settings_),
      mux_pool_(make_mux_pool()),
      shedder_(
          loop_, settings_.memory, [this](const auto &act) { each_visit(act); }, pool_),
      signals_(loop_, {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2},
               [this](int signal) { on_signal(signal); }),
      door_(loop_, static_cast<DoorOwner &>(*this)), watchdog_(loop_, [this] { prove_life(); })
{
    current_ = engage(settings_, std::make_shared<ClientId>(source_.identify(config)),
                      make_client_tls(settings_));
}

Client::~Client() = default;

Engagement::Common Client::common()
{
    return {loop_,   pool_,   mux_pool_.get(),
            status_, counts_, static_cast<Supervisor::Owner &>(*this)};
}

Client::EngagementPtr Client::engage(const ClientSettings &settings,
                                     std::shared_ptr<const ClientId> id,
                                     const std::shared_ptr<TlsContext> &tls)
{
    auto made = std::make_unique<Engagement>(
        common(), settings, current_ ? current_->router : Router({}), std::move(id), tls);
    made->visits.has_room_for = [this](const LocalTarget &target) {
        return shedder_.has_room_for(target);
    };
    describe_visits(*made);
    return made;
}

void Client::each_visit(const std::function<void(Visit &)> &act) const
{
    current_->supervisor.each_visit(act);
    for (const EngagementPtr &one : leaving_)
        one->supervisor.each_visit(act);
}

void Client::describe_visits(Engagement &engagement)
{
    engagement.visits.on_done = {};
    if (status_.wants_visits())
        engagement.visits.on_done = [this](const VisitRecord &record) { status_.visit(record); };
}

int Client::run()
{
    door_.open();
    look_for_local_services();
    current_->supervisor.start();
    notifier_.send("READY=1"); // whether the server is there is another matter: it may come later
    prove_life();
    loop_.run();
    status_.ended(exit_);
    return exit_;
}

void Client::prove_life()
{
    const Micros interval = notifier_.watchdog_interval();
    if (interval == 0)
        return;
    notifier_.send("WATCHDOG=1");
    watchdog_.start(interval);
}

// -------------------------------------------------------------------------- engagements

void Client::on_session_stands(Supervisor &supervisor) noexcept
{
    if (successor_ && &supervisor == &successor_->supervisor)
        succeed(std::move(successor_));
}

void Client::on_supervisor_end(Supervisor &supervisor, const Complaint *complaint) noexcept
{
    if (successor_ && &supervisor == &successor_->supervisor)
        return give_up_successor(*complaint);
    if (&supervisor != &current_->supervisor)
        return retire_leaving(supervisor);
    if (!successor_ || stopping_)
        return finish(complaint);
    loop_.retire(std::exchange(current_, std::move(successor_)));
}

void Client::retire_leaving(const Supervisor &supervisor)
{
    for (EngagementPtr &one : leaving_)
        if (&one->supervisor == &supervisor)
            loop_.retire(std::move(one));
    std::erase(leaving_, nullptr);
    end_if_all_left();
}

void Client::finish(const Complaint *complaint)
{
    if (complaint) {
        status_.failed(*complaint);
        exit_ = complaint->exit;
        loop_.stop();
    }
    finished_ = true;
    end_if_all_left();
}

void Client::end_if_all_left()
{
    if (finished_ && leaving_.empty())
        loop_.stop();
}

// Tells a user early that he has mistyped the port, or not started his service. That is no
// failure: it may come later.
void Client::look_for_local_services()
{
    std::set<LocalTarget> seen;
    for (const Router::Tunnel &tunnel : current_->router.tunnels()) {
        LocalTarget target = tunnel.target;
        if (!seen.insert(target).second)
            continue;
        auto done = [this, target](Dialer::Outcome outcome) {
            if (outcome.failed == Dialer::Failed::refused)
                status_.nothing_listens(target);
        };
        lookers_.push_back(
            std::make_unique<Dialer>(loop_, target.host, target.port, look_time, done));
    }
}

// ----------------------------------------------------------------------------- signals

void Client::on_signal(int signal)
{
    switch (signal) {
    case SIGHUP:
        return on_hangup();
    case SIGUSR1:
        return log_reopen();
    case SIGUSR2:
        return write_gauges();
    default:
        return on_stop_signal();
    }
}

void Client::on_stop_signal()
{
    if (stopping_) {
        exit_ = exit_interrupted;
        return loop_.stop();
    }
    stopping_ = true;
    notifier_.send("STOPPING=1");
    if (size_t visits = gauges().visits)
        status_.closing(visits);
    if (successor_)
        loop_.retire(std::move(successor_));
    for (size_t i = leaving_.size(); i > 0; i--)
        leaving_[i - 1]->supervisor.stop();
    current_->supervisor.stop();
}

void Client::on_hangup()
{
    if (on_terminal_ && terminal_is_gone())
        return on_stop_signal();
    if (!stopping_)
        reload();
}

// -------------------------------------------------------------------------------- door

ClientFacts Client::facts() const
{
    ClientFacts facts;
    const Supervisor &supervisor = current_->supervisor;
    const bool online = supervisor.stands();
    facts.state = stopping_ ? "stopping" : online ? "online" : "connecting";
    facts.config_file = config_file_;
    facts.up = double(monotonic_now() - started_) / double(second);
    if (online) {
        facts.session = supervisor.session_id();
        facts.online = double(monotonic_now() - supervisor.session_since()) / double(second);
    }
    facts.gauges = gauges();
    facts.local = pool_.stats();
    facts.descriptors = count_descriptors();
    return facts;
}

// It comes back with the next reload or start. A client without tunnels has nothing to do.
DoorOwner::Stop Client::stop_tunnel(const std::string &name)
{
    std::vector<TunnelSettings> &tunnels = current_->settings.tunnels;
    const size_t place = current_->router.index_of(name);
    if (place == Router::none)
        return Stop::none;
    if (successor_ || stopping_)
        return Stop::busy;
    log_info("tunnel stopped", {{"tunnel", name}});
    if (tunnels.size() == 1) {
        loop_.post([this] { on_stop_signal(); });
        return Stop::last;
    }
    tunnels.erase(tunnels.begin() + ptrdiff_t(place)); // in the router's order
    change_tunnels();
    return Stop::goes_on;
}

// ------------------------------------------------------------------------------ gauges

Supervisor::Gauges Client::gauges() const
{
    Supervisor::Gauges sum = current_->supervisor.gauges();
    for (const EngagementPtr &one : leaving_) {
        const Supervisor::Gauges more = one->supervisor.gauges();
        sum.visits += more.visits;
        sum.streams += more.streams;
        sum.buffered_bytes += more.buffered_bytes;
    }
    return sum;
}

LiveNumbers Client::live_numbers() const
{
    Supervisor::Gauges now = gauges();
    LiveNumbers live = {now.visits, now.rtt};
    for (const Router::Tunnel &tunnel : current_->router.tunnels())
        if (tunnel.active)
            live.tunnels.push_back({tunnel.url, "http://" + tunnel.target.text()});
    return live;
}

void Client::write_gauges()
{
    Supervisor::Gauges now = gauges();
    LocalPool::Stats local = pool_.stats();
    log_info("gauges", {{"descriptors", count_descriptors()},
                        {"sessions", now.links > 0 ? 1 : 0},
                        {"links", now.links},
                        {"streams", now.streams},
                        {"visits", now.visits},
                        {"local_open", local.open},
                        {"local_idle", local.idle},
                        {"local_waiting", local.waiting},
                        {"buffered_bytes", now.buffered_bytes},
                        {"memory_held", held_memory()}});
}

} // namespace tunnel
