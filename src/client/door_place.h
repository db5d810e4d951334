// SPDX-License-Identifier: ISC
//
// Where running clients have their control sockets: one for each process, named by its id, in a
// directory of the user's own.

#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

namespace tunnel {

// For this process, in the runtime directory or, without one, the state directory, which is made.
// Throws Failure if there is neither.
std::string own_door();

struct DoorPlace {
    std::string path;
    pid_t pid;
};
// What is there of clients that we may look into, in the order of their ids; whether somebody is
// behind it is another matter. Those of the packaged service are seen by who may read its
// directories.
std::vector<DoorPlace> door_places();

} // namespace tunnel
