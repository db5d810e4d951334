// SPDX-License-Identifier: ISC

#include "net/local_socket.h"

#include "base/failure.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <vector>

namespace tunnel {

namespace {

constexpr int backlog = 64;

sockaddr_un address_of(const std::string &path)
{
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        throw Failure(exit_config, path + ": the path of a socket has 1 to 107 bytes");
    memcpy(address.sun_path, path.c_str(), path.size());
    return address;
}

Descriptor make_socket(int flags)
{
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    if (!socket)
        throw Failure(exit_unavailable, std::string("cannot make a socket: ") + strerror(errno));
    return socket;
}

bool connects(const Descriptor &socket, const sockaddr_un &address)
{
    return connect(socket.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0;
}

// What a server that was killed has left is in the way.
void clear_place(const std::string &path, const sockaddr_un &address)
{
    struct stat info;
    if (lstat(path.c_str(), &info) != 0)
        return;
    if (!S_ISSOCK(info.st_mode))
        throw Failure(exit_cannot_create, path + ": is there, and is not a socket");
    if (connects(make_socket(SOCK_NONBLOCK), address) || errno == EAGAIN)
        throw Failure(exit_unavailable, path + ": another process listens there");
    unlink(path.c_str());
}

std::vector<gid_t> groups_of(int fd)
{
    std::vector<gid_t> groups(64);
    socklen_t size = socklen_t(groups.size() * sizeof(gid_t));
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) {
        groups.resize(errno == ERANGE ? size / sizeof(gid_t) : 0);
        if (groups.empty() || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0)
            return {};
    }
    groups.resize(size / sizeof(gid_t));
    return groups;
}

} // namespace

LocalPeer LocalPeer::of(int fd)
{
    ucred who = {};
    socklen_t size = sizeof who;
    int family = 0;
    socklen_t family_size = sizeof family;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_size) != 0 || family != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
        return {};
    const std::vector<gid_t> groups = groups_of(fd);
    const bool in_group =
        who.gid == getegid() || std::find(groups.begin(), groups.end(), getegid()) != groups.end();
    return {true, who.uid, who.gid, who.pid, who.uid == 0 || who.uid == geteuid() || in_group};
}

Descriptor listen_local(const std::string &path, mode_t mode)
{
    const sockaddr_un address = address_of(path);
    clear_place(path, address);
    Descriptor socket = make_socket(SOCK_NONBLOCK);
    // Nobody can connect before listen(), so the mode is in force from the first moment on.
    if (bind(socket.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0 ||
        chmod(path.c_str(), mode) != 0 || listen(socket.get(), backlog) != 0)
        throw Failure(exit_cannot_create, path + ": cannot listen there: " + strerror(errno));
    return socket;
}

Descriptor connect_local(const std::string &path, Micros patience)
{
    const sockaddr_un address = address_of(path);
    Descriptor socket = make_socket(0);
    set_patience(socket, patience);
    if (connects(socket, address))
        return socket;
    const bool forbidden = errno == EACCES || errno == EPERM;
    throw Failure(forbidden ? exit_no_permission : exit_unavailable,
                  path + ": cannot connect: " + strerror(errno));
}

void set_patience(const Descriptor &socket, Micros patience)
{
    const timeval span = {time_t(patience / second), suseconds_t(patience % second)};
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span);
    setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &span, sizeof span);
}

bool nobody_listens(const std::string &path)
{
    return !connects(make_socket(SOCK_NONBLOCK), address_of(path)) && errno == ECONNREFUSED;
}

} // namespace tunnel
