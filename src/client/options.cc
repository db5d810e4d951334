// SPDX-License-Identifier: ISC

#include "client/options.h"

#include "base/failure.h"
#include "base/text.h"
#include "net/address.h"

#include <algorithm>

namespace tunnel {

namespace {

using S = ClientSettings;
using T = TunnelSettings;

constexpr char plain_scheme[] = "tcp://";
constexpr uint16_t default_port = 9000;

constexpr const char *log_levels[] = {"error", "warn", "info", "debug"};
constexpr const char *log_formats[] = {"logfmt", "json"};
constexpr const char *ui_modes[] = {"auto", "plain"};
constexpr const char *colour_modes[] = {"auto", "always", "never"};
constexpr const char *protocols[] = {"http"};

bool is_plain(std::string_view server) { return server.starts_with(plain_scheme); }

std::optional<HostPort> parse_server(std::string_view server)
{
    if (is_plain(server))
        server.remove_prefix(sizeof plain_scheme - 1);
    if (const auto named = HostPort::parse(server))
        return named;
    return HostPort::parse(std::string(server) + ":" + std::to_string(default_port));
}

bool is_loopback(const std::string &host)
{
    const auto address =
        Address::parse(host.find(':') == host.npos ? host + ":0" : "[" + host + "]:0");
    return to_lower(host) == "localhost" || (address && address->is_loopback());
}

// `^[a-z][a-z0-9-]{2,62}$` and no hyphen at the end, compared in lower case.
const char *check_subdomain(const std::string &value)
{
    constexpr const char *rule =
        "3 to 63 letters, digits and hyphens, a letter first and no hyphen last";
    const std::string name = to_lower(value);
    const auto allowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (name.empty())
        return nullptr;
    const bool good = name.size() >= 3 && name.size() <= 63 && name[0] >= 'a' && name[0] <= 'z' &&
                      name.back() != '-' && name.find_first_not_of(allowed) == name.npos;
    return good ? nullptr : rule;
}

const char *check_host(const std::string &value)
{
    const bool good =
        !value.empty() && value.size() <= 253 && value.find_first_of(" /\"\\[]") == value.npos;
    return good ? nullptr : "a host name or an address, such as 127.0.0.1";
}

const char *check_id(const std::string &value)
{
    const bool good = value.size() <= 64 && value.find_first_of(" \"\\") == value.npos;
    return good ? nullptr : "at most 64 characters without blanks";
}

// The keys of one tunnel in `tunnels`.
constexpr Option tunnel_options[] = {
    {"name", row::text<&T::name>, "", "What `tunnel start NAME` calls it. Default: the subdomain."},
    {"subdomain",
     row::text<&T::subdomain>,
     "",
     "NAME in NAME.domain. Empty: the server picks one.",
     {.check = check_subdomain}},
    {"local_port",
     row::count<&T::local_port>,
     nullptr,
     "The port of the local service.",
     {.min = 1, .max = 65535}},
    {"local_host", row::text<&T::local_host>, "127.0.0.1", "Its host.", {.check = check_host}},
    {"protocol", row::choice<&T::protocol, protocols>, "http", "What it speaks."},
};

// Every key of tunnel.yaml.
constexpr Option options[] = {
    {"server_addr",
     row::text<&S::server_addr>,
     "",
     "The server: HOST, HOST:PORT (9000), or tcp://HOST:PORT without TLS, on a loopback address "
     "only.",
     {.flag = "server",
      .letter = 's',
      .argument = "ADDR",
      .environment = "TUNNEL_SERVER",
      .check = check_server_addr,
      .session = true}},
    {"token",
     row::secret<&S::token>,
     "",
     "What proves who you are. Better: `tunnel login`, or a file of its own, token_file.",
     {.flag = "token", .argument = "TOKEN", .environment = "TUNNEL_TOKEN", .session = true}},
    {"token_file",
     row::text<&S::token_file>,
     "",
     "A file that holds the token and nothing else. Mode 0640 or less.",
     {.flag = "token-file", .argument = "FILE", .environment = "TUNNEL_TOKEN_FILE"}},
    {"client_id",
     row::text<&S::client_id>,
     "",
     "Tells the clients of one user apart: a new session takes the names of an old one with the "
     "same id. Empty: random, and for `tunnel start` kept for each configuration file.",
     {.environment = "TUNNEL_CLIENT_ID", .check = check_id, .session = true}},
    {"connections",
     row::count<&S::connections>,
     "1",
     "Connections to the server. With more than one, its threads share the work, and when one is "
     "lost only the requests on it are.",
     {.min = 1, .max = 16, .session = true}},
    {"subdomain",
     row::text<&S::subdomain>,
     "",
     "The name that `tunnel http` asks for. Empty: the server picks one.",
     {.flag = "subdomain",
      .letter = 'n',
      .argument = "NAME",
      .environment = "TUNNEL_SUBDOMAIN",
      .check = check_subdomain}},

    {"tls.verify",
     row::text<&S::tls_verify>,
     "system",
     "How the server is verified: system (the CAs of this machine), the path of a CA file, or off.",
     {.flag = "tls-verify",
      .argument = "HOW",
      .environment = "TUNNEL_TLS_VERIFY",
      .check = check_verify,
      .session = true}},
    {"tls.pin",
     row::text<&S::tls_pin>,
     "",
     "sha256:HEX of the server's certificate. If given, it decides alone.",
     {.flag = "pin",
      .argument = "PIN",
      .environment = "TUNNEL_TLS_PIN",
      .check = check_pin,
      .session = true}},

    {"tunnels", row::items<&S::tunnels, tunnel_options>, "[]",
     "The tunnels of `tunnel start`. Each has these keys, of which local_port must be given:"},

    {"reconnect.enabled", row::boolean<&S::reconnect_enabled>, "true",
     "Whether a lost connection, or a first one that fails, is tried again."},
    {"reconnect.initial_delay", row::duration<&S::reconnect_initial_delay>, "1s",
     "The first wait is 0.1 s and a random part of this one."},
    {"reconnect.max_delay", row::duration<&S::reconnect_max_delay>, "10s", "The longest wait."},
    {"reconnect.multiplier",
     row::number<&S::reconnect_multiplier>,
     "2.0",
     "How much longer each wait may be than the one before.",
     {.min = 1, .max = 100}},
    {"reconnect.max_attempts",
     row::count<&S::reconnect_max_attempts>,
     "0",
     "Attempts in a row that may fail. 0: no limit.",
     {.flag = "max-retries", .argument = "N"}},

    {"pool.max_idle",
     row::count<&S::pool_max_idle>,
     "10",
     "Connections to a local service that are kept for the next request.",
     {.max = 100000}},
    {"pool.max_open",
     row::count<&S::pool_max_open>,
     "100",
     "Connections to a local service at once; further requests wait.",
     {.min = 1, .max = 100000}},
    {"pool.max_lifetime", row::duration<&S::pool_max_lifetime>, "5m",
     "Age from which one is not used again. 0: no limit."},
    {"pool.idle_timeout",
     row::duration<&S::pool_idle_timeout>,
     "1m",
     "How long one is kept without use.",
     {.min = millisecond}},
    {"pool.dial_timeout",
     row::duration<&S::pool_dial_timeout>,
     "5s",
     "For connecting to a local service; then 504.",
     {.min = millisecond}},

    {"timeouts.handshake_timeout",
     row::duration<&S::handshake_timeout>,
     "10s",
     "From dialling the server to the end of TLS and login.",
     {.min = millisecond}},
    {"timeouts.drain_timeout", row::duration<&S::drain_timeout>, "30s",
     "After Ctrl-C: for requests to end before they are cut. 0: at once."},
    {"timeouts.relay_idle_timeout", row::duration<&S::relay_idle_timeout>, "0",
     "Silence in both directions of an upgraded connection (WebSocket). 0: for ever."},
    {"timeouts.ping_interval",
     row::duration<&S::ping_interval>,
     "10s",
     "Silence of the server after which it is asked for a sign of life. 0: never.",
     {.session = true}},
    {"timeouts.ping_timeout",
     row::duration<&S::ping_timeout>,
     "10s",
     "Silence after that, which ends the session.",
     {.min = millisecond, .session = true}},
    {"timeouts.user_timeout",
     row::duration<&S::user_timeout>,
     "15s",
     "How long bytes to the server may stay unacknowledged by its system (TCP_USER_TIMEOUT). 0: "
     "the system's own.",
     {.session = true}},

    {"limits.max_streams",
     row::count<&S::max_streams>,
     "1024",
     "Requests and upgraded connections at once; more are refused.",
     {.min = 1, .max = 65536, .session = true}},
    {"limits.session_memory",
     row::size<&S::session_memory>,
     "64MiB",
     "Bytes from visitors that wait for local services; beyond it the worst stream is reset.",
     {.min = 1 << 20, .session = true}},
    {"limits.memory", row::size<&S::memory>, "128MiB",
     "Bytes that wait anywhere. Above 70 % of it services whose visits hold much get no new ones, "
     "above 85 % idle local connections are closed, above 95 % the largest visits are reset. 0: no "
     "limit."},
    {"limits.stream_window",
     row::size<&S::stream_window>,
     "16MiB",
     "How far the receive window of one stream may grow, as far as a long and fast link needs it.",
     {.min = 256 << 10, .max = 1 << 30, .session = true}},
    {"limits.session_window",
     row::size<&S::session_window>,
     "32MiB",
     "By how much all windows may have grown together. 0: they never grow.",
     {.session = true}},

    {"terminal.ui",
     row::choice<&S::ui, ui_modes>,
     "auto",
     "auto: on a terminal a block that is kept up to date, with a line for each request above it; "
     "plain: lines alone.",
     {.flag = "ui", .argument = "MODE", .environment = "TUNNEL_UI"}},
    {"terminal.color",
     row::choice<&S::color, colour_modes>,
     "auto",
     "auto (on a terminal, unless $NO_COLOR is set), always or never.",
     {.flag = "color", .argument = "WHEN", .environment = "TUNNEL_COLOR"}},
    {"terminal.qr", row::boolean<&S::qr>, "false", "Whether each URL is shown as a QR code too."},

    {"log.level",
     row::choice<&S::log_level, log_levels>,
     "info",
     "error, warn, info or debug.",
     {.flag = "log-level", .argument = "LEVEL", .environment = "TUNNEL_LOG_LEVEL"}},
    {"log.format",
     row::choice<&S::log_format, log_formats>,
     "logfmt",
     "logfmt (key=value) or json, a line for each event.",
     {.flag = "log-format", .argument = "FORMAT", .environment = "TUNNEL_LOG_FORMAT"}},
    {"log.output", row::text<&S::log_output>, "stderr",
     "stderr, or a file, which SIGUSR1 opens anew."},
};

constexpr char default_head[] =
    "# tunnel.yaml - tunnel.yaml(5). Every key, at its default. It is looked for in\n"
    "# ./tunnel.yaml, ~/.config/tunnel/tunnel.yaml and /etc/tunnel.yaml; the first one counts.\n"
    "# `tunnel config check` checks it. A change takes effect at SIGHUP.\n";

} // namespace

std::span<const Option> client_options() { return options; }

const char *check_server_addr(const std::string &value)
{
    if (value.empty())
        return nullptr;
    const auto server = parse_server(value);
    if (!server)
        return "HOST or HOST:PORT, such as tunnel.example.com:9000";
    return is_plain(value) && !is_loopback(server->host)
               ? "a loopback address after tcp://, which is without TLS"
               : nullptr;
}

const char *check_verify(const std::string &value)
{
    const bool good = value == "system" || value == "off" || value.find('/') != value.npos;
    return good ? nullptr : "system, off, or the path of a CA file";
}

const char *check_pin(const std::string &value)
{
    constexpr std::string_view prefix = "sha256:";
    const bool good =
        value.empty() || (value.starts_with(prefix) && value.size() == prefix.size() + 64 &&
                          from_hex(value.substr(prefix.size())));
    return good ? nullptr : "sha256: and 64 hexadecimal digits, as the server logs its fingerprint";
}

ClientSettings::Server ClientSettings::server() const
{
    const HostPort server = parse_server(server_addr).value();
    return {server.host, server.port, !is_plain(server_addr)};
}

std::string ClientSettings::Server::text() const
{
    const std::string name = to_lower(host);
    return (tls ? "" : plain_scheme) + (name.find(':') == name.npos ? name : "[" + name + "]") +
           ":" + std::to_string(port);
}

void require_server_and_token(const ClientSettings &settings)
{
    if (settings.server_addr.empty())
        throw Failure(exit_config, "no server is given; fix: tunnel login HOST:PORT, or "
                                   "server_addr in tunnel.yaml, TUNNEL_SERVER, --server");
    if (settings.token.empty() && !is_loopback(settings.server().host))
        throw Failure(exit_config, "no token is given; fix: tunnel login " +
                                       settings.server().text() +
                                       ", or name its file with "
                                       "--token-file");
}

std::string client_dump(const ClientSettings &settings) { return dump_options(options, &settings); }

std::string client_default_config() { return default_config(options, default_head); }

} // namespace tunnel
