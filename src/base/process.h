// SPDX-License-Identifier: ISC
//
// The process and its surroundings: the init system, the user we run as, limits, directories.

#pragma once

#include <string>
#include <string_view>

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

private:
    int socket_ = -1;
};

// Becomes "user" or "user:group" for good, supplementary groups and capabilities included.
// Without a group: the user's own. Throws Failure (exit_no_permission, or exit_config if there
// is no such user).
void drop_privileges(const std::string &user);

// Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed: else a socket would
// get its number, and what is meant for a person would go to a peer. The first thing in main().
void ensure_standard_descriptors();

// No core file (it would hold secrets), and no way back to privileges through exec.
void harden_process();

// Raises the soft limit of descriptors to the hard one; returns what is in force.
size_t raise_descriptor_limit();

// Where the program keeps what it must remember, made (0700) if it is missing:
// $STATE_DIRECTORY (systemd.exec(5)); else, for a `service` run by root, /var/lib/PROGRAM; else
// $XDG_STATE_HOME/PROGRAM, which is ~/.local/state/PROGRAM. Ask before privileges are dropped.
// Throws Failure (exit_cannot_create).
std::string state_directory(const std::string &program, bool service);

// $NAME or, relative to the home directory, `otherwise`: xdg_directory("XDG_CONFIG_HOME",
// ".config"). Empty if there is no home.
std::string xdg_directory(const char *name, const std::string &otherwise);

} // namespace tunnel
