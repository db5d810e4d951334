// SPDX-License-Identifier: ISC
//
// The running client: the loop and everything on it, from the settings to the exit code.

#pragma once

#include "base/process.h"
#include "client/client_id.h"
#include "client/session_parts.h"
#include "client/shedder.h"
#include "client/status.h"
#include "client/supervisor.h"
#include "net/signals.h"
#include "net/timer.h"

#include <csignal>

namespace tunnel {

class Client {
public:
    // Throws Failure for what no try could mend: a CA file that is none, a malformed pin.
    Client(const ClientSettings &settings, ClientId id, bool json);
    ~Client();

    int run(); // until the end; the exit code

private:
    void on_signal(int signal);
    void on_stop_signal();
    void on_ended(const Complaint *complaint);
    void look_for_local_services();
    void prove_life();
    void write_gauges();
    LiveNumbers live_numbers() const;

    ClientId id_;
    Loop loop_;
    Status status_;
    Router router_;
    LocalPool pool_;
    VisitContext visits_;
    MuxPoolPtr mux_pool_;
    Session::Context context_;
    Supervisor supervisor_;
    Shedder shedder_;
    std::vector<std::unique_ptr<Dialer>> lookers_; // see look_for_local_services()
    Signals signals_;
    Notifier notifier_;
    Timer watchdog_;
    int exit_ = exit_ok;
    bool stopping_ = false;
};

} // namespace tunnel
