// SPDX-License-Identifier: ISC

#include "client/hop.h"

namespace tunnel {

namespace {

struct Row {
    const char *name;
    const char *fix;
    Exit exit;
};

// In the order of Hop.
constexpr Row rows[] = {
    {"", "wait, or look at the server's log", exit_unavailable},
    {"config", "tunnel config check; tunnel.yaml(5) has every key", exit_config},
    {"dns", "is server_addr spelled right, and does that name have a DNS record?",
     exit_unavailable},
    {"tcp", "does tunneld run there, with that port as control_addr, and no firewall before it?",
     exit_unavailable},
    {"tls", "is that port the control_addr of a tunneld, with the same idea of TLS?",
     exit_unavailable},
    {"protocol", "is that a tunneld, and its control_addr?", exit_unavailable},
    {"clock", "set the clock of this machine, or of the server", exit_temporary},
    {"auth", "tunnel login; the operator can make a new token", exit_no_permission},
    {"local", "start the service, or change local_port", exit_unavailable},
    {"public", "a DNS record for every name below the domain, and an open http_addr",
     exit_unavailable},
};

const Row &row_of(Hop hop) { return rows[int(hop)]; }

} // namespace

const char *hop_name(Hop hop) { return row_of(hop).name; }

Hop outcome_hop(const Dialer::Outcome &outcome)
{
    return outcome.failed == Dialer::Failed::name ? Hop::dns : Hop::tcp;
}

const char *hop_fix(Hop hop) { return row_of(hop).fix; }

Exit hop_exit(Hop hop) { return row_of(hop).exit; }

} // namespace tunnel
