// SPDX-License-Identifier: ISC

#include "server/gauges.h"

#include "base/log.h"

#include <string>

namespace tunnel {

namespace {

struct Totals {
    size_t awaited = 0;
    uint64_t visitors = 0;
    uint64_t links = 0;
    uint64_t streams = 0;
    uint64_t buffered_bytes = 0;
    uint64_t logins_refused = 0;
    uint64_t handshakes_dropped = 0;
    std::array<uint64_t, reason_count> rejects = {};
};

void add(Totals &totals, const Counters &counters)
{
    totals.visitors += counters.visitors.get();
    totals.links += counters.links.get();
    totals.logins_refused += counters.logins_refused.get();
    totals.handshakes_dropped += counters.handshakes_dropped.get();
    for (unsigned i = 0; i < reason_count; i++)
        totals.rejects[i] += counters.rejects[i].get();
}

// Whoever asks wants to see it, whatever the level.
LogLevel visible_level()
{
    for (LogLevel level : {LogLevel::info, LogLevel::warn})
        if (log_wants(level))
            return level;
    return LogLevel::error;
}

void write(const Totals &totals, uint64_t sessions)
{
    std::vector<std::string> names;
    for (unsigned i = 0; i < reason_count; i++)
        names.push_back(std::string("rejects_") + reason_name(Reason(i)));
    std::vector<LogField> fields = {
        {"descriptors", count_descriptors()},
        {"visitors", totals.visitors},
        {"sessions", sessions},
        {"links", totals.links},
        {"streams", totals.streams},
        {"buffered_bytes", totals.buffered_bytes},
        {"log_suppressed", log_lost()},
        {"rejects_login", totals.logins_refused},
        {"rejects_handshake", totals.handshakes_dropped},
    };
    for (unsigned i = 0; i < reason_count; i++)
        if (Reason(i) != Reason::ok)
            fields.push_back({names[i], totals.rejects[i]});
    log_event_list(visible_level(), "gauges", fields);
}

} // namespace

void log_gauges(const std::vector<std::unique_ptr<Worker>> &workers)
{
    auto totals = std::make_shared<Totals>();
    totals->awaited = workers.size();
    Worker &first = *workers.front();
    for (const auto &each : workers) {
        Worker &worker = *each;
        add(*totals, worker.counters());
        worker.loop().post([&worker, &first, totals] {
            Worker::Gauges gauges = worker.gauges();
            first.loop().post([totals, gauges, &first] {
                totals->streams += gauges.streams;
                totals->buffered_bytes += gauges.buffered_bytes;
                if (--totals->awaited == 0)
                    write(*totals, first.directory().session_count());
            });
        });
    }
}

} // namespace tunnel
