// SPDX-License-Identifier: ISC
//
// The command line of tunneld, and what only several keys together can tell.

#include "base/command_line.h"
#include "base/failure.h"
#include "base/text.h"
#include "net/address.h"
#include "server/options.h"

#include <unistd.h>

namespace tunnel {

namespace {

constexpr char default_file[] = "/etc/tunneld.yaml";

constexpr Flag flags[] = {
    {'c', "config", "FILE", "default /etc/tunneld.yaml"},
    {'t', "check", nullptr, "check the configuration and exit (0, or 78 with file:line)"},
    {'T', "dump", nullptr, "print the configuration that is in force, and exit"},
    {0, "print-default-config", nullptr, "print every key with its default, and exit"},
    {'V', "version", nullptr, "print the version, and exit"},
    {'h', "help", nullptr, "print this, and exit"},
};

void to_lower_all(std::vector<std::string> &texts)
{
    for (std::string &each : texts)
        each = to_lower(each);
}

bool is_loopback(const std::string &address)
{
    return Address::parse(address).value().is_loopback();
}

// What no key can tell alone.
void check_together(const OptionReader &reader, const ServerSettings &settings)
{
    const bool loopback = is_loopback(settings.control_addr);
    if (settings.domains.empty())
        reader.fail("domain", "expected at least one");
    if (settings.auth_mode == AuthMode::none && !loopback)
        reader.fail("auth.mode", "none would let everybody in: control_addr " +
                                     settings.control_addr + " is not a loopback address");
    if (settings.auth_mode == AuthMode::token && settings.token_file.empty())
        reader.fail("auth.token_file", "is needed with auth.mode token");
    if (!settings.control_tls && !loopback)
        reader.fail("control_tls", "false would send tokens in clear: control_addr " +
                                       settings.control_addr + " is not a loopback address");
    if (!settings.cert_file.empty() && settings.key_file.empty())
        reader.fail("tls.cert_file", "needs tls.key_file too");
    if (!settings.key_file.empty() && settings.cert_file.empty())
        reader.fail("tls.key_file", "needs tls.cert_file too");
    const Address control = Address::parse(settings.control_addr).value();
    if (control.port() != 0 && control == Address::parse(settings.http_addr).value())
        reader.fail("http_addr", "is the same as control_addr");
}

void finish(const OptionReader &reader, ServerSettings &settings)
{
    to_lower_all(settings.domains);
    to_lower_all(settings.reserved_subdomains);
    check_together(reader, settings);
}

ServerAction action_of(const CommandLine &line)
{
    if (line.has("help"))
        return ServerAction::help;
    if (line.has("version"))
        return ServerAction::version;
    if (line.has("print-default-config"))
        return ServerAction::print_default_config;
    if (line.has("dump"))
        return ServerAction::dump;
    return line.has("check") ? ServerAction::check : ServerAction::run;
}

bool needs_settings(ServerAction action)
{
    return action == ServerAction::run || action == ServerAction::check ||
           action == ServerAction::dump;
}

// Without -c the usual file may be missing: the defaults are enough to try things.
std::string config_file(const CommandLine &line)
{
    if (const auto given = line.flags.find("config"); given != line.flags.end())
        return given->second;
    return access(default_file, F_OK) == 0 ? default_file : "";
}

} // namespace

ServerCommand read_server_command(int argc, char **argv)
{
    const CommandLine line = parse_command_line(argc, argv, server_options(), flags);
    if (!line.arguments.empty())
        throw Failure(exit_usage, "unexpected argument \"" + line.arguments.front() + "\"");
    ServerCommand command;
    command.action = action_of(line);
    if (!needs_settings(command.action))
        return command;

    OptionReader reader(server_options(), &command.settings);
    command.config_file = config_file(line);
    if (!command.config_file.empty())
        reader.load_file(command.config_file);
    reader.load_environment();
    reader.apply(line);
    finish(reader, command.settings);
    return command;
}

ServerSettings default_server_settings()
{
    ServerSettings settings;
    OptionReader(server_options(), &settings);
    return settings;
}

ServerSettings load_server_settings(const std::string &config_file)
{
    ServerSettings settings;
    OptionReader reader(server_options(), &settings);
    reader.load_file(config_file);
    finish(reader, settings);
    return settings;
}

std::string server_help()
{
    return "tunneld - reverse tunnel server\n"
           "\n"
           "Usage: tunneld [-tTVh] [-c FILE] [-u USER] [--set KEY=VALUE]...\n"
           "\n" +
           flags_help(flags, server_options()) +
           "\n"
           "Signals: TERM/INT drain and stop, HUP reload, USR1 reopen logs, USR2 write the gauges to "
           "the log\n"
           "Exit: 0 64 66 69 70 73 77 78.   Manual: tunneld(8), tunneld.yaml(5)\n";
}

} // namespace tunnel
