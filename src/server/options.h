// SPDX-License-Identifier: ISC
//
// Every key of tunneld.yaml and the command line of tunneld. Read once in main(), then
// constant: any thread may read a ServerSettings.

#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/option.h"

#include <span>
#include <string>
#include <vector>

namespace tunnel {

enum class AuthMode { token, none };

struct ServerSettings {
    // Addresses have been checked: Address::parse() reads them.
    std::string control_addr;
    bool control_tls;
    std::string http_addr;
    std::vector<std::string> domains; // lower case, at least one; the first is the one in URLs
    std::string user;                 // "name" or "name:group"; empty: stay who we are
    uint64_t workers;                 // 0: one for each processor

    AuthMode auth_mode;
    std::string token_file; // set if auth_mode is token
    std::string cert_file;  // both or none; none: self-signed, kept in the state directory
    std::string key_file;

    // Spans of time; 0 turns one off unless its row says otherwise.
    Micros handshake_timeout;
    Micros header_timeout;
    Micros request_timeout;
    Micros idle_timeout;
    Micros keepalive_timeout;
    Micros relay_idle_timeout;
    Micros write_timeout;
    Micros dial_timeout;
    Micros drain_timeout;
    Micros name_grace;
    Micros takeover_timeout;
    Micros ping_interval;
    Micros ping_timeout;
    Micros user_timeout;

    // 0 is no limit unless its row says otherwise.
    uint64_t max_connections_per_user;
    uint64_t max_links_per_session;
    uint64_t max_tunnels_per_connection;
    uint64_t max_requests_per_minute;
    uint64_t max_request_body_size;
    uint64_t max_header_bytes;
    uint64_t max_field_bytes;
    uint64_t max_header_fields;
    uint64_t max_response_header_bytes;
    uint64_t max_response_header_fields;
    uint64_t max_keepalive_requests;
    uint64_t max_streams_per_connection; // that we open in one session
    uint64_t max_control_streams;        // that a client may have open
    uint64_t max_visitors;               // 0: 80 % of the descriptor limit
    uint64_t max_visitors_per_ip;
    uint64_t max_handshakes; // control connections that have not logged in
    uint64_t max_handshakes_per_ip;
    uint64_t session_memory; // bytes waiting in one session
    uint64_t memory;         // bytes waiting anywhere
    uint64_t stream_window;  // how far the receive window of one stream grows
    uint64_t session_window; // by how much all windows of one session grow
    uint64_t window_memory;  // and those of all sessions together

    std::vector<std::string> reserved_subdomains; // lower case
    std::vector<std::string> trusted_proxies;     // NetworkSet::add() accepts each

    std::string admin_socket; // empty: none
    std::string metrics_addr; // empty: none
    bool metrics_per_subdomain;

    LogLevel log_level;
    LogFormat log_format;
    std::string log_output; // "stderr" or a file
    std::string access_log; // "": into the log, "off", or a file

    // A self-signed certificate, in the state directory.
    bool keeps_certificate() const { return control_tls && cert_file.empty(); }
    LogSettings log() const { return {log_level, log_format, log_output, access_log}; }
};

// What the command line asks for.
enum class ServerAction { run, check, dump, print_default_config, version, help };

struct ServerCommand {
    ServerAction action = ServerAction::run;
    std::string config_file;      // where the settings came from
    ServerSettings settings = {}; // filled for run, check and dump
};

// Reads the command line, the file (default /etc/tunneld.yaml), the environment: flags win
// over the environment, which wins over the file. Throws Failure: exit_usage, exit_no_input,
// or exit_config with file:line:column.
ServerCommand read_server_command(int argc, char **argv);

ServerSettings default_server_settings();

// The settings of one file alone. Throws as above.
ServerSettings load_server_settings(const std::string &config_file);

std::span<const Option> server_options(); // the rows

std::string server_help();                               // tunneld --help
std::string server_dump(const ServerSettings &settings); // tunneld -T: YAML that reads back
std::string server_default_config();                     // tunneld --print-default-config

} // namespace tunnel
