// SPDX-License-Identifier: ISC
//
// The running client: the loop and everything on it, from the configuration to the exit code. A
// reload touches what has changed and nothing else: tunnels come and go within the session, and
// where it takes another session the old one stays until that one stands, and for its visitors
// until they have gone.

#pragma once

#include "base/process.h"
#include "client/change.h"
#include "client/door.h"
#include "client/engagement.h"
#include "client/session_parts.h"
#include "client/shedder.h"
#include "net/signals.h"
#include "net/timer.h"

#include <functional>
#include <vector>

namespace tunnel {

// Where the configuration is from, now and at each reload. Both throw Failure.
struct ClientSource {
    std::function<ClientConfig()> load;
    std::function<ClientId(const ClientConfig &config)> identify;
};

class Client final : private Supervisor::Owner, private DoorOwner {
public:
    // Throws Failure for what no try could mend: a CA file that is none, a malformed pin.
    Client(const ClientConfig &config, ClientSource source, bool json);
    ~Client();

    int run(); // until the end; the exit code

private:
    using EngagementPtr = std::unique_ptr<Engagement>;

    void on_session_stands(Supervisor &supervisor) noexcept override;
    void on_supervisor_end(Supervisor &supervisor, const Complaint *complaint) noexcept override;

    // DoorOwner
    const Engagement &engagement() const override { return *current_; }
    ClientFacts facts() const override;
    const Traffic &counts() const override { return counts_; }
    Stop stop_tunnel(const std::string &name) override;

    void on_signal(int signal);
    void on_hangup();
    void on_stop_signal();

    // client_reload.cc
    std::string reload(); // empty, or what was wrong: then nothing has changed
    void load_again();
    void put_in_force(const ClientConfig &config, const ClientChange &change,
                      std::shared_ptr<const ClientId> id, const std::shared_ptr<TlsContext> &tls);
    void use_everywhere(const ClientSettings &settings);
    void succeed(EngagementPtr next);
    void change_tunnels();
    void make_way(EngagementPtr next);
    void give_up_successor(const Complaint &complaint);

    Engagement::Common common();
    EngagementPtr engage(const ClientSettings &settings, std::shared_ptr<const ClientId> id,
                         const std::shared_ptr<TlsContext> &tls);
    void each_visit(const std::function<void(Visit &)> &act) const; // must end none
    void describe_visits(Engagement &engagement);
    void retire_leaving(const Supervisor &supervisor);
    void finish(const Complaint *complaint);
    void end_if_all_left();
    void look_for_local_services();
    void prove_life();
    void write_gauges();
    LiveNumbers live_numbers() const;
    Supervisor::Gauges gauges() const;

    ClientSource source_;
    std::string config_file_;
    Micros started_ = monotonic_now();
    ClientSettings settings_; // of what all engagements share
    bool on_terminal_;
    Loop loop_;
    Status status_;
    LocalPool pool_;
    Traffic counts_;
    MuxPoolPtr mux_pool_;
    EngagementPtr current_;
    EngagementPtr successor_;            // null, or takes the place of the current one when it can
    std::vector<EngagementPtr> leaving_; // each until its last visitor has gone
    Shedder shedder_;
    std::vector<std::unique_ptr<Dialer>> lookers_; // see look_for_local_services()
    Signals signals_;
    Notifier notifier_;
    Door door_;
    Timer watchdog_;
    int exit_ = exit_ok;
    bool stopping_ = false;
    bool finished_ = false; // the current engagement has ended
};

} // namespace tunnel
