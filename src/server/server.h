// SPDX-License-Identifier: ISC
//
// The whole of tunneld: workers, their gates, the control port, signals, and the end. Lives on
// the main thread, which is also the first worker's.

#pragma once

#include "base/process.h"
#include "net/listener.h"
#include "net/signals.h"
#include "server/admin.h"
#include "server/levers.h"
#include "server/shedder.h"
#include "server/token_store.h"
#include "server/worker.h"

#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace tunnel {

class Server final : private Levers {
public:
    using Reread = std::function<ServerSettings()>; // the configuration anew; throws Failure

    // Binds every port. Throws Failure.
    Server(std::shared_ptr<const Policy> policy, Reread reread);
    ~Server();
    Server(const Server &) = delete;
    Server &operator=(const Server &) = delete;

    void run(); // until a signal ends it

private:
    void make_workers();
    void open_gates(std::vector<Descriptor> listening);
    void open_control(Descriptor listening);
    void enforce(std::shared_ptr<const Policy> policy);
    void watch_tokens();
    void take_tokens();
    void await_expiry();
    void announce() const;
    void admit_client(Descriptor socket, const Address &peer);
    Worker &worker_for(uint64_t source) const;
    void prove_life(size_t worker = 0);
    void on_signal(int signal);
    void stop();

    // Levers
    std::string reload() override;
    void drain(Micros grace) override;
    bool is_draining() const override { return draining_; }
    const Policy &policy() const override { return *policy_; }
    const std::vector<std::unique_ptr<Worker>> &workers() const override { return workers_; }
    const Address &control_address() const override { return control_->address(); }
    const Address &http_address() const override { return http_address_; }

    Worker &first() { return *workers_.front(); }

    Notifier notifier_;
    Reread reread_;
    std::shared_ptr<const Policy> policy_;
    Shared shared_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<Shedder> shedder_;
    Address http_address_;
    std::unique_ptr<Listener> control_;
    std::unique_ptr<Signals> signals_;
    std::unique_ptr<Timer> deadline_; // of a drain
    std::unique_ptr<Timer> watchdog_;
    std::unique_ptr<Timer> expiry_; // of the next token that ends
    std::unique_ptr<TokenStore> tokens_;
    std::unique_ptr<Admin> admin_;
    Descriptor metrics_port_; // bound, not yet served
    std::vector<std::thread> threads_;
    size_t undrained_ = 0; // workers that still have something to finish
    bool draining_ = false;
};

} // namespace tunnel
