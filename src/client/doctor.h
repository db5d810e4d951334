// SPDX-License-Identifier: ISC
//
// Looks at every hop between this machine and a visitor's page, in their order, as an ordinary
// session would go through them. What lies behind a hop that fails is skipped. Blocks.

#pragma once

#include "client/finding.h"
#include "client/login.h"
#include "net/address.h"

#include <functional>

namespace tunnel {

// How far apart our `now` (Unix time) and the server's are.
Finding compare_clocks(const std::string &server_time, int64_t now);

class Doctor {
public:
    using Tell = std::function<void(const Finding &)>; // at once, while the next one is looked at

    explicit Doctor(Tell tell) : tell_(std::move(tell)) {}

    // `target`: a local service that no configuration names, "" or as in `tunnel http`.
    void examine(const CommandLine &line, const std::string &target);

    const ClientConfig *config() const { return config_ ? &*config_ : nullptr; } // null: unreadable
    size_t problems() const { return problems_; }
    size_t warnings() const { return warnings_; }
    Exit exit() const { return exit_; } // of the first problem

private:
    void say(Finding finding);
    bool look_at_config(const CommandLine &line, const std::string &target);
    bool look_at_name();
    bool look_at_addresses(const std::vector<Address> &addresses);
    bool look_at_tls();
    bool log_in();
    void look_at_account();
    void look_at_locals();
    void look_at_round_trip();
    void skip(std::initializer_list<Hop> hops);

    const ClientSettings &settings() const { return config_->settings; }

    Tell tell_;
    std::optional<ClientConfig> config_;
    Account account_; // after log_in()
    size_t problems_ = 0;
    size_t warnings_ = 0;
    Exit exit_ = exit_ok;
};

} // namespace tunnel
