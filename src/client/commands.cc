// SPDX-License-Identifier: ISC

#include "client/commands.h"

#include "base/command_line.h"
#include "base/process.h"
#include "client/client.h"
#include "client/doctor_command.h"
#include "client/login_command.h"
#include "client/look_commands.h"
#include "client/service.h"
#include "client/status_json.h"
#include "client/target.h"

#include <algorithm>
#include <config.h>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <unistd.h>

namespace tunnel {
namespace {

constexpr Flag flags[] = {
    {'c', "config", "FILE", "Instead of the default search (tunnel config path)."},
    {0, "all", nullptr, "With start: every tunnel of the file; with logout: every server."},
    {0, "port", "PORT", "Without a command: the local port."},
    {0, "token-stdin", nullptr, "Read the token from standard input."},
    {0, "ca-file", "FILE", "Trust the certificates of FILE alone."},
    {0, "report", "FILE", "With doctor: write it there too, for others, without secrets."},
    {0, "no-retry", nullptr, "End at the first failure, instead of trying again."},
    {0, "json", nullptr, "One JSON object per line on standard output."},
    {0, "qr", nullptr, "A QR code of each URL, for the camera of a phone."},
    {0, "watch", nullptr, "With status: again every 2 seconds."},
    {0, "pid", "PID", "With list, status, stop: the client with this process id alone."},
    {'q', "quiet", nullptr, "Only warnings and errors."},
    {'v', "verbose", nullptr, "More messages; each request."},
    {'h', "help", nullptr, "This help."},
    {'V', "version", nullptr, "The version."},
};

using Arguments = std::vector<std::string>;

struct Command {
    const char *name;
    const char *usage;
    const char *sentence;
    int (*run)(CommandLine &line, const Arguments &arguments);
};

int run_http(CommandLine &, const Arguments &);
int run_start(CommandLine &, const Arguments &);
int run_config(CommandLine &, const Arguments &);
int run_version(CommandLine &, const Arguments &);
int run_help(CommandLine &, const Arguments &);

constexpr Command commands[] = {
    {"http", "tunnel http TARGET [OPTIONS]",
     "Gives the web service at TARGET (3000, host:3000) a public URL.", run_http},
    {"start", "tunnel start [NAME… | --all] [OPTIONS]",
     "Starts the tunnels of the configuration file, or those named.", run_start},
    {"list", "tunnel list [--json]", "The tunnels of your clients that run.", run_list},
    {"status", "tunnel status [--watch] [--json]", "How your clients that run are.", run_status},
    {"stop", "tunnel stop NAME", "Stops a tunnel of a client that runs.", run_stop},
    {"config", "tunnel config check | path | show | default",
     "Checks the configuration; says where it is; prints what is in force, or the defaults.",
     run_config},
    {"login", "tunnel login [SERVER] [OPTIONS]",
     "Checks the server and the token, and stores both for all later commands.", run_login},
    {"logout", "tunnel logout [SERVER | --all]", "Forgets them again.", run_logout},
    {"doctor", "tunnel doctor [TARGET] [--report FILE] [OPTIONS]",
     "Looks at each step from here to a visitor's page, and says what to mend.", run_doctor},
    {"service", "tunnel service install | uninstall | status",
     "Keeps the tunnels of the configuration up, by a systemd unit of yours.", run_service},
    {"version", "tunnel version", "Prints the version.", run_version},
    {"help", "tunnel help [COMMAND]", "Prints help.", run_help},
};

const Command *find_command(const std::string &name)
{
    for (const Command &command : commands)
        if (name == command.name)
            return &command;
    return nullptr;
}

// ------------------------------------------------------------------------------- help

constexpr const char *head_of_help =
    "tunnel - give a local service a public address through your own tunneld\n"
    "\n"
    "Usage:  tunnel PORT                    same as: tunnel http PORT\n"
    "        tunnel COMMAND [OPTIONS]\n"
    "\n"
    "Commands\n";

constexpr const char *foot_of_help =
    "\n"
    "Signals: the first INT or TERM lets open requests finish, the second ends at once;\n"
    "HUP reads the configuration again, USR1 reopens the log, USR2 writes the gauges to it.\n"
    "Manual: tunnel(1), tunnel.yaml(5)\n";

void print_help(const Command *command)
{
    if (command) {
        std::cout << "Usage: " << command->usage << "\n\n" << command->sentence << "\n";
    } else {
        std::cout << head_of_help;
        for (const Command &one : commands)
            std::cout << "  " << one.usage << "\n      " << one.sentence << "\n";
    }
    std::cout << "\nOptions\n" << flags_help(flags, client_options());
    if (!command)
        std::cout << foot_of_help;
}

int run_help(CommandLine &, const Arguments &arguments)
{
    if (arguments.empty()) {
        print_help(nullptr);
        return exit_ok;
    }
    const Command *command = find_command(arguments[0]);
    if (!command)
        throw Failure(exit_usage, "there is no command \"" + arguments[0] + "\"");
    print_help(command);
    return exit_ok;
}

int run_version(CommandLine &, const Arguments &)
{
    std::cout << "tunnel " PACKAGE_VERSION "\n";
    return exit_ok;
}

// ------------------------------------------------------------------- what runs a client

// Flags that are short for settings.
void apply_short_flags(CommandLine &line)
{
    auto set = [&](const char *flag, const char *key, const std::string &value) {
        if (line.has(flag))
            line.settings.push_back({key, value, "--" + std::string(flag)});
    };
    if (line.has("ca-file"))
        set("ca-file", "tls.verify", line.flags["ca-file"]);
    set("no-retry", "reconnect.enabled", "false");
    set("qr", "terminal.qr", "true");
    set("quiet", "log.level", "warn");
    set("verbose", "log.level", "debug");
}

void print_warnings(const ClientConfig &config)
{
    for (const std::string &warning : config.warnings)
        std::cerr << "tunnel: warning: " << warning << "\n";
}

ClientId client_id_of(const ClientSettings &settings)
{
    return settings.client_id.empty() ? ClientId::random() : ClientId::given(settings.client_id);
}

// A token that can be read only once stays what it is. It goes to the server that it was given for.
void keep_token(const ClientConfig &first, ClientConfig &again)
{
    if (again.settings.server_addr == first.settings.server_addr || !again.of_project)
        again.settings.token = first.settings.token;
}

// `finish` makes of what was read what was asked for.
int run_client(const CommandLine &line, const std::function<void(ClientConfig &)> &finish,
               std::function<ClientId(const ClientConfig &)> identify)
{
    const bool read_once = line.has("token-stdin") || getenv("TUNNEL_TOKEN");
    ClientConfig config = load_client_config(line);
    finish(config);
    log_open(config.settings.log());
    print_warnings(config);
    require_server_and_token(config.settings);
    raise_descriptor_limit();
    harden_process();

    CommandLine again = line;
    again.flags.erase("token-stdin");
    auto load = [again, finish, read_once, first = config] {
        ClientConfig next = load_client_config(again);
        if (read_once)
            keep_token(first, next);
        finish(next);
        return next;
    };
    return Client(config, {load, std::move(identify)}, line.has("json")).run();
}

int run_http(CommandLine &line, const Arguments &arguments)
{
    if (arguments.size() != 1)
        throw Failure(exit_usage, "tunnel http: one TARGET is needed, 3000 or host:3000");
    std::optional<LocalTarget> target = parse_target(arguments[0]);
    if (!target)
        throw Failure(exit_usage, "\"" + arguments[0] + "\" is no TARGET: 3000 or host:3000");

    auto finish = [target](ClientConfig &config) {
        ClientSettings &settings = config.settings;
        settings.tunnels = {{.name = settings.subdomain,
                             .subdomain = settings.subdomain,
                             .local_port = target->port,
                             .local_host = target->host,
                             .protocol = TunnelProtocol::http}};
    };
    return run_client(line, finish,
                      [](const ClientConfig &config) { return client_id_of(config.settings); });
}

void select_tunnels(ClientSettings &settings, const Arguments &names)
{
    std::vector<TunnelSettings> selected;
    for (const std::string &name : names) {
        auto found = std::find_if(settings.tunnels.begin(), settings.tunnels.end(),
                                  [&](const TunnelSettings &one) { return one.name == name; });
        if (found == settings.tunnels.end())
            throw Failure(exit_usage, "there is no tunnel \"" + name + "\" in the configuration");
        selected.push_back(*found);
    }
    if (!names.empty())
        settings.tunnels = selected;
}

int run_start(CommandLine &line, const Arguments &arguments)
{
    if (line.has("all") && !arguments.empty())
        throw Failure(exit_usage, "tunnel start: names, or --all");
    auto finish = [arguments](ClientConfig &config) {
        if (config.config_file.empty())
            throw Failure(exit_no_input, "tunnel start needs a configuration file");
        select_tunnels(config.settings, arguments);
        if (config.settings.tunnels.empty())
            throw Failure(exit_config, config.config_file + ": tunnels: there are none");
    };
    return run_client(line, finish, [](const ClientConfig &config) {
        return config.settings.client_id.empty() ? ClientId::kept_for(config.config_file)
                                                 : client_id_of(config.settings);
    });
}

// ------------------------------------------------------------------------------ config

int print_config_path(CommandLine &line)
{
    if (line.has("config")) {
        std::cout << line.flags["config"] << "\n";
        return exit_ok;
    }
    for (const std::string &place : client_config_places())
        std::cout << place << (access(place.c_str(), F_OK) == 0 ? "" : "  (does not exist)")
                  << "\n";
    std::cout << client_credentials_file() << "  (tunnel login)\n";
    return exit_ok;
}

int run_config(CommandLine &line, const Arguments &arguments)
{
    std::string verb = arguments.size() == 1 ? arguments[0] : "";
    if (verb == "path")
        return print_config_path(line);
    if (verb == "default") {
        std::cout << client_default_config();
        return exit_ok;
    }
    if (verb != "check" && verb != "show")
        throw Failure(exit_usage, "tunnel config: check, path, show, or default");

    ClientConfig config = load_client_config(line);
    print_warnings(config);
    if (verb == "show")
        std::cout << client_dump(config.settings);
    else if (config.config_file.empty())
        std::cout << "ok (no configuration file)\n";
    else
        std::cout << config.config_file << ": ok\n";
    return exit_ok;
}

// What is left when help and version are not asked for.
int dispatch(CommandLine &line, const Command *command)
{
    const Arguments &arguments = line.arguments;
    if (command)
        return command->run(line, {arguments.begin() + 1, arguments.end()});
    if (arguments.empty() && line.has("port"))
        return run_http(line, {line.flags["port"]});
    if (arguments.empty()) {
        print_help(nullptr);
        return exit_usage;
    }
    if (!parse_target(arguments[0]))
        throw Failure(exit_usage, "there is no command \"" + arguments[0] + "\"");
    return run_http(line, arguments);
}

} // namespace

int run_command(int argc, char **argv)
{
    CommandLine line = parse_command_line(argc, argv, client_options(), flags);
    const Command *command = line.arguments.empty() ? nullptr : find_command(line.arguments[0]);

    if (line.has("version"))
        return run_version(line, {});
    if (line.has("help")) {
        print_help(command);
        return exit_ok;
    }
    apply_short_flags(line);
    try {
        return dispatch(line, command);
    } catch (const Failure &failure) {
        bool serves = !command || command->run == run_http || command->run == run_start;
        if (serves && line.has("json")) // its reader learns there why nothing comes
            print_json_failure(complaint_of(failure));
        throw;
    }
}

} // namespace tunnel
