// SPDX-License-Identifier: ISC
//
// The tunnels of this process: what was asked for, what the server granted, and where each
// leads. A visit names its tunnel by subdomain; what is dialled is what our own configuration
// says for it, never an address from the wire. Lives as long as the client, across sessions;
// the loop's thread only.

#pragma once

#include "client/options.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tunnel {

// A local service.
struct LocalTarget {
    std::string host;
    uint16_t port = 0;

    std::string text() const; // "127.0.0.1:3000", "[::1]:3000"
    auto operator<=>(const LocalTarget &) const = default;
};

class Router {
public:
    struct Tunnel {
        std::string name;
        std::string subdomain; // asked for, or granted; empty: not known yet
        std::string url;       // as granted last; empty: never
        LocalTarget target;
        bool chosen; // the user named the subdomain, the server did not pick it
        bool active = false;
    };

    explicit Router(const std::vector<TunnelSettings> &settings);
    Router(const Router &other) : tunnels_(other.tunnels_) { rebuild(); }
    Router &operator=(const Router &) = delete;

    const std::vector<Tunnel> &tunnels() const { return tunnels_; }

    // What the settings want now. A tunnel that stays, by its subdomain or, if the server picks
    // that, its name, keeps what was granted. Returns the names that are not served any more.
    std::vector<std::string> update(const std::vector<TunnelSettings> &settings);

    // The server's answer for one of tunnels(). Returns false, and changes nothing, if what it
    // sent is no name or no URL that could be shown to anybody.
    bool grant(size_t index, std::string_view subdomain, std::string_view url);
    // A name that the server picked itself is forgotten, so that the next login gets another.
    void refuse(size_t index);

    static constexpr size_t none = SIZE_MAX;
    size_t index_of(std::string_view name) const;                // or none
    size_t index_of_subdomain(std::string_view subdomain) const; // or none

    // Where the visit of a tunnel goes. The port decides only where no subdomain is named, and
    // then only if it means one tunnel alone. Null: no such tunnel, or it is not active.
    const LocalTarget *find(std::string_view subdomain, uint16_t local_port) const;

private:
    void rebuild();

    std::vector<Tunnel> tunnels_;
    std::map<std::string, const LocalTarget *, std::less<>> by_name_; // the active ones
    std::map<uint16_t, const LocalTarget *> by_port_;                 // null: more than one
};

} // namespace tunnel
