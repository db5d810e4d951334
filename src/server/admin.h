// SPDX-License-Identifier: ISC
//
// The doors for looking in: the control socket, where tunnelctl asks and orders, and the metrics
// port, where anybody who reaches it reads. HTTP with JSON; tunnelctl(8) lists the routes. On the
// first worker's thread.

#pragma once

#include "flow/web.h"
#include "server/levers.h"
#include "server/log_feed.h"
#include "server/metrics.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tunnel {

class Admin {
public:
    Admin(Loop &loop, Levers &server, Lobby &lobby);
    ~Admin();
    Admin(const Admin &) = delete;
    Admin &operator=(const Admin &) = delete;

    // Opens and closes what the policy in force says. A socket that cannot be made is warned
    // about; so is the port, unless it was opened before: Listener::bind().
    void open(Descriptor metrics_port = {});

private:
    using Call = std::shared_ptr<WebCall>;
    using Answer = std::function<void(const Call &, const Survey &)>;

    void open_socket();
    void open_metrics(Descriptor port);
    std::vector<WebServer::Route> socket_routes();
    std::vector<WebServer::Route> metrics_routes();
    WebServer::Route looking(const char *path, Answer answer);

    ServerFacts facts() const;
    void kick(const Call &call, const Survey &survey);
    void drain(const Call &call);
    void reload(const Call &call);
    void set_log_level(const Call &call);
    void answer_clients(const Call &call, const Survey &survey);
    void answer_tunnels(const Call &call, const Survey &survey);
    void answer_metrics(const Call &call, const Survey &survey);
    void answer_ready(const Call &call);

    Loop &loop_;
    Levers &server_;
    Lobby &lobby_;
    Micros started_ = monotonic_now();
    std::string socket_path_, metrics_addr_; // what is open
    std::string metrics_at_;                 // with the port that the kernel picked
    LogFeed feed_;
    std::unique_ptr<WebServer> socket_, metrics_;
    std::shared_ptr<bool> alive_; // for surveys that come too late
};

} // namespace tunnel
