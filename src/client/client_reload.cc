// SPDX-License-Identifier: ISC
//
// The client's reload: first everything that can fail, beside what is in force; then the change.

#include "base/log.h"
#include "base/option_change.h"
#include "client/client.h"

#include <utility>

namespace tunnel {

std::string Client::reload()
{
    notifier_.send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_now()));
    std::string wrong;
    try {
        load_again();
    } catch (const Failure &failure) {
        log_refused_reload(failure);
        wrong = failure.what();
    }
    notifier_.send("READY=1");
    return wrong;
}

void Client::load_again()
{
    const ClientConfig config = source_.load();
    require_server_and_token(config.settings);
    const ClientChange change = compare(current_->settings, config.settings);
    const std::shared_ptr<TlsContext> tls = make_client_tls(config.settings);
    std::shared_ptr<const ClientId> id = current_->id;
    if (config.settings.client_id != current_->settings.client_id)
        id = std::make_shared<ClientId>(source_.identify(config));
    log_open(config.settings.log());

    for (const std::string &warning : config.warnings)
        log_warn("configuration", {{"why", warning}});
    put_in_force(config, change, std::move(id), tls);
}

void Client::put_in_force(const ClientConfig &config, const ClientChange &change,
                          std::shared_ptr<const ClientId> id,
                          const std::shared_ptr<TlsContext> &tls)
{
    loop_.retire(std::move(successor_)); // of a reload before this one
    use_everywhere(config.settings);
    log_info("reloaded", {{"changed", change.keys.empty() ? "nothing" : change.keys}});
    if (change.session) {
        make_way(engage(config.settings, std::move(id), tls));
    } else {
        current_->settings = config.settings;
        current_->supervisor.update(tls);
        change_tunnels();
    }
}

void Client::use_everywhere(const ClientSettings &settings)
{
    settings_ = settings;
    shedder_.set_budget(settings.memory);
    status_.configure();
    describe_visits(*current_);
}

// Within the session if its server can; a tunnel that was refused is asked for again.
void Client::change_tunnels()
{
    const std::vector<std::string> gone = current_->router.update(current_->settings.tunnels);
    if (!current_->supervisor.change_tunnels(gone))
        make_way(engage(current_->settings, current_->id, current_->supervisor.tls()));
}

// The current engagement stays until the next one has a session. Where the same server could not
// tell the two apart, it goes first: two sessions cannot have the same names.
void Client::make_way(EngagementPtr next)
{
    const bool same_server = next->settings.server_addr == current_->settings.server_addr;
    if (current_->supervisor.stands() && (!same_server || current_->supervisor.can_hand_over())) {
        successor_ = std::move(next);
        if (same_server)
            successor_->context.replaces = current_->supervisor.session_id();
        return successor_->supervisor.start();
    }
    leaving_.push_back(std::exchange(current_, std::move(next)));
    leaving_.back()->supervisor.stop();
    current_->supervisor.start(true);
}

void Client::succeed(EngagementPtr next)
{
    const bool same_server = next->settings.server_addr == current_->settings.server_addr;
    leaving_.push_back(std::exchange(current_, std::move(next)));
    Supervisor &old = leaving_.back()->supervisor;
    if (same_server)
        old.hand_over();
    else
        old.stop();
}

// What another user's token may not take over, the old session has to give back first.
void Client::give_up_successor(const Complaint &complaint)
{
    EngagementPtr failed = std::move(successor_);
    const bool in_its_way =
        complaint.code == "E_NAME_TAKEN" || complaint.code == "E_CONNECTION_LIMIT";
    if (in_its_way && failed->settings.server_addr == current_->settings.server_addr) {
        leaving_.push_back(std::exchange(
            current_, engage(failed->settings, failed->id, failed->supervisor.tls())));
        leaving_.back()->supervisor.stop();
        current_->supervisor.start(true);
    } else {
        log_error("no new session, the one before goes on",
                  {{"code", complaint.code}, {"what", complaint.what}, {"why", complaint.why}});
    }
    loop_.retire(std::move(failed));
}

} // namespace tunnel
