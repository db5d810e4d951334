// SPDX-License-Identifier: ISC
//
// The control socket of a running client, through which its user looks in and orders: HTTP with
// JSON, for `tunnel list`, `status` and `stop`. Nobody else gets an answer. The client's loop.

#pragma once

#include "client/supervisor.h"
#include "client/traffic.h"
#include "flow/web.h"

#include <memory>
#include <optional>
#include <string>

namespace tunnel {

class Engagement;

struct ClientFacts {
    const char *state = "online"; // or "connecting", "stopping"
    std::string config_file;      // empty: none
    std::string session;
    double up = 0;                // seconds
    std::optional<double> online; // seconds; none: no session stands
    Supervisor::Gauges gauges;
    LocalPool::Stats local = {};
    size_t descriptors = 0;
};

// What can be seen of a client, and done to it.
class DoorOwner {
public:
    enum class Stop {
        none, // there is no such tunnel
        busy, // a reload is on its way
        goes_on,
        last, // and with it the client
    };

    virtual const Engagement &engagement() const = 0;
    virtual ClientFacts facts() const = 0;
    virtual const Traffic &counts() const = 0;
    virtual Stop stop_tunnel(const std::string &name) = 0;

protected:
    ~DoorOwner() = default;
};

class Door {
public:
    Door(Loop &loop, DoorOwner &owner);
    ~Door();
    Door(const Door &) = delete;
    Door &operator=(const Door &) = delete;

    // If that cannot be, the client does without, and says so.
    void open();

private:
    void answer_status(WebCall &call);
    void stop(WebCall &call);

    Loop &loop_;
    DoorOwner &owner_;
    std::string path_; // empty: it is not open
    std::unique_ptr<WebServer> server_;
};

} // namespace tunnel
