// SPDX-License-Identifier: ISC
//
// tunneld: the command line, the configuration, the ports, the end.

#include "base/failure.h"
#include "base/log.h"
#include "base/process.h"
#include "base/seccomp.h"
#include "config.h"
#include "server/options.h"
#include "server/policy.h"
#include "server/server.h"

#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace tunnel {

namespace {

// Below this many descriptors a crowd of visitors is turned away that a small machine could serve.
constexpr size_t descriptors_wanted = 4096;

// The soft limit is raised to the hard one; more only the init system can give.
size_t claim_descriptors()
{
    const size_t limit = raise_descriptor_limit();
    if (limit < descriptors_wanted)
        log_warn("few descriptors: raise the hard limit (ulimit -Hn, LimitNOFILE=)",
                 {{"limit", limit}, {"wanted", descriptors_wanted}});
    return limit;
}

// What a reload will read again is read now as the user who will do it then.
std::shared_ptr<const Policy> prepare(const ServerSettings &settings)
{
    if (!settings.user.empty() && geteuid() == 0 && settings.keeps_certificate())
        make_state_directory("tunneld", settings.user);
    const ActingAs reader(settings.user);
    log_open(settings.log());
    return make_policy(settings, claim_descriptors());
}

// The command line and the environment go on to win over the file. A file that has gone does not
// mean the defaults.
ServerSettings reread(int argc, char **argv, const std::string &config_file)
{
    ServerCommand command = read_server_command(argc, argv);
    if (command.config_file != config_file)
        throw Failure(exit_no_input, config_file + ": is not there any more");
    return command.settings;
}

int run(const ServerSettings &settings, Server::Reread again)
{
    Server server(prepare(settings), std::move(again));
    if (!settings.user.empty())
        drop_privileges(settings.user);
    else if (geteuid() == 0)
        log_warn("running as root: set `user` to drop to it once the ports are bound");
    harden_process();
    forbid_system_calls();
    server.run();
    return exit_ok;
}

// What a start would find wrong, without taking a port.
int check(const ServerSettings &settings)
{
    const ActingAs reader(settings.user);
    check_policy(settings);
    return exit_ok;
}

int act(const ServerCommand &command, int argc, char **argv)
{
    switch (command.action) {
    case ServerAction::run:
        return run(command.settings,
                   [argc, argv, file = command.config_file] { return reread(argc, argv, file); });
    case ServerAction::check:
        return check(command.settings);
    case ServerAction::dump:
        std::cout << server_dump(command.settings);
        return exit_ok;
    case ServerAction::print_default_config:
        std::cout << server_default_config();
        return exit_ok;
    case ServerAction::version:
        std::cout << "tunneld " PACKAGE_VERSION "\n";
        return exit_ok;
    case ServerAction::help:
        std::cout << server_help();
        return exit_ok;
    }
    return exit_software;
}

} // namespace

} // namespace tunnel

int main(int argc, char **argv)
{
    using namespace tunnel;
    ensure_standard_descriptors();
    try {
        return act(read_server_command(argc, argv), argc, argv);
    } catch (const Failure &failure) {
        std::fprintf(stderr, "tunneld: %s\n", failure.what());
        return failure.code();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "tunneld: %s\n", error.what());
        return exit_software;
    }
}
