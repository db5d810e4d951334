// SPDX-License-Identifier: ISC
//
// Sockets of this machine alone (unix(7)): one to listen on, one to ask, and who is at the
// other end.

#pragma once

#include "base/clock.h"
#include "net/handles.h"

#include <string>
#include <sys/types.h>

namespace tunnel {

// Who asks, as the kernel says (SO_PEERCRED).
struct LocalPeer {
    bool known = false; // false: not a local socket
    uid_t uid = uid_t(-1);
    gid_t gid = gid_t(-1);
    pid_t pid = 0;
    bool trusted = false; // root, our own user, or in our own group

    static LocalPeer of(int fd);
};

// Listens at `path`, for whom `mode` lets in. A socket that nobody listens on any more is
// replaced. Throws Failure (exit_unavailable if somebody does listen there, exit_cannot_create).
Descriptor listen_local(const std::string &path, mode_t mode);

// Blocking, but connect, send and recv fail with EAGAIN after `patience`; 0: never. Throws Failure
// (exit_unavailable, exit_no_permission).
Descriptor connect_local(const std::string &path, Micros patience = 0);
void set_patience(const Descriptor &socket, Micros patience);

// A socket that its owner has left behind.
bool nobody_listens(const std::string &path);

} // namespace tunnel
