// SPDX-License-Identifier: ISC

#include "server/reload.h"

#include "base/log.h"
#include "base/option_change.h"
#include "base/text.h"
#include "net/listener.h"

namespace tunnel {

namespace {

void add_key(std::string &list, const char *key)
{
    list.append(list.empty() ? "" : ",").append(key);
}

} // namespace

Reloaded prepare_reload(const Policy &before, ServerSettings next)
{
    const ServerSettings &old = before.settings;
    Reloaded made;
    for (const Option *option : changed_options(server_options(), &old, &next)) {
        add_key(option->extras.restart ? made.postponed : made.changed, option->key);
        if (option->extras.restart)
            copy_option(*option, &old, &next);
    }
    made.policy = make_policy(next, before.descriptors);
    made.other_tokens = next.auth_mode != old.auth_mode || next.token_file != old.token_file;
    if (next.http_addr != old.http_addr)
        made.gates = bind_gates(next.http_addr, before.worker_count);
    if (next.control_addr != old.control_addr)
        made.control = Listener::bind(*Address::parse(next.control_addr), false);
    if (next.metrics_addr != old.metrics_addr && !next.metrics_addr.empty())
        made.metrics = Listener::bind(*Address::parse(next.metrics_addr), false);
    log_open(next.log());
    return made;
}

// For port 0 the first one's choice is everybody's.
std::vector<Descriptor> bind_gates(const std::string &address, size_t count)
{
    std::vector<Descriptor> gates;
    Address at = *Address::parse(address);
    for (size_t i = 0; i < count; i++) {
        gates.push_back(Listener::bind(at, count > 1));
        at.set_port(Address::local_of(gates.back().get()).port());
    }
    return gates;
}

void log_refused_reload(const Failure &failure)
{
    const std::string text = failure.what();
    for (std::string_view line : split(text, '\n'))
        log_error("reload refused, everything stays as it was", {{"why", line}});
}

} // namespace tunnel
