// SPDX-License-Identifier: ISC

#include "server/server.h"

#include "base/log.h"
#include "server/gauges.h"

#include <algorithm>
#include <csignal>

namespace tunnel {

Server::Server(std::shared_ptr<const Policy> policy) : policy_(std::move(policy))
{
    make_workers();
    open_gates();
    open_control();
    signals_ = std::make_unique<Signals>(
        first().loop(), std::initializer_list<int>{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2},
        [this](int signal) { on_signal(signal); });
    deadline_ = std::make_unique<Timer>(first().loop(), [this] {
        log_warn("drain timeout: what is left is cut");
        stop();
    });
    watchdog_ = std::make_unique<Timer>(first().loop(), [this] { prove_life(); });
}

// What watches a loop goes before the loop.
Server::~Server()
{
    watchdog_.reset();
    deadline_.reset();
    signals_.reset();
    control_.reset();
    gates_.clear();
}

// ---------------------------------------------------------------- start

void Server::make_workers()
{
    for (unsigned i = 0; i < policy_->worker_count; i++) {
        workers_.push_back(std::make_unique<Worker>(shared_, policy_, i));
        shared_.workers.push_back(workers_.back().get());
    }
}

// For port 0 the first gate's choice is everybody's.
void Server::open_gates()
{
    Address address = *Address::parse(policy_->settings.http_addr);
    bool share = workers_.size() > 1;
    for (const auto &worker : workers_) {
        gates_.push_back(std::make_unique<Gate>(*worker, shared_, address, share));
        address.set_port(gates_.back()->address().port());
    }
    shared_.directory.set_public(policy_->settings.domains.front(), address.port());
}

void Server::open_control()
{
    const ServerSettings &settings = policy_->settings;
    control_ = std::make_unique<Listener>(
        first().loop(), *Address::parse(settings.control_addr), false,
        [this](Descriptor socket, const Address &peer) { admit_client(std::move(socket), peer); });
}

void Server::run()
{
    if (policy_->tls)
        log_info("certificate", {{"fingerprint", policy_->tls->fingerprint()},
                                 {"days_left", policy_->tls->days_left()}});
    log_info("listening", {{"kind", "control"},
                           {"addr", control_->address().text()},
                           {"tls", policy_->tls ? "true" : "false"}});
    log_info("listening", {{"kind", "http"}, {"addr", gates_.front()->address().text()}});
    for (size_t i = 1; i < workers_.size(); i++)
        threads_.emplace_back([worker = workers_[i].get()] { worker->loop().run(); });
    notifier_.send("READY=1");
    prove_life();
    first().loop().run();
    for (std::thread &thread : threads_)
        thread.join();
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
    Worker &worker = least_loaded();
    worker.load()++;
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

Worker &Server::least_loaded() const
{
    auto lighter = [](const auto &a, const auto &b) { return a->load() < b->load(); };
    return **std::min_element(workers_.begin(), workers_.end(), lighter);
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
        return log_warn("HUP is ignored: the configuration is read at the start only");
    default:
        return draining_ ? stop() : drain();
    }
}

// Nobody new comes in; who is here may finish.
void Server::drain()
{
    draining_ = true;
    undrained_ = workers_.size();
    Micros grace = policy_->settings.drain_timeout;
    notifier_.send("STOPPING=1");
    log_info("draining", {{"seconds", double(grace) / double(second)},
                          {"clients", shared_.directory.session_count()},
                          {"visitors", shared_.visitors.size()}});
    control_->stop();
    for (size_t i = 0; i < workers_.size(); i++) {
        Worker &worker = *workers_[i];
        Gate &gate = *gates_[i];
        worker.loop().post([this, &worker, &gate, grace] {
            gate.stop();
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
