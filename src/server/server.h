// SPDX-License-Identifier: ISC
//
// The whole of tunneld: workers, their gates, the control port, signals, and the end. Lives on
// the main thread, which is also the first worker's.

#pragma once

#include "base/process.h"
#include "net/listener.h"
#include "net/signals.h"
#include "server/gate.h"
#include "server/worker.h"

#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace tunnel {

class Server {
public:
    // Binds every port. Throws Failure.
    explicit Server(std::shared_ptr<const Policy> policy);
    ~Server();
    Server(const Server &) = delete;
    Server &operator=(const Server &) = delete;

    void run(); // until a signal ends it

private:
    void make_workers();
    void open_gates();
    void open_control();
    void admit_client(Descriptor socket, const Address &peer);
    Worker &least_loaded() const;
    void prove_life(size_t worker = 0);
    void on_signal(int signal);
    void drain();
    void stop();

    Worker &first() { return *workers_.front(); }

    Notifier notifier_;
    std::shared_ptr<const Policy> policy_;
    Shared shared_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::unique_ptr<Gate>> gates_; // one for each worker, in their order
    std::unique_ptr<Listener> control_;
    std::unique_ptr<Signals> signals_;
    std::unique_ptr<Timer> deadline_; // of a drain
    std::unique_ptr<Timer> watchdog_;
    std::vector<std::thread> threads_;
    size_t undrained_ = 0; // workers that still have something to finish
    bool draining_ = false;
};

} // namespace tunnel
