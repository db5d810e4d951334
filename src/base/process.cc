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

void drop_capabilities()
{
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    syscall(SYS_capset, &header, none);
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

void drop_privileges(const std::string &user)
{
    const size_t colon = user.find(':');
    const std::string name = user.substr(0, colon);
    const passwd *entry = getpwnam(name.c_str());
    if (!entry)
        throw Failure(exit_config, "user: there is no user \"" + name + "\"");
    const uid_t uid = entry->pw_uid;
    gid_t gid = entry->pw_gid;
    if (colon != user.npos) {
        const group *wanted = getgrnam(user.c_str() + colon + 1);
        if (!wanted)
            throw Failure(exit_config,
                          "user: there is no group \"" + user.substr(colon + 1) + "\"");
        gid = wanted->gr_gid;
    }

    const bool already = geteuid() == uid && getuid() == uid && getegid() == gid;
    if (!already && (initgroups(name.c_str(), gid) != 0 || setresgid(gid, gid, gid) != 0 ||
                     setresuid(uid, uid, uid) != 0))
        throw Failure(exit_no_permission, "cannot become " + user + ": " + reason());
    if (uid != 0)
        drop_capabilities();
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
    else if (service && geteuid() == 0)
        path = "/var/lib/" + program;
    else
        path = xdg_directory("XDG_STATE_HOME", ".local/state") + "/" + program;
    make_directories(path);
    return path;
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
