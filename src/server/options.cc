// SPDX-License-Identifier: ISC

#include "server/options.h"

#include "base/text.h"
#include "net/address.h"

#include <algorithm>

namespace tunnel {

namespace {

using S = ServerSettings;

constexpr const char *auth_modes[] = {"token", "none"};
constexpr const char *log_levels[] = {"error", "warn", "info", "debug"};
constexpr const char *log_formats[] = {"logfmt", "json"};

// RFC 1123 section 2.1: letters, digits and inner hyphens, at most 63.
bool is_label(std::string_view label)
{
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
        return false;
    return std::all_of(label.begin(), label.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-';
    });
}

const char *check_label(const std::string &value)
{
    return is_label(value) ? nullptr : "a label of a host name, such as www";
}

// 180 bytes leave room for a subdomain and a dot in a name of 253 (RFC 1035 section 2.3.4).
const char *check_domain(const std::string &value)
{
    const auto labels = split(value, '.');
    const bool good = value.size() <= 180 && std::all_of(labels.begin(), labels.end(), is_label);
    return good ? nullptr : "a host name such as tunnel.example.com";
}

const char *check_address(const std::string &value)
{
    return Address::parse(value) ? nullptr
                                 : "ADDRESS:PORT or :PORT, such as 127.0.0.1:8080 or [::1]:80";
}

const char *check_optional_address(const std::string &value)
{
    return value.empty() ? nullptr : check_address(value);
}

const char *check_socket(const std::string &value)
{
    return value.empty() || (value.starts_with('/') && value.size() < 108)
               ? nullptr
               : "the whole path of a socket (107 bytes at most), or \"\"";
}

const char *check_network(const std::string &value)
{
    NetworkSet set;
    return set.add(value) ? nullptr : "a network such as 10.0.0.0/8, or an address";
}

const char *check_log_output(const std::string &value)
{
    return value == "stderr" || value.starts_with('/') ? nullptr
                                                       : "stderr or the whole path of a file";
}

const char *check_access_log(const std::string &value)
{
    return value.empty() || value == "off" || value.starts_with('/')
               ? nullptr
               : "off, \"\" (into the log) or the whole path of a file";
}

// Every key of tunneld.yaml.
constexpr Option options[] = {
    {"control_addr",
     row::text<&S::control_addr>,
     "127.0.0.1:9000",
     "Where clients connect. \":9000\" is every address, IPv4 and IPv6.",
     {.flag = "control-addr",
      .argument = "ADDR",
      .environment = "TUNNELD_CONTROL_ADDR",
      .check = check_address}},
    {"control_tls", row::boolean<&S::control_tls>, "true",
     "TLS for clients. false is accepted only if control_addr is a loopback address."},
    {"http_addr",
     row::text<&S::http_addr>,
     "127.0.0.1:8080",
     "Where visitors connect by HTTP.",
     {.flag = "http-addr",
      .argument = "ADDR",
      .environment = "TUNNELD_HTTP_ADDR",
      .check = check_address}},
    {"domain",
     row::texts<&S::domains>,
     "localhost",
     "Tunnels are names below this one: NAME.domain. Or a list; the first one is the one in URLs.",
     {.flag = "domain",
      .argument = "NAME",
      .environment = "TUNNELD_DOMAIN",
      .check = check_domain}},
    {"user",
     row::text<&S::user>,
     "",
     "USER or USER:GROUP to become once the ports are open, when started as root.",
     {.flag = "user",
      .letter = 'u',
      .argument = "USER[:GRP]",
      .environment = "TUNNELD_USER",
      .restart = true}},
    {"workers",
     row::count<&S::workers>,
     "0",
     "Threads that carry the traffic. 0: one for each processor.",
     {.max = 256, .restart = true}},

    {"auth.mode", row::choice<&S::auth_mode, auth_modes>, "token",
     "How clients log in: token, or none, which is accepted only if control_addr is a loopback "
     "address."},
    {"auth.token_file", row::text<&S::token_file>, "/etc/tunneld/tokens",
     "The accepted tokens, a line each: user:sha256:HEX. Mode 0640 or less."},

    {"tls.cert_file", row::text<&S::cert_file>, "",
     "Certificate chain (PEM) of control_addr. Empty: a self-signed one is made in the state "
     "directory and its fingerprint logged."},
    {"tls.key_file", row::text<&S::key_file>, "", "The certificate's private key (PEM)."},

    {"timeouts.handshake_timeout",
     row::duration<&S::handshake_timeout>,
     "10s",
     "A client: from accept to the end of TLS and login.",
     {.min = millisecond}},
    {"timeouts.header_timeout",
     row::duration<&S::header_timeout>,
     "10s",
     "A visitor: from accept, or from the first byte of a later request, to the end of its head.",
     {.min = millisecond}},
    {"timeouts.request_timeout", row::duration<&S::request_timeout>, "30s",
     "From the last byte of a request to the first of its response; then 504. 0: for ever."},
    {"timeouts.idle_timeout", row::duration<&S::idle_timeout>, "5m",
     "Silence in both directions inside a body. 0: for ever."},
    {"timeouts.keepalive_timeout",
     row::duration<&S::keepalive_timeout>,
     "60s",
     "A visitor's connection between two requests.",
     {.min = millisecond}},
    {"timeouts.relay_idle_timeout", row::duration<&S::relay_idle_timeout>, "0",
     "Silence in both directions of an upgraded connection (WebSocket). 0: for ever."},
    {"timeouts.write_timeout", row::duration<&S::write_timeout>, "60s",
     "A visitor that takes no byte while some are waiting for it. 0: for ever."},
    {"timeouts.dial_timeout",
     row::duration<&S::dial_timeout>,
     "20s",
     "From a request to the first sign of life of its client; then 504. Outlasts a short "
     "interruption of the client's connection.",
     {.min = millisecond}},
    {"timeouts.drain_timeout", row::duration<&S::drain_timeout>, "30s",
     "After SIGTERM: for requests to end before they are cut. 0: at once."},
    {"timeouts.name_grace", row::duration<&S::name_grace>, "60s",
     "Visitors of a name whose session ended get 503 for this long, then 404. 0: 404 at once."},
    {"timeouts.takeover_timeout",
     row::duration<&S::takeover_timeout>,
     "2s",
     "A session that is silent for this long after a ping loses its names to a new one with the "
     "same token.",
     {.min = millisecond}},
    {"timeouts.ping_interval", row::duration<&S::ping_interval>, "10s",
     "Silence of a client after which it is asked for a sign of life. 0: never."},
    {"timeouts.ping_timeout",
     row::duration<&S::ping_timeout>,
     "10s",
     "Silence after that, which ends the session.",
     {.min = millisecond}},
    {"timeouts.user_timeout", row::duration<&S::user_timeout>, "15s",
     "How long bytes to a client may stay unacknowledged by its system (TCP_USER_TIMEOUT). 0: the "
     "system's own."},

    {"limits.max_connections_per_user", row::count<&S::max_connections_per_user>, "5",
     "Sessions of one user at once. 0: no limit."},
    {"limits.max_links_per_session",
     row::count<&S::max_links_per_session>,
     "16",
     "Connections that one session may stand on (`connections` of tunnel.yaml). 1: no more than "
     "the one that logged in.",
     {.min = 1, .max = 256}},
    {"limits.max_tunnels_per_connection", row::count<&S::max_tunnels_per_connection>, "10",
     "Tunnels in one session. 0: no limit."},
    {"limits.max_requests_per_minute", row::count<&S::max_requests_per_minute>, "0",
     "Requests to one subdomain; more get 429. 0: no limit."},
    {"limits.max_request_body_size", row::size<&S::max_request_body_size>, "0",
     "Bytes of a request's body; more get 413. 0: no limit, bodies are not collected."},
    {"limits.max_header_bytes",
     row::size<&S::max_header_bytes>,
     "32KiB",
     "A request's head; more get 431.",
     {.min = 1024, .max = 1 << 20}},
    {"limits.max_field_bytes",
     row::size<&S::max_field_bytes>,
     "16KiB",
     "One field line of a request's head; more get 431.",
     {.min = 256, .max = 1 << 20}},
    {"limits.max_header_fields",
     row::count<&S::max_header_fields>,
     "100",
     "Fields of a request; more get 431.",
     {.min = 1, .max = 200}},
    {"limits.max_response_header_bytes",
     row::size<&S::max_response_header_bytes>,
     "64KiB",
     "A response's head; for more the visitor gets 502.",
     {.min = 1024, .max = 1 << 20}},
    {"limits.max_response_header_fields",
     row::count<&S::max_response_header_fields>,
     "200",
     "Fields of a response; for more the visitor gets 502.",
     {.min = 1, .max = 200}},
    {"limits.max_keepalive_requests", row::count<&S::max_keepalive_requests>, "10000",
     "Requests on one connection of a visitor. 0: no limit."},
    {"limits.max_streams_per_connection",
     row::count<&S::max_streams_per_connection>,
     "1024",
     "Requests and upgraded connections at once in one session; more get 503.",
     {.min = 1, .max = 65536}},
    {"limits.max_control_streams",
     row::count<&S::max_control_streams>,
     "8",
     "Streams that a client may have open for control messages.",
     {.min = 1, .max = 1024}},
    {"limits.max_visitors",
     row::count<&S::max_visitors>,
     "0",
     "Connections of visitors at once. 0: 80 % of the descriptor limit.",
     {.max = UINT32_MAX}},
    {"limits.max_visitors_per_ip", row::count<&S::max_visitors_per_ip>, "256",
     "The same from one address, or one /64 of IPv6; trusted_proxies are exempt. 0: no limit."},
    {"limits.max_handshakes",
     row::count<&S::max_handshakes>,
     "200",
     "Connections of clients that have not logged in. Those that have are never refused for it.",
     {.min = 1, .max = UINT32_MAX}},
    {"limits.max_handshakes_per_ip", row::count<&S::max_handshakes_per_ip>, "32",
     "The same from one address, or one /64 of IPv6; trusted_proxies are exempt. 0: no limit."},
    {"limits.session_memory",
     row::size<&S::session_memory>,
     "64MiB",
     "Bytes from one client that wait for its visitors; beyond it the worst stream is reset.",
     {.min = 1 << 20}},
    {"limits.memory", row::size<&S::memory>, "512MiB",
     "Bytes that wait anywhere, of all clients and visitors. Above 70 % of it tunnels that hold "
     "much get 503, above 85 % idle visitors are closed, above 95 % the largest are reset. 0: no "
     "limit."},
    {"limits.stream_window",
     row::size<&S::stream_window>,
     "16MiB",
     "How far the receive window of one stream may grow, as far as a long and fast link needs it.",
     {.min = 256 << 10, .max = 1 << 30}},
    {"limits.session_window", row::size<&S::session_window>, "32MiB",
     "By how much all windows of one client may have grown together. 0: they never grow."},
    {"limits.window_memory",
     row::size<&S::window_memory>,
     "256MiB",
     "The same for all clients together.",
     {.restart = true}},

    {"reserved_subdomains",
     row::texts<&S::reserved_subdomains>,
     "[www, api, admin, mail, ns1, ns2, autodiscover]",
     "Names that no client gets.",
     {.check = check_label}},
    {"trusted_proxies",
     row::texts<&S::trusted_proxies>,
     "[127.0.0.0/8, \"::1\"]",
     "Networks whose X-Forwarded-* fields are believed; those of everybody else are replaced.",
     {.check = check_network}},

    {"admin.socket",
     row::text<&S::admin_socket>,
     "/run/tunneld/control.sock",
     "Where tunnelctl asks: root, the server's own user and its group. \"\": nowhere.",
     {.check = check_socket}},
    {"metrics.addr",
     row::text<&S::metrics_addr>,
     "",
     "Where Prometheus reads /metrics, and others /health and /ready, without a password: an "
     "address that strangers do not reach, such as 127.0.0.1:9191. \"\": nowhere.",
     {.check = check_optional_address}},
    {"metrics.per_subdomain", row::boolean<&S::metrics_per_subdomain>, "false",
     "Requests and bytes for each tunnel too; of the 1000 busiest."},

    {"log.level",
     row::choice<&S::log_level, log_levels>,
     "info",
     "error, warn, info or debug.",
     {.flag = "log-level", .argument = "LEVEL", .environment = "TUNNELD_LOG_LEVEL"}},
    {"log.format",
     row::choice<&S::log_format, log_formats>,
     "logfmt",
     "logfmt (key=value) or json, a line for each event.",
     {.flag = "log-format", .argument = "FORMAT", .environment = "TUNNELD_LOG_FORMAT"}},
    {"log.output",
     row::text<&S::log_output>,
     "stderr",
     "stderr, or a file, which SIGUSR1 opens anew.",
     {.check = check_log_output}},
    {"log.access_log",
     row::text<&S::access_log>,
     "",
     "A line for each request: \"\" into the log (at most 100 a second), off, or a file of its own "
     "(all of them).",
     {.check = check_access_log}},
};

constexpr char default_head[] =
    "# /etc/tunneld.yaml - tunneld.yaml(5). Every key, at its default, which is safe to try:\n"
    "# loopback only. `tunneld -t` checks this file, HUP (`tunnelctl reload`) reads it again.\n"
    "#\n"
    "# For a server of your own, with the DNS records tunnel.example.com and\n"
    "# *.tunnel.example.com: control_addr \":9000\", http_addr \":80\", domain\n"
    "# \"tunnel.example.com\", and a certificate in tls.\n";

} // namespace

std::span<const Option> server_options() { return options; }

std::string server_dump(const ServerSettings &settings) { return dump_options(options, &settings); }

std::string server_default_config() { return default_config(options, default_head); }

} // namespace tunnel
