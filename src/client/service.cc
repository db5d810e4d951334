// SPDX-License-Identifier: ISC

#include "client/service.h"

#include "base/child.h"
#include "base/failure.h"
#include "base/file.h"
#include "base/process.h"
#include "client/options.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <pwd.h>
#include <unistd.h>

namespace tunnel {

namespace {

namespace fs = std::filesystem;

constexpr char unit_name[] = "tunnel.service";
constexpr int not_installed = 4; // as systemctl(1) has it for a unit that does not exist

std::string unit_path()
{
    return xdg_directory("XDG_CONFIG_HOME", ".config") + "/systemd/user/" + unit_name;
}

bool is_installed() { return access(unit_path().c_str(), F_OK) == 0; }

std::string whole_path(const std::string &path)
{
    std::error_code error;
    const fs::path whole = fs::canonical(path, error);
    if (error)
        throw Failure(exit_no_input, path + ": " + error.message());
    return whole;
}

std::string user_name()
{
    const passwd *user = getpwuid(geteuid());
    return user ? user->pw_name : std::to_string(geteuid());
}

// As one word of ExecStart=, see systemd.service(5), "COMMAND LINES".
std::string quoted(const std::string &word)
{
    std::string out = "\"";
    for (char c : word) {
        if (c == '"' || c == '\\')
            out += '\\';
        if (c == '%' || c == '$')
            out += c;
        out += c;
    }
    return out + "\"";
}

// ---------------------------------------------------------------------------- systemd

// What can be done instead, where there is no systemd for this user.
[[noreturn]] void fail_without_systemd()
{
    if (access("/run/systemd/system", F_OK) == 0)
        throw Failure(exit_unavailable,
                      "no systemd of " + user_name() + " is running; fix: log in as " +
                          user_name() + " and not by su or sudo, or: sudo loginctl enable-linger " +
                          user_name());
    throw Failure(exit_unavailable,
                  "this machine is not run by systemd; fix: a line in `crontab -e`, such as "
                  "\"@reboot tunnel start --all --config FILE\", or, as root, "
                  "/etc/tunnel/NAME.yaml for the init script of the package");
}

// After su or sudo the variable may be missing where the directory is there.
void find_user_manager()
{
    const std::string usual = "/run/user/" + std::to_string(geteuid());
    setenv("XDG_RUNTIME_DIR", usual.c_str(), 0);
    const std::string manager = std::string(getenv("XDG_RUNTIME_DIR")) + "/systemd";
    if (access(manager.c_str(), F_OK) != 0)
        fail_without_systemd();
}

int systemctl(const std::vector<std::string> &words)
{
    std::vector<std::string> command = {"systemctl", "--user"};
    command.insert(command.end(), words.begin(), words.end());
    return run_program(command);
}

void must_systemctl(const std::vector<std::string> &words)
{
    if (const int code = systemctl(words))
        throw Failure(exit_unavailable, "systemctl --user " + words[0] + " ended with " +
                                            std::to_string(code) +
                                            "; fix: journalctl --user -u tunnel");
}

// ---------------------------------------------------------------------------- install

// What the service will find, without this shell's environment.
std::string checked_config(const CommandLine &line)
{
    CommandLine alone;
    alone.flags = line.flags;
    if (!line.settings.empty())
        throw Failure(exit_usage, "tunnel service: settings belong into the configuration file, "
                                  "and a token to tunnel login");
    for (const Option &option : client_options())
        if (option.extras.environment)
            unsetenv(option.extras.environment);
    const ClientConfig config = load_client_config(alone);
    if (config.config_file.empty())
        throw Failure(exit_no_input, "a service needs a configuration file; fix: write " +
                                         client_config_places()[1] +
                                         ", as in tunnel.yaml(5), EXAMPLES");
    if (config.of_project)
        throw Failure(exit_config, "./tunnel.yaml is only used by a service if you name it; fix: "
                                   "tunnel service install -c ./tunnel.yaml");
    require_server_and_token(config.settings);
    if (config.settings.tunnels.empty())
        throw Failure(exit_config, config.config_file + ": tunnels: there are none");
    return whole_path(config.config_file);
}

void write_unit(const std::string &config)
{
    std::error_code error;
    const fs::path folder = fs::path(unit_path()).parent_path();
    fs::create_directories(folder, error);
    if (error)
        throw Failure(exit_cannot_create, folder.string() + ": " + error.message());
    write_file(unit_path(), service_unit(whole_path("/proc/self/exe"), config), 0644);
}

void hint_at_linger()
{
    const std::string user = user_name();
    if (access(("/var/lib/systemd/linger/" + user).c_str(), F_OK) == 0)
        return;
    std::cout << "    it runs while you are logged in; for always: sudo loginctl enable-linger "
              << user << "\n";
}

int install(const CommandLine &line)
{
    const std::string config = checked_config(line);
    find_user_manager();
    write_unit(config);
    must_systemctl({"daemon-reload"});
    must_systemctl({"enable", unit_name});
    must_systemctl({"restart", unit_name});
    std::cout << "ok  " << unit_path() << " starts the tunnels of " << config << "\n";
    hint_at_linger();
    return exit_ok;
}

int uninstall(const CommandLine &)
{
    if (!is_installed()) {
        std::cout << "not installed\n";
        return exit_ok;
    }
    find_user_manager();
    must_systemctl({"disable", "--now", unit_name});
    if (unlink(unit_path().c_str()) != 0)
        throw Failure(exit_cannot_create, unit_path() + ": " + std::strerror(errno));
    must_systemctl({"daemon-reload"});
    std::cout << "ok  the tunnels are stopped, and " << unit_path() << " is gone\n";
    return exit_ok;
}

int status(const CommandLine &)
{
    if (!is_installed()) {
        std::cout << "not installed; fix: tunnel service install\n";
        return not_installed;
    }
    find_user_manager();
    return systemctl({"status", "--no-pager", unit_name});
}

constexpr struct {
    const char *name;
    int (*run)(const CommandLine &line);
} verbs[] = {{"install", install}, {"uninstall", uninstall}, {"status", status}};

} // namespace

std::string service_unit(const std::string &program, const std::string &config)
{
    const std::string with_config = " --config " + quoted(config) + "\n";
    return "# Written by `tunnel service install`.\n"
           "[Unit]\n"
           "Description=tunnels of a user\n"
           "Documentation=man:tunnel(1) man:tunnel.yaml(5)\n"
           "\n"
           "[Service]\n"
           "Type=notify\n"
           "ExecStart=" +
           quoted(program) + " start --all" + with_config + "ExecReload=" + quoted(program) +
           " config check" + with_config +
           "ExecReload=/bin/kill -HUP $MAINPID\n"
           "Restart=always\n"
           "RestartSec=5s\n"
           "RestartPreventExitStatus=64 66 77 78\n"
           "WatchdogSec=30s\n"
           "TimeoutStopSec=45s\n"
           "LimitCORE=0\n"
           "UMask=0077\n"
           "LockPersonality=yes\n"
           "MemoryDenyWriteExecute=yes\n"
           "NoNewPrivileges=yes\n"
           "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\n"
           "RestrictNamespaces=yes\n"
           "RestrictRealtime=yes\n"
           "SystemCallArchitectures=native\n"
           "SystemCallFilter=@system-service\n"
           "\n"
           "[Install]\n"
           "WantedBy=default.target\n";
}

int run_service(CommandLine &line, const std::vector<std::string> &arguments)
{
    const std::string verb = arguments.size() == 1 ? arguments[0] : "";
    for (const auto &one : verbs)
        if (verb == one.name)
            return one.run(line);
    throw Failure(exit_usage, "tunnel service: install, uninstall, or status");
}

} // namespace tunnel
