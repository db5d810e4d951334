// SPDX-License-Identifier: ISC
//
// What is in force: the settings, and what is made of them once. Constant and shared by all
// workers; another configuration is another Policy.

#pragma once

#include "net/tls.h"
#include "server/auth.h"
#include "server/http_policy.h"
#include "server/options.h"

#include <memory>
#include <string>
#include <tunnel/mux.h>
#include <unordered_set>

namespace tunnel {

struct Policy {
    ServerSettings settings;
    HttpPolicy http;
    std::unordered_set<std::string> reserved; // subdomains
    TokenTable tokens;
    std::shared_ptr<TlsContext> tls; // null: the control port is plain
    uint64_t max_visitors = 0;
    unsigned worker_count = 1;
    size_t descriptors = 0; // the limit in force

    explicit Policy(const ServerSettings &from) : settings(from), http(from) {}
    tn_mux_config mux_config() const; // of one session; the ping interval has its jitter
};

// Reads tokens and certificate, so before privileges are dropped. Without tls.cert_file a
// self-signed certificate is kept in the state directory. `descriptors`: the limit in force.
// Throws Failure.
// The same policy with other tokens.
std::shared_ptr<const Policy> with_tokens(const Policy &policy, TokenTable tokens);

std::shared_ptr<const Policy> make_policy(const ServerSettings &settings, size_t descriptors);

// Throws the Failure that make_policy would, but makes no certificate.
void check_policy(const ServerSettings &settings);

} // namespace tunnel
