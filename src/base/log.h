// SPDX-License-Identifier: ISC
//
// The log: one event, one line, `key=value` (logfmt) or one JSON object. Values are escaped
// and cut to `log_value_max` bytes, so nothing from the wire reaches a terminal or a log
// reader raw. Secrets are never given to it. Any thread may log.
//
// A line is one write(2) and never waits: what a full disk or a stalled reader does not take
// is dropped and counted. Of one event at most `log_rate` lines pass in a second; the rest are
// counted in one line "suppressed".

#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace tunnel {

enum class LogLevel { error, warn, info, debug };
enum class LogFormat { logfmt, json };

constexpr size_t log_value_max = 256; // bytes of a value before escaping
constexpr unsigned log_rate = 100;    // lines of one event in a second

// One `key=value`. Borrows its text for the length of the call.
class LogField {
public:
    LogField(std::string_view name, std::string_view value)
        : key(name), text(value), is_number(false)
    {}
    LogField(std::string_view name, const char *value) : LogField(name, std::string_view(value)) {}
    LogField(std::string_view name, const std::string &value)
        : LogField(name, std::string_view(value))
    {}
    template <class T>
    requires std::is_arithmetic_v<T> LogField(std::string_view name, T value)
        : key(name), number(double(value)), is_number(true)
    {}

    std::string_view key;
    std::string_view text;
    double number = 0; // exact for integers up to 2^53
    bool is_number;
};

using LogFields = std::initializer_list<LogField>;

struct LogSettings {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::logfmt;
    std::string output = "stderr";  // "stderr", or a file that is appended to
    std::string access_log = "off"; // log_access(): "" into the log, "off", or a file of its own
    // In front of each line of the log: the time on a plain stderr or in a file, "<N>"
    // (sd-daemon(3)) and no time where an init system reads our stderr ($JOURNAL_STREAM or
    // $NOTIFY_SOCKET).
};

// Throws Failure if the output cannot be opened; the old one then stays.
void log_open(const LogSettings &settings);
void log_reopen(); // after rotation, SIGUSR1
void log_set_level(LogLevel level);
bool log_wants(LogLevel level);

// `event` is a few fixed words ("session open"); what varies goes into fields.
void log_event(LogLevel level, std::string_view event, LogFields fields = {});
void log_event_list(LogLevel level, std::string_view event, std::span<const LogField> fields);

// The access log. A file of its own takes every line; in the log the rate applies.
bool log_wants_access();
void log_access(std::string_view event, LogFields fields);

// Sees each line too, as one with the time in front, on whatever thread logs; must not log itself.
class LogTap {
public:
    virtual void on_log_line(std::string_view line) noexcept = 0;

protected:
    ~LogTap() = default;
};
void log_set_tap(LogTap *tap); // nullptr: nobody. Afterwards the one before is not called any more

// Gets the lines that would go to standard error, where something is drawn on that terminal;
// on whatever thread logs, and must not log itself.
class LogScreen {
public:
    virtual void on_log_line(LogLevel level, std::string_view line) noexcept = 0;

protected:
    ~LogScreen() = default;
};
void log_set_screen(LogScreen *screen); // nullptr: standard error itself

LogLevel log_level();
const char *log_level_name(LogLevel level);

// Writes the counts of suppressed lines that are due; else they wait for the next event. Call
// it once in a while and at the end.
void log_flush();
uint64_t log_lost(); // lines suppressed or dropped since the start

inline void log_error(std::string_view event, LogFields fields = {})
{
    log_event(LogLevel::error, event, fields);
}
inline void log_warn(std::string_view event, LogFields fields = {})
{
    log_event(LogLevel::warn, event, fields);
}
inline void log_info(std::string_view event, LogFields fields = {})
{
    if (log_wants(LogLevel::info))
        log_event(LogLevel::info, event, fields);
}
inline void log_debug(std::string_view event, LogFields fields = {})
{
    if (log_wants(LogLevel::debug))
        log_event(LogLevel::debug, event, fields);
}

} // namespace tunnel
