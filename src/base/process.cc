// SPDX-License-Identifier: ISC

#include "base/process.h"

#include "base/failure.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

namespace tunnel {

namespace {

std::string reason() { return strerror(errno); }

// Whom drop_privileges() and ActingAs become.
struct Account {
    std::string name;
    uid_t uid;
    gid_t gid;
};

// "user" or "user:group".
Account find_account(const std::string &user)
{
    const size_t colon = user.find(':');
    const std::string name = user.substr(0, colon);
    const passwd *entry = getpwnam(name.c_str());
    if (!entry)
        throw Failure(exit_config, "user: there is no user \"" + name + "\"");
    if (colon == user.npos)
        return {name, entry->pw_uid, entry->pw_gid};
    const uid_t uid = entry->pw_uid;
    const group *wanted = getgrnam(user.c_str() + colon + 1);
    if (!wanted)
        throw Failure(exit_config, "user: there is no group \"" + user.substr(colon + 1) + "\"");
    return {name, uid, wanted->gr_gid};
}

[[noreturn]] void fail_to_become(const std::string &user)
{
    throw Failure(exit_no_permission, "cannot become " + user + ": " + reason());
}

// All but the one for ports below 1024. It is not inheritable, and nothing is executed anyway.
void drop_capabilities()
{
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
    if (syscall(SYS_capget, &header, sets) != 0)
        memset(sets, 0, sizeof sets);
    const uint32_t kept = sets[0].permitted & (1u << CAP_NET_BIND_SERVICE);
    const __user_cap_data_struct wanted[_LINUX_CAPABILITY_U32S_3] = {{kept, kept, 0}, {}};
    syscall(SYS_capset, &header, wanted);
}

void make_directories(const std::string &path)
{
    for (size_t end = 1; end != path.npos;) {
        end = path.find('/', end + 1);
        if (mkdir(path.substr(0, end).c_str(), 0700) != 0 && errno != EEXIST)
            throw Failure(exit_cannot_create,
                          "cannot make the directory " + path.substr(0, end) + ": " + reason());
    }
}

std::string home_directory()
{
    if (const char *home = getenv("HOME"); home && *home)
        return home;
    const passwd *entry = getpwuid(geteuid());
    return entry && entry->pw_dir ? entry->pw_dir : "";
}

} // namespace

Notifier::Notifier()
{
    const char *path = getenv("NOTIFY_SOCKET");
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (!path || !*path || strlen(path) >= sizeof address.sun_path)
        return;
    strcpy(address.sun_path, path);
    if (address.sun_path[0] == '@') // the abstract namespace, unix(7)
        address.sun_path[0] = '\0';
    const auto size = socklen_t(offsetof(sockaddr_un, sun_path) + strlen(path));

    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_ >= 0 && connect(socket_, reinterpret_cast<sockaddr *>(&address), size) == 0)
        return;
    close(socket_);
    socket_ = -1;
}

Notifier::~Notifier()
{
    if (socket_ >= 0)
        close(socket_);
}

void Notifier::send(std::string_view state)
{
    if (socket_ >= 0)
        ::send(socket_, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

Micros Notifier::watchdog_interval() const
{
    const char *interval = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (socket_ < 0 || !interval || (pid && strtoul(pid, nullptr, 10) != (unsigned long)getpid()))
        return 0;
    return strtoull(interval, nullptr, 10) / 2;
}

void drop_privileges(const std::string &user)
{
    const Account to = find_account(user);
    const bool already = geteuid() == to.uid && getuid() == to.uid && getegid() == to.gid;
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0); // what setresuid would clear is sorted out below
    if (!already &&
        (initgroups(to.name.c_str(), to.gid) != 0 || setresgid(to.gid, to.gid, to.gid) != 0 ||
         setresuid(to.uid, to.uid, to.uid) != 0))
        fail_to_become(user);
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    if (to.uid != 0)
        drop_capabilities();
}

ActingAs::ActingAs(const std::string &user)
{
    if (user.empty() || geteuid() != 0)
        return;
    const Account as = find_account(user);
    const int count = getgroups(0, nullptr);
    groups_.resize(size_t(count < 0 ? 0 : count));
    group_ = getegid();
    if (count < 0 || getgroups(count, groups_.data()) != count ||
        initgroups(as.name.c_str(), as.gid) != 0)
        fail_to_become(user);
    acting_ = true;
    if (setegid(as.gid) != 0 || seteuid(as.uid) != 0) {
        this->~ActingAs();
        fail_to_become(user);
    }
}

// To go on as somebody half changed would be worse than to end.
ActingAs::~ActingAs()
{
    if (acting_ &&
        (seteuid(0) != 0 || setegid(group_) != 0 || setgroups(groups_.size(), groups_.data()) != 0))
        abort();
    acting_ = false;
}

void require_readable(const std::string &file)
{
    if (faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) == 0 || errno != EACCES)
        return;
    const passwd *user = getpwuid(geteuid());
    const group *group = getgrgid(getegid());
    const std::string name = group ? group->gr_name : std::to_string(getegid());
    throw Failure(exit_config, file + ": cannot be read by " +
                                   (user ? user->pw_name : std::to_string(geteuid())) +
                                   "; fix: chgrp " + name + " " + file + " && chmod 640 " + file +
                                   ", and let that group into the directories above");
}

void ensure_standard_descriptors()
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void harden_process()
{
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); // a core_pattern that is a pipe knows no limit
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

size_t raise_descriptor_limit()
{
    rlimit limit = {1024, 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit raised = {limit.rlim_max, limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

std::string state_directory(const std::string &program, bool service)
{
    std::string path;
    if (const char *given = getenv("STATE_DIRECTORY"); given && *given)
        path.assign(given, strcspn(given, ":")); // several are separated by ":"
    else if (service && getuid() == 0)
        path = "/var/lib/" + program;
    else
        path = xdg_directory("XDG_STATE_HOME", ".local/state") + "/" + program;
    make_directories(path);
    if (service)
        setenv("STATE_DIRECTORY", path.c_str(), 1);
    return path;
}

void make_state_directory(const std::string &program, const std::string &user)
{
    const Account owner = find_account(user);
    const std::string path = state_directory(program, true);
    if (lchown(path.c_str(), owner.uid, owner.gid) != 0)
        throw Failure(exit_cannot_create,
                      "cannot give " + path + " to " + owner.name + ": " + reason());
}

std::string xdg_directory(const char *name, const std::string &otherwise)
{
    // A relative path is to be ignored (XDG Base Directory Specification).
    if (const char *given = getenv(name); given && *given == '/')
        return given;
    const std::string home = home_directory();
    return home.empty() ? "" : home + "/" + otherwise;
}

} // namespace tunnel
