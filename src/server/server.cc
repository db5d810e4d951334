// SPDX-License-Identifier: ISC

#include "server/server.h"

#include "base/log.h"
#include "base/option_change.h"
#include "server/gauges.h"
#include "server/reload.h"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>

namespace tunnel {

Server::Server(std::shared_ptr<const Policy> policy, Reread reread)
    : reread_(std::move(reread)), policy_(std::move(policy))
{
    const ServerSettings &settings = policy_->settings;
    make_workers();
    open_gates(bind_gates(settings.http_addr, workers_.size()));
    open_control(Listener::bind(*Address::parse(settings.control_addr), false));
    if (!settings.metrics_addr.empty())
        metrics_port_ = Listener::bind(*Address::parse(settings.metrics_addr), false);
    signals_ = std::make_unique<Signals>(
        first().loop(), std::initializer_list<int>{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2},
        [this](int signal) { on_signal(signal); });
    deadline_ = std::make_unique<Timer>(first().loop(), [this] {
        log_warn("drain timeout: what is left is cut");
        stop();
    });
    watchdog_ = std::make_unique<Timer>(first().loop(), [this] { prove_life(); });
    expiry_ = std::make_unique<Timer>(first().loop(), [this] { enforce(policy_); });
}

// What watches a loop goes before the loop.
Server::~Server()
{
    admin_.reset();
    shedder_.reset();
    tokens_.reset();
    expiry_.reset();
    watchdog_.reset();
    deadline_.reset();
    signals_.reset();
    control_.reset();
}

// ---------------------------------------------------------------- start

void Server::make_workers()
{
    for (unsigned i = 0; i < policy_->worker_count; i++) {
        workers_.push_back(std::make_unique<Worker>(shared_, policy_, i));
        shared_.workers.push_back(workers_.back().get());
    }
    shedder_ = std::make_unique<Shedder>(shared_, policy_->settings.memory);
}

// Each on its worker's thread. std::function wants what can be copied.
void Server::open_gates(std::vector<Descriptor> listening)
{
    http_address_ = Address::local_of(listening.front().get());
    for (size_t i = 0; i < workers_.size(); i++) {
        Worker &worker = *workers_[i];
        auto socket = std::make_shared<Descriptor>(std::move(listening[i]));
        worker.loop().post([&worker, socket] { worker.open_gate(std::move(*socket)); });
    }
}

void Server::open_control(Descriptor listening)
{
    if (control_)
        control_->finish();
    control_ = std::make_unique<Listener>(
        first().loop(), std::move(listening),
        [this](Descriptor socket, const Address &peer) { admit_client(std::move(socket), peer); });
}

void Server::announce() const
{
    if (policy_->tls)
        log_info("certificate", {{"fingerprint", policy_->tls->fingerprint()},
                                 {"days_left", policy_->tls->days_left()}});
    log_info("listening", {{"kind", "control"},
                           {"addr", control_->address().text()},
                           {"tls", policy_->tls ? "true" : "false"}});
    log_info("listening", {{"kind", "http"}, {"addr", http_address_.text()}});
}

void Server::run()
{
    enforce(policy_);
    watch_tokens();
    announce();
    Levers &self = *this;
    admin_ = std::make_unique<Admin>(first().loop(), self, shared_.lobby);
    admin_->open(std::move(metrics_port_));
    for (size_t i = 1; i < workers_.size(); i++)
        threads_.emplace_back([worker = workers_[i].get()] { worker->loop().run(); });
    notifier_.send("READY=1");
    prove_life();
    first().loop().run();
    for (std::thread &thread : threads_)
        thread.join();
    for (const auto &worker : workers_)
        worker->abandon_visitors();
    log_info("stopped");
    log_flush();
}

// The init system hears of us only after a way through every worker's loop: one that stands
// still is as bad as a process that is gone.
void Server::prove_life(size_t worker)
{
    if (notifier_.watchdog_interval() == 0)
        return;
    if (worker < workers_.size())
        return workers_[worker]->loop().post([this, worker] { prove_life(worker + 1); });
    first().loop().post([this] {
        notifier_.send("WATCHDOG=1");
        watchdog_->start(notifier_.watchdog_interval());
    });
}

// ---------------------------------------------------------------- clients

void Server::admit_client(Descriptor socket, const Address &peer)
{
    auto place = shared_.lobby.enter(peer, *policy_, first().loop().now());
    if (!place)
        return first().counters().handshakes_dropped.add();
    uint64_t source = source_key(peer);
    Worker &worker = worker_for(source);
    worker.clients().enter(source, 0, 0);
    struct Parcel {
        Descriptor socket;
        Address peer;
        Lobby::Place place;
    };
    auto parcel = std::make_shared<Parcel>(Parcel{std::move(socket), peer, std::move(*place)});
    worker.loop().post([&worker, parcel] {
        worker.adopt_session(std::move(parcel->socket), parcel->peer, std::move(parcel->place));
    });
}

// The one with the fewest clients of this source, so that the links of one session are spread, and
// among equals the one with the fewest of all.
Worker &Server::worker_for(uint64_t source) const
{
    auto load = [source](const auto &worker) {
        return std::pair(worker->clients().count(source), worker->clients().size());
    };
    auto lighter = [load](const auto &a, const auto &b) { return load(a) < load(b); };
    return **std::min_element(workers_.begin(), workers_.end(), lighter);
}

// ---------------------------------------------------------------- what is in force

// Returns what was wrong with the new configuration; nothing: it is in force.
std::string Server::reload()
{
    if (draining_)
        return "the server is stopping";
    notifier_.send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_now()));
    std::string wrong;
    try {
        Reloaded made = prepare_reload(*policy_, reread_());
        if (!made.gates.empty())
            open_gates(std::move(made.gates));
        if (made.control)
            open_control(std::move(made.control));
        enforce(made.policy);
        if (made.other_tokens)
            watch_tokens();
        admin_->open(std::move(made.metrics));
        log_info("reloaded", {{"changed", made.changed}});
        if (!made.postponed.empty())
            log_warn("needs a restart to change", {{"keys", made.postponed}});
        announce();
    } catch (const Failure &failure) {
        log_refused_reload(failure);
        wrong = failure.what();
    }
    notifier_.send("READY=1");
    return wrong;
}

// Each worker, and with it each session and visitor, goes on with this from its next turn on.
void Server::enforce(std::shared_ptr<const Policy> policy)
{
    policy_ = std::move(policy);
    shedder_->set_budget(policy_->settings.memory);
    shared_.directory.set_public(policy_->settings.domains.front(), http_address_.port());
    for (const auto &each : workers_) {
        Worker &worker = *each;
        worker.loop().post([&worker, in_force = policy_] { worker.set_policy(in_force); });
    }
    await_expiry();
}

void Server::watch_tokens()
{
    tokens_ = make_token_store(policy_->settings);
    tokens_->watch(first().loop(), [this] { take_tokens(); });
}

void Server::take_tokens()
{
    try {
        enforce(with_tokens(*policy_, tokens_->load()));
        log_info("tokens read", {{"tokens", policy_->tokens.size()}});
    } catch (const Failure &failure) {
        log_error("the tokens stay as they were", {{"why", failure.what()}});
    }
}

// A calendar can be set anew, so it is looked at once a minute; without tokens that end, never.
void Server::await_expiry()
{
    const int64_t now = int64_t(time(nullptr));
    const int64_t next = policy_->tokens.next_expiry(now);
    if (next == 0)
        return expiry_->stop();
    expiry_->start(Micros(std::min<int64_t>(next - now, 60)) * second);
}

// ---------------------------------------------------------------- signals and the end

void Server::on_signal(int signal)
{
    switch (signal) {
    case SIGUSR1:
        return log_reopen();
    case SIGUSR2:
        return log_gauges(workers_);
    case SIGHUP:
        reload();
        return;
    default:
        return draining_ ? stop() : drain(policy_->settings.drain_timeout);
    }
}

// Nobody new comes in; who is here may finish.
void Server::drain(Micros grace)
{
    draining_ = true;
    undrained_ = workers_.size();
    notifier_.send("STOPPING=1");
    log_info("draining", {{"seconds", double(grace) / double(second)},
                          {"clients", shared_.directory.session_count()},
                          {"visitors", shared_.visitors.size()}});
    control_->stop();
    for (const auto &each : workers_) {
        Worker &worker = *each;
        worker.loop().post([this, &worker, grace] {
            worker.drain(grace, [this] {
                first().loop().post([this] {
                    if (--undrained_ == 0)
                        stop();
                });
            });
        });
    }
    if (grace == 0)
        return stop();
    deadline_->start(grace);
}

void Server::stop()
{
    for (const auto &worker : workers_)
        worker->loop().stop();
}

} // namespace tunnel
