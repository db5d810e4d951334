// SPDX-License-Identifier: ISC

#include "client/door_place.h"

#include "base/failure.h"
#include "base/process.h"
#include "base/text.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <unistd.h>

namespace tunnel {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view ending = ".sock";
constexpr const char *service_state = "/var/lib/tunnel"; // of the package, under sysvinit
constexpr const char *service_runtime = "/run/tunnel";   // NAME below it, under systemd

std::string absolute(const char *variable)
{
    const char *value = getenv(variable);
    if (!value || *value != '/')
        return "";
    return std::string(value).substr(0, std::string_view(value).find(':'));
}

std::string runtime_directory()
{
    const std::string service = absolute("RUNTIME_DIRECTORY"), user = absolute("XDG_RUNTIME_DIR");
    return !service.empty() ? service : user.empty() ? "" : user + "/tunnel";
}

// What may not be looked into is as if it were not there.
std::vector<fs::path> entries(const fs::path &directory)
{
    std::vector<fs::path> found;
    std::error_code ignored;
    for (fs::directory_iterator each(directory, ignored), end; each != end; each.increment(ignored))
        found.push_back(each->path());
    return found;
}

std::set<fs::path> directories()
{
    std::set<fs::path> places = {service_state};
    for (const fs::path &one : entries(service_runtime))
        places.insert(one);
    if (const std::string own = runtime_directory(); !own.empty())
        places.insert(own);
    try {
        places.insert(state_directory("tunnel", false));
    } catch (const Failure &) {
        // Nowhere to keep a state: nobody is there.
    }
    return places;
}

} // namespace

std::string own_door()
{
    const std::string name = "/" + std::to_string(getpid()) + std::string(ending);
    const std::string runtime = runtime_directory();
    std::error_code wrong;
    if (!runtime.empty())
        fs::create_directory(runtime, wrong);
    if (!runtime.empty() && access(runtime.c_str(), W_OK | X_OK) == 0) {
        fs::permissions(runtime, fs::perms::owner_all, wrong);
        return runtime + name;
    }
    return state_directory("tunnel", false) + name;
}

std::vector<DoorPlace> door_places()
{
    std::vector<DoorPlace> doors;
    for (const fs::path &directory : directories())
        for (const fs::path &one : entries(directory)) {
            const std::optional<uint64_t> pid = parse_count(one.stem().string());
            if (one.extension() == ending && pid && *pid <= INT32_MAX)
                doors.push_back({one.string(), pid_t(*pid)});
        }
    std::sort(doors.begin(), doors.end(),
              [](const DoorPlace &a, const DoorPlace &b) { return a.pid < b.pid; });
    return doors;
}

} // namespace tunnel
