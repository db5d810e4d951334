// SPDX-License-Identifier: ISC

#include "client/client.h"

#include "base/held_memory.h"
#include "base/log.h"
#include "net/address.h"

#include <dirent.h>
#include <set>

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

} // namespace

Client::Client(const ClientSettings &settings, ClientId id, bool json)
    : id_(std::move(id)), status_(loop_, settings, json, [this] { return live_numbers(); }),
      router_(settings.tunnels),
      pool_(loop_, settings), visits_{loop_, pool_, router_, settings, {}},
      mux_pool_(make_mux_pool()), context_{visits_, router_, mux_pool_.get(), id_.text()},
      supervisor_(context_, make_client_tls(settings), status_,
                  [this](const Complaint *complaint) { on_ended(complaint); }),
      shedder_(loop_, settings.memory, supervisor_, pool_),
      signals_(loop_, {SIGINT, SIGTERM, SIGUSR1, SIGUSR2},
               [this](int signal) { on_signal(signal); }),
      watchdog_(loop_, [this] { prove_life(); })
{
    visits_.has_room_for = [this](const LocalTarget &target) {
        return shedder_.has_room_for(target);
    };
    if (status_.wants_visits())
        visits_.on_done = [this](const VisitRecord &record) { status_.visit(record); };
}

Client::~Client() = default;

int Client::run()
{
    look_for_local_services();
    supervisor_.start();
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

void Client::on_ended(const Complaint *complaint)
{
    if (complaint) {
        status_.failed(*complaint);
        exit_ = complaint->exit;
    }
    loop_.stop();
}

// Tells a user early that he has mistyped the port, or not started his service. That is no
// failure: it may come later.
void Client::look_for_local_services()
{
    std::set<LocalTarget> seen;
    for (const Router::Tunnel &tunnel : router_.tunnels()) {
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
    if (size_t visits = supervisor_.gauges().visits)
        status_.closing(visits);
    supervisor_.stop();
}

LiveNumbers Client::live_numbers() const
{
    Supervisor::Gauges now = supervisor_.gauges();
    return {now.visits, now.rtt};
}

void Client::write_gauges()
{
    Supervisor::Gauges now = supervisor_.gauges();
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
