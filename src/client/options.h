// SPDX-License-Identifier: ISC
//
// Every key of tunnel.yaml, where the file is looked for, and where the token comes from.
// Read once in main(), then constant.

#pragma once

#include "base/clock.h"
#include "base/command_line.h"
#include "base/log.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tunnel {

enum class TunnelProtocol { http };
enum class UiMode { automatic, plain };
enum class ColourMode { automatic, always, off };

struct TunnelSettings {
    std::string name;      // default: the subdomain; unique in one file
    std::string subdomain; // lower case; empty: the server picks one
    uint64_t local_port;
    std::string local_host;
    TunnelProtocol protocol;

    bool operator==(const TunnelSettings &) const = default;
};

struct ClientSettings {
    std::string server_addr; // "host", "host:port", or "tcp://host:port" (no TLS, loopback only)
    std::string token;       // from wherever it came
    std::string token_file;
    std::string client_id;
    uint64_t connections;   // links of the session
    std::string subdomain;  // what `tunnel http` asks for
    std::string tls_verify; // "system", "off", or the path of a CA file
    std::string tls_pin;    // "" or "sha256:<64 hex>"
    std::vector<TunnelSettings> tunnels;

    bool reconnect_enabled;
    Micros reconnect_initial_delay;
    Micros reconnect_max_delay;
    double reconnect_multiplier;
    uint64_t reconnect_max_attempts; // 0: for ever

    uint64_t pool_max_idle;
    uint64_t pool_max_open;
    Micros pool_max_lifetime;
    Micros pool_idle_timeout;
    Micros pool_dial_timeout;

    Micros handshake_timeout;
    Micros drain_timeout;
    Micros relay_idle_timeout;
    Micros ping_interval;
    Micros ping_timeout;
    Micros user_timeout;

    uint64_t max_streams; // visits open at once
    uint64_t session_memory;
    uint64_t memory;         // bytes waiting anywhere
    uint64_t stream_window;  // how far the receive window of one stream grows
    uint64_t session_window; // by how much all of them grow

    UiMode ui;
    ColourMode color;
    bool qr;

    LogLevel log_level;
    LogFormat log_format;
    std::string log_output;

    LogSettings log() const { return {log_level, log_format, log_output}; }

    struct Server {
        std::string host;
        uint16_t port;
        bool tls;

        std::string text() const; // one text for one server, whatever way it was written
    };
    Server server() const; // server_addr in its parts; port 9000 unless it names one
};

// The rows, for parse_command_line() and flags_help().
std::span<const Option> client_options();

struct ClientConfig {
    ClientSettings settings = {};
    std::string config_file;           // empty: none was found
    std::string token_origin;          // where the token came from, for a person; empty: none
    bool of_project = false;           // it is ./tunnel.yaml, which nobody named
    std::vector<std::string> warnings; // sentences for the person who started us
};

// Reads the configuration for a command line: the file (the Flag "config", else
// $TUNNEL_CONFIG, else the first of client_config_places() that can be read; none is fine),
// the environment, the command line. Then, if none of them gave a token, the file that
// token_file names, or what `tunnel login` stored for the server; with the Flag "token-stdin", a
// line of stdin. A project's ./tunnel.yaml comes with other people's files: it chooses tunnels
// and the server, but never where a token goes that was not stored for that server.
// Throws Failure: exit_usage, exit_no_input, or exit_config with file:line:column.
ClientConfig load_client_config(const CommandLine &line);

// The same without what is stored, for `tunnel login` itself. With a `server` no file is read.
ClientConfig load_login_config(CommandLine line, const std::string &server);

std::vector<std::string> client_config_places(); // in the order of the search
std::string client_credentials_file();           // see client/credentials.h

// Of a value in tunnel.yaml: nullptr, or what was expected instead.
const char *check_server_addr(const std::string &value);
const char *check_verify(const std::string &value);
const char *check_pin(const std::string &value);

// Whether there is enough to dial: a server, and a token unless the server is on loopback
// (where it may ask for none). Throws Failure (exit_config) that says how to give it.
void require_server_and_token(const ClientSettings &settings);

std::string client_dump(const ClientSettings &settings); // YAML that reads back
std::string client_default_config();

} // namespace tunnel
