// SPDX-License-Identifier: ISC

#include "server/gauges.h"

#include "base/held_memory.h"
#include "base/log.h"
#include "server/survey.h"

#include <string>

namespace tunnel {

namespace {

// Whoever asks wants to see it, whatever the level.
LogLevel visible_level()
{
    for (LogLevel level : {LogLevel::info, LogLevel::warn})
        if (log_wants(level))
            return level;
    return LogLevel::error;
}

void write(const Survey &survey)
{
    std::vector<std::string> names;
    for (unsigned i = 0; i < reason_count; i++)
        names.push_back(std::string("rejects_") + reason_name(Reason(i)));
    std::vector<LogField> fields = {
        {"descriptors", count_descriptors()},
        {"visitors", survey.visitors},
        {"sessions", survey.clients()},
        {"links", survey.links},
        {"streams", survey.streams},
        {"buffered_bytes", survey.buffered},
        {"memory_held", held_memory()},
        {"log_suppressed", log_lost()},
        {"rejects_login", survey.logins_refused},
        {"rejects_handshake", survey.handshakes_dropped},
    };
    for (unsigned i = 0; i < reason_count; i++)
        if (Reason(i) != Reason::ok)
            fields.push_back({names[i], survey.rejects[i]});
    log_event_list(visible_level(), "gauges", fields);
}

} // namespace

void log_gauges(const std::vector<std::unique_ptr<Worker>> &workers)
{
    take_survey(workers, write);
}

} // namespace tunnel
