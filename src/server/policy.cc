// SPDX-License-Identifier: ISC

#include "server/policy.h"

#include "base/failure.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "server/token_store.h"

#include <algorithm>
#include <thread>
#include <unistd.h>

namespace tunnel {

namespace {

constexpr uint64_t visitors_of_descriptors = 80; // per cent, where limits.max_visitors is 0

void require_loopback(const std::string &address, const char *why)
{
    auto parsed = Address::parse(address);
    if (!parsed || !parsed->is_loopback())
        throw Failure(exit_config,
                      std::string(why) + ": only with control_addr on loopback, not " + address);
}

// Self-signed for the domain, made at the first start.
void find_certificate(ServerSettings &settings)
{
    std::string folder = state_directory("tunneld", true);
    settings.cert_file = folder + "/control.crt";
    settings.key_file = folder + "/control.key";
    bool there = access(settings.cert_file.c_str(), F_OK) == 0 &&
                 access(settings.key_file.c_str(), F_OK) == 0;
    if (!there)
        tls_make_self_signed(settings.domains.front(), settings.cert_file, settings.key_file);
}

std::shared_ptr<TlsContext> load_certificate(ServerSettings settings)
{
    if (settings.cert_file.empty())
        find_certificate(settings);
    require_readable(settings.cert_file);
    require_readable(settings.key_file);
    require_private(settings.key_file);
    return TlsContext::server(settings.cert_file, settings.key_file);
}

unsigned count_workers(const ServerSettings &settings)
{
    constexpr uint64_t most = 256;
    uint64_t processors = std::max(1u, std::thread::hardware_concurrency());
    return unsigned(std::min(settings.workers ? settings.workers : processors, most));
}

// Open doors are for loopback, and said aloud.
void check_doors(const ServerSettings &settings)
{
    if (settings.auth_mode == AuthMode::none) {
        require_loopback(settings.control_addr, "auth.mode: none");
        log_warn("auth.mode is none: everybody on this machine may log in");
    }
    if (!settings.control_tls) {
        require_loopback(settings.control_addr, "control_tls: false");
        log_warn("control_tls is off: tokens cross the control port in the clear");
    }
}

TokenTable load_tokens(const ServerSettings &settings)
{
    if (settings.auth_mode == AuthMode::token)
        require_readable(settings.token_file);
    return make_token_store(settings)->load();
}

} // namespace

std::shared_ptr<const Policy> make_policy(const ServerSettings &settings, size_t descriptors)
{
    auto policy = std::make_shared<Policy>(settings);
    check_doors(settings);
    policy->reserved.insert(settings.reserved_subdomains.begin(),
                            settings.reserved_subdomains.end());
    policy->tokens = load_tokens(settings);
    if (settings.control_tls)
        policy->tls = load_certificate(settings);
    policy->max_visitors =
        settings.max_visitors ? settings.max_visitors : descriptors * visitors_of_descriptors / 100;
    policy->worker_count = count_workers(settings);
    policy->descriptors = descriptors;
    return policy;
}

std::shared_ptr<const Policy> with_tokens(const Policy &policy, TokenTable tokens)
{
    auto next = std::make_shared<Policy>(policy);
    next->tokens = std::move(tokens);
    return next;
}

void check_policy(const ServerSettings &settings)
{
    check_doors(settings);
    load_tokens(settings);
    if (settings.control_tls && !settings.cert_file.empty())
        load_certificate(settings);
}

tn_mux_config Policy::mux_config() const
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    auto limit = [](uint64_t value) { return uint32_t(std::min<uint64_t>(value, UINT32_MAX)); };
    auto milliseconds = [limit](Micros span) { return limit(span / millisecond); };
    config.max_inbound = limit(settings.max_control_streams);
    config.max_outbound = settings.max_streams_per_connection
                              ? limit(settings.max_streams_per_connection)
                              : config.max_outbound;
    if (settings.session_memory != 0) {
        config.buffered_hard = settings.session_memory;
        config.buffered_soft = settings.session_memory / 32;
    }
    config.max_window = std::max(limit(settings.stream_window), TN_INITIAL_WINDOW);
    config.window_budget = settings.session_window;
    config.half_close_idle_ms = 0; // exchanges have idle timeouts of their own, relays need none
    // Jitter only shortens, by up to a fifth: sessions that came together do not ping together.
    Micros jitter = random_below(settings.ping_interval / 5 + 1);
    config.ping_interval_ms = milliseconds(settings.ping_interval - jitter);
    config.ping_timeout_ms = milliseconds(settings.ping_timeout);
    return config;
}

} // namespace tunnel
