// SPDX-License-Identifier: ISC

#include "ctl/arguments.h"

#include "base/failure.h"
#include "base/text.h"

#include <unistd.h>

namespace tunnel {

namespace {

constexpr char default_file[] = "/etc/tunneld.yaml";
constexpr Micros patience = 10 * second;

constexpr Flag flag_table[] = {
    {'c', "config", "FILE", "the server's configuration, default /etc/tunneld.yaml"},
    {0, "socket", "PATH", "the server's control socket, instead of admin.socket"},
    {0, "token-file", "FILE", "instead of auth.token_file"},
    {0, "json", nullptr, "for programs: the server's answer as it is"},
    {0, "watch", nullptr, "status: again every 2 seconds"},
    {0, "wait", "SPAN", "how long the server may be silent, default 10s"},
    {0, "for", "SPAN", "kick: how long the client may not come back"},
    {0, "reason", "TEXT", "kick: what the client is told"},
    {0, "timeout", "SPAN", "drain: after which the rest is cut; default drain_timeout"},
    {0, "follow", nullptr, "log: show it as it is written, until interrupted"},
    {0, "subdomains", "LIST", "token add: names that it may use, such as a,alice-*"},
    {0, "expires", "SPAN|DATE", "token add: when it ends, such as 30d or 2026-12-31"},
    {'V', "version", nullptr, "print the version, and exit"},
    {'h', "help", nullptr, "print this, and exit"},
};

} // namespace

Arguments::Arguments(int argc, char **argv) : line_(parse_command_line(argc, argv, {}, flag_table))
{}

std::string Arguments::value(const char *flag) const
{
    auto found = line_.flags.find(flag);
    return found == line_.flags.end() ? "" : found->second;
}

std::optional<Micros> Arguments::span(const char *flag) const
{
    if (!has(flag))
        return {};
    std::optional<Micros> span = parse_duration(value(flag));
    if (!span)
        throw Failure(exit_usage,
                      std::string("--") + flag + ": expected a span such as 30s or 10m");
    return span;
}

ServerSettings Arguments::settings() const
{
    if (has("config"))
        return load_server_settings(value("config"));
    if (access(default_file, F_OK) == 0)
        return load_server_settings(default_file);
    return default_server_settings();
}

// A server that runs is found even while its file is broken.
std::string Arguments::socket() const
{
    if (has("socket"))
        return value("socket");
    try {
        return settings().admin_socket;
    } catch (const Failure &) {
        if (has("config"))
            throw;
        return default_server_settings().admin_socket;
    }
}

WebClient Arguments::control() const
{
    static constexpr WebPeer server = {
        "tunneld", "; fix: start tunneld, or name its admin.socket by --socket or -c",
        "; fix: ask as root, as the server's user, or in that user's group"};
    return {socket(), server, span("wait").value_or(patience)};
}

ServerSettings Arguments::token_settings() const
{
    ServerSettings found = has("token-file") ? default_server_settings() : settings();
    if (has("token-file"))
        found.token_file = value("token-file");
    return found;
}

std::string control_flags_help() { return flags_help(flag_table, {}); }

} // namespace tunnel
