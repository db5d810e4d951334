// SPDX-License-Identifier: ISC

#include "base/failure.h"
#include "base/file.h"
#include "base/process.h"
#include "base/seccomp.h"
#include "check.h"

#include <cstdlib>
#include <fstream>
#include <linux/capability.h>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tunnel;

namespace {

// A folder of its own that is gone afterwards.
struct Folder {
    char path[40] = "/tmp/process_test.XXXXXX";
    Folder() { CHECK(mkdtemp(path)); }
    ~Folder() { CHECK(system(("rm -r " + std::string(path)).c_str()) == 0); }
    std::string operator/(const char *name) const { return std::string(path) + "/" + name; }
};

template <class Act> std::string fault(Act act, Exit code)
{
    try {
        act();
    } catch (const Failure &failure) {
        CHECK(failure.code() == code);
        return failure.what();
    }
    return "";
}

bool contains(const std::string &text, const char *part)
{
    return text.find(part) != std::string::npos;
}

mode_t mode_of(const std::string &path)
{
    struct stat info;
    CHECK(stat(path.c_str(), &info) == 0);
    return info.st_mode & 07777;
}

std::string secret_fault(const std::string &path, mode_t forbidden)
{
    return fault([&] { read_secret_file(path, 100, forbidden); }, exit_config);
}

// Whether `act` holds in a process of its own, which it may change for good.
template <class Act> bool holds_in_child(Act act)
{
    const pid_t child = fork();
    if (child == 0)
        _exit(act() ? 0 : 1);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// A line of /proc/self/status, as a number.
uint64_t effective_capabilities()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("CapEff:"))
            return std::stoull(line.substr(7), nullptr, 16);
    return UINT64_MAX;
}

} // namespace

TEST(a_file_is_written_whole_with_its_mode_and_nothing_beside_it)
{
    const Folder folder;
    write_file(folder / "f", "one\n", 0640);
    CHECK(mode_of(folder / "f") == 0640);
    write_file(folder / "f", "two\n", 0600);
    CHECK(read_config_file(folder / "f", 100) == "two\n");
    CHECK(mode_of(folder / "f") == 0600);
    CHECK(system(("test $(ls " + std::string(folder.path) + " | wc -l) = 1").c_str()) == 0);
    CHECK(contains(fault([] { write_file("/nowhere/f", "", 0600); }, exit_cannot_create),
                   "/nowhere/f"));
}

TEST(a_file_that_is_none_is_refused_without_waiting)
{
    const Folder folder;
    CHECK(mkfifo((folder / "fifo").c_str(), 0600) == 0);
    CHECK(contains(fault([&] { read_config_file(folder / "fifo", 100); }, exit_config),
                   "not a regular file"));
    CHECK(contains(fault([&] { read_config_file(folder.path, 100); }, exit_config),
                   "is a directory"));
    CHECK(contains(fault([&] { read_config_file(folder / "none", 100); }, exit_no_input),
                   "No such file"));
    CHECK(contains(fault([] { read_config_file("/dev/zero", 100); }, exit_config),
                   "not a regular file"));
}

TEST(a_file_is_read_up_to_its_bound)
{
    const Folder folder;
    write_file(folder / "f", std::string(100, 'x'), 0600);
    CHECK(read_config_file(folder / "f", 100).size() == 100);
    CHECK(contains(fault([&] { read_config_file(folder / "f", 99); }, exit_config),
                   "larger than 99"));
}

TEST(a_file_that_everybody_can_write_is_refused)
{
    const Folder folder;
    write_file(folder / "f", "x", 0646);
    CHECK(contains(fault([&] { read_config_file(folder / "f", 100); }, exit_config), "chmod o-w"));
    write_file(folder / "f", "x", 0600);
    chmod(folder.path, 0777);
    CHECK(contains(fault([&] { read_config_file(folder / "f", 100); }, exit_config), "directory"));
    chmod(folder.path, 01777);
    CHECK(read_config_file(folder / "f", 100) == "x");
}

TEST(a_secret_is_nobody_elses)
{
    const Folder folder;
    write_file(folder / "s", "x", 0640);
    CHECK(read_secret_file(folder / "s", 100, 027) == "x");
    CHECK(contains(secret_fault(folder / "s", 077), "chmod 600"));
    write_file(folder / "s", "x", 0644);
    CHECK(contains(secret_fault(folder / "s", 027), "chmod 640"));
    write_file(folder / "s", "x", 0660);
    CHECK(contains(secret_fault(folder / "s", 027), "permissions"));
    write_file(folder / "s", "x", 0600);
    CHECK(symlink("s", (folder / "link").c_str()) == 0);
    CHECK(contains(secret_fault(folder / "link", 077), "symbolic link"));
    CHECK(read_config_file(folder / "link", 100) == "x");
}

TEST(the_state_directory_is_where_the_init_system_says_and_is_made)
{
    const Folder folder;
    setenv("STATE_DIRECTORY", ((folder / "a/b") + ":" + (folder / "other")).c_str(), 1);
    CHECK(state_directory("tunneld", true) == folder / "a/b");
    CHECK(mode_of(folder / "a/b") == 0700);
    setenv("STATE_DIRECTORY", "/dev/null/x", 1);
    CHECK(
        contains(fault([] { state_directory("tunneld", true); }, exit_cannot_create), "/dev/null"));
    unsetenv("STATE_DIRECTORY");
}

TEST(without_one_it_is_in_the_users_state)
{
    const Folder folder;
    unsetenv("STATE_DIRECTORY");
    setenv("XDG_STATE_HOME", folder.path, 1);
    CHECK(state_directory("tunnel", false) == folder / "tunnel");
    setenv("XDG_STATE_HOME", "relative", 1); // to be ignored
    setenv("HOME", folder.path, 1);
    CHECK(state_directory("tunnel", false) == folder / ".local/state/tunnel");
    unsetenv("XDG_STATE_HOME");
    CHECK(xdg_directory("XDG_CONFIG_HOME", ".config") == folder / ".config");
}

TEST(the_init_system_is_told)
{
    const Folder folder;
    const std::string path = folder / "notify";
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, path.c_str());
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(socket, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    Notifier notifier;
    notifier.send("READY=1");
    char message[64];
    CHECK(recv(socket, message, sizeof message, 0) == 7 && memcmp(message, "READY=1", 7) == 0);
    close(socket);
    notifier.send("STOPPING=1"); // nobody listens any more, and nothing happens
    unsetenv("NOTIFY_SOCKET");
    Notifier().send("READY=1");
    setenv("NOTIFY_SOCKET", "/nowhere", 1);
    Notifier().send("READY=1");
    unsetenv("NOTIFY_SOCKET");
}

TEST(the_init_system_is_told_twice_in_the_time_it_waits_for_a_sign_of_life)
{
    CHECK(holds_in_child([] {
        const Folder folder;
        const std::string path = folder / "notify";
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        strcpy(address.sun_path, path.c_str());
        const int socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
        CHECK(bind(socket, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0);
        setenv("WATCHDOG_USEC", "30000000", 1);
        CHECK(Notifier().watchdog_interval() == 0); // there is nobody to tell
        setenv("NOTIFY_SOCKET", path.c_str(), 1);
        const Notifier notifier;
        CHECK(notifier.watchdog_interval() == 15 * second);
        setenv("WATCHDOG_PID", "1", 1); // meant for another process
        CHECK(notifier.watchdog_interval() == 0);
        setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
        CHECK(notifier.watchdog_interval() == 15 * second);
        return true;
    }));
}

TEST(the_descriptor_limit_is_raised_to_the_hard_one)
{
    CHECK(holds_in_child([] {
        rlimit limit;
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = 64;
        setrlimit(RLIMIT_NOFILE, &limit);
        return raise_descriptor_limit() == limit.rlim_max;
    }));
}

TEST(a_hardened_process_leaves_no_core)
{
    CHECK(holds_in_child([] {
        harden_process();
        rlimit limit;
        getrlimit(RLIMIT_CORE, &limit);
        return limit.rlim_cur == 0 && limit.rlim_max == 0 &&
               prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    }));
}

TEST(an_unknown_user_is_a_fault_of_the_configuration)
{
    CHECK(contains(fault([] { drop_privileges("no-such-user"); }, exit_config), "no-such-user"));
    CHECK(contains(fault([] { drop_privileges("root:no-such-group"); }, exit_config),
                   "no-such-group"));
}

TEST(privileges_are_dropped_for_good)
{
    if (geteuid() != 0)
        return;
    CHECK(holds_in_child([] {
        drop_privileges("nobody");
        return geteuid() != 0 && getuid() == geteuid() && getegid() != 0 && setuid(0) != 0 &&
               access("/etc/shadow", R_OK) != 0;
    }));
}

TEST(of_the_capabilities_only_the_one_for_low_ports_stays)
{
    if (geteuid() != 0)
        return;
    CHECK(holds_in_child([] {
        const uint64_t low_ports = uint64_t(1) << CAP_NET_BIND_SERVICE;
        const uint64_t before = effective_capabilities();
        drop_privileges("nobody");
        return effective_capabilities() == (before & low_ports);
    }));
}

TEST(what_the_user_cannot_read_is_found_out_before_the_drop)
{
    if (geteuid() != 0)
        return;
    const Folder folder;
    chmod(folder.path, 0711);
    write_file(folder / "secret", "x", 0600);
    write_file(folder / "plain", "x", 0644);
    CHECK(holds_in_child([&] {
        {
            const ActingAs reader("nobody");
            CHECK(geteuid() != 0 && getuid() == 0);
            require_readable(folder / "plain");
            require_readable(folder / "none"); // whoever reads it says so
            const std::string said =
                fault([&] { require_readable(folder / "secret"); }, exit_config);
            CHECK(contains(said, "cannot be read by nobody") &&
                  contains(said, "fix: chgrp nogroup"));
        }
        require_readable(folder / "secret");
        return geteuid() == 0 && getegid() == 0;
    }));
}

TEST(the_state_of_a_service_is_the_users_and_found_after_the_drop_too)
{
    if (geteuid() != 0)
        return;
    const Folder folder;
    chmod(folder.path, 0711);
    CHECK(holds_in_child([&] {
        setenv("STATE_DIRECTORY", (folder / "state").c_str(), 1);
        make_state_directory("tunneld", "nobody");
        drop_privileges("nobody");
        write_file(state_directory("tunneld", true) + "/f", "x", 0600);
        return mode_of(folder / "state") == 0700 && read_config_file(folder / "state/f", 1) == "x";
    }));
}

TEST(what_a_server_never_needs_is_forbidden_for_good)
{
    CHECK(holds_in_child([] {
        harden_process();
        if (!forbid_system_calls())
            return true; // cannot be had here
        char *const nothing[] = {nullptr};
        const bool runs = execve("/bin/true", nothing, nothing) == 0 || errno != EPERM;
        const bool roots = chroot("/") == 0 || errno != EPERM;
        const bool traces = syscall(SYS_ptrace, 0, 0, 0, 0) == 0 || errno != EPERM;
        const bool reads = access("/etc/passwd", R_OK) == 0 && getppid() > 0;
        return !runs && !roots && !traces && reads && !forbid_system_calls();
    }));
}
