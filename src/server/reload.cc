// SPDX-License-Identifier: ISC

#include "server/reload.h"

#include "base/option_change.h"
#include "net/listener.h"

namespace tunnel {

namespace {

bool same_port(const std::string &a, const std::string &b)
{
    const auto one = Address::parse(a), other = Address::parse(b);
    return one && other && one->port() != 0 && one->port() == other->port();
}

// The port of an address that changed. While the old one is in force an address that overlaps it,
// :80 and 127.0.0.1:80, can be had beside it, unless the user was another one when that was bound.
template <class Bind> auto move_port(const std::string &from, const std::string &to, Bind bind)
{
    const bool beside = same_port(from, to);
    try {
        return bind(to, beside);
    } catch (const Failure &failure) {
        if (!beside)
            throw;
        throw Failure(failure.code(), std::string(failure.what()) + "; where it overlaps " + from +
                                          ", which is in force, it needs a restart");
    }
}

Descriptor bind_one(const std::string &address, bool beside)
{
    return Listener::bind(*Address::parse(address), beside);
}

} // namespace

Reloaded prepare_reload(const Policy &before, ServerSettings next)
{
    const ServerSettings &old = before.settings;
    Reloaded made;
    for (const Option *option : changed_options(server_options(), &old, &next)) {
        append_key(option->extras.restart ? made.postponed : made.changed, option->key);
        if (option->extras.restart)
            copy_option(*option, &old, &next);
    }
    made.policy = make_policy(next, before.descriptors);
    made.other_tokens = next.auth_mode != old.auth_mode || next.token_file != old.token_file;
    if (next.http_addr != old.http_addr)
        made.gates = move_port(old.http_addr, next.http_addr, [&](const auto &to, bool beside) {
            return bind_gates(to, before.worker_count, beside);
        });
    if (next.control_addr != old.control_addr)
        made.control = move_port(old.control_addr, next.control_addr, bind_one);
    if (next.metrics_addr != old.metrics_addr && !next.metrics_addr.empty())
        made.metrics = move_port(old.metrics_addr, next.metrics_addr, bind_one);
    log_open(next.log());
    return made;
}

// For port 0 the first one's choice is everybody's.
std::vector<Descriptor> bind_gates(const std::string &address, size_t count, bool beside)
{
    std::vector<Descriptor> gates;
    Address at = *Address::parse(address);
    for (size_t i = 0; i < count; i++) {
        gates.push_back(Listener::bind(at, beside || i > 0));
        at.set_port(Address::local_of(gates.back().get()).port());
    }
    return gates;
}

} // namespace tunnel
