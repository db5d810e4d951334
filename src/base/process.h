// SPDX-License-Identifier: ISC
//
// The process and its surroundings: the init system, the user we run as, limits, directories.

#pragma once

#include "base/clock.h"

#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace tunnel {

// Tells the init system how we are, by the sd_notify(3) protocol, which start-stop-daemon(8)
// speaks too. Make it before privileges are dropped: the socket may be root's alone.
class Notifier {
public:
    Notifier(); // connects to $NOTIFY_SOCKET; without it send() does nothing
    Notifier(const Notifier &) = delete;
    Notifier &operator=(const Notifier &) = delete;
    ~Notifier();

    void send(std::string_view state); // "READY=1", "STOPPING=1", "STATUS=…"

    // How often the init system wants to hear "WATCHDOG=1", halved so that one may be late
    // (sd_watchdog_enabled(3)); 0: it does not.
    Micros watchdog_interval() const;

private:
    int socket_ = -1;
};

// Becomes "user" or "user:group" for good, supplementary groups included. Without a group: the
// user's own. Of the capabilities only CAP_NET_BIND_SERVICE stays, if we had it: a reload may
// have to bind a port again. Throws Failure (exit_no_permission, or exit_config if there is no
// such user). Before there are threads.
void drop_privileges(const std::string &user);

// While it lives, files are opened and made as `user` will be able to after drop_privileges():
// what he cannot read or write then is found out now. Does nothing if `user` is empty or we are
// not root. Throws as drop_privileges() does. Before there are threads.
class ActingAs {
public:
    explicit ActingAs(const std::string &user);
    ActingAs(const ActingAs &) = delete;
    ActingAs &operator=(const ActingAs &) = delete;
    ~ActingAs();

private:
    bool acting_ = false;
    gid_t group_ = 0; // ours, as the groups are
    std::vector<gid_t> groups_;
};

// Throws Failure (exit_config), with the fix, if `file` may not be read by who we are now.
void require_readable(const std::string &file);

// Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed: else a socket would
// get its number, and what is meant for a person would go to a peer. The first thing in main().
void ensure_standard_descriptors();

// No core file (it would hold secrets), no look inside for other processes of the same user, and
// no way back to privileges through exec. After drop_privileges(), which would undo it.
void harden_process();

// Raises the soft limit of descriptors to the hard one; returns what is in force.
size_t raise_descriptor_limit();

// Where the program keeps what it must remember, made (0700) if it is missing:
// $STATE_DIRECTORY (systemd.exec(5)); else, for a `service` run by root, /var/lib/PROGRAM; else
// $XDG_STATE_HOME/PROGRAM, which is ~/.local/state/PROGRAM. A service remembers the answer in
// $STATE_DIRECTORY, and so gets the same one after it dropped its privileges: ask before.
// Throws Failure (exit_cannot_create).
std::string state_directory(const std::string &program, bool service);

// The same for a `service` run by root that will become `user`, who gets the directory.
void make_state_directory(const std::string &program, const std::string &user);

// $NAME or, relative to the home directory, `otherwise`: xdg_directory("XDG_CONFIG_HOME",
// ".config"). Empty if there is no home.
std::string xdg_directory(const char *name, const std::string &otherwise);

} // namespace tunnel
