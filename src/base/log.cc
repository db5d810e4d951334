// SPDX-License-Identifier: ISC

#include "base/log.h"

#include "base/clock.h"
#include "base/failure.h"
#include "base/log_format.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tunnel {

namespace {

// Where lines go: stderr, or a file that is appended to.
class Output {
public:
    // -1 with errno if the file cannot be opened.
    static int open_file(const std::string &path)
    {
        return ::open(path.c_str(),
                      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    }

    // Takes `fd` over. An empty path is stderr, which is never closed.
    void use(int fd, const std::string &path)
    {
        if (!path_.empty())
            ::close(fd_);
        fd_ = fd;
        path_ = path;
        struct stat info;
        waits_ = fstat(fd_, &info) == 0 && !S_ISREG(info.st_mode);
    }

    // Keeps the old file if the new one cannot be opened.
    void reopen()
    {
        if (path_.empty())
            return;
        const int fd = open_file(path_);
        if (fd >= 0)
            use(fd, std::string(path_));
    }

    void draw_on(LogScreen *screen) { screen_ = screen; }

    // False if the line was dropped. A line that went out in part is ended before the next one.
    bool write(LogLevel level, std::string_view line)
    {
        if (screen_ && path_.empty()) {
            screen_->on_log_line(level, line);
            return true;
        }
        if (waits_ && !is_writable())
            return false;
        if (torn_ && ::write(fd_, "\n", 1) == 1)
            torn_ = false;
        const ssize_t n = torn_ ? -1 : ::write(fd_, line.data(), line.size());
        torn_ = torn_ || (n > 0 && size_t(n) < line.size());
        return n == ssize_t(line.size());
    }

private:
    bool is_writable() const
    {
        pollfd ready = {fd_, POLLOUT, 0};
        return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT);
    }

    LogScreen *screen_ = nullptr;
    int fd_ = STDERR_FILENO;
    std::string path_;  // empty: stderr
    bool waits_ = true; // a write could block: a pipe, a socket, a terminal
    bool torn_ = false;
};

// How many lines of one event passed in this second.
struct Rate {
    Micros second = 0;
    unsigned passed = 0;
    uint64_t suppressed = 0;
};

struct Log {
    std::mutex mutex; // guards what follows, up to the atomics
    Output output;
    Output access;
    LogFormat format = LogFormat::logfmt;
    LogStamp stamp = LogStamp::time;
    std::map<std::string, Rate, std::less<>> rates; // by event; events are fixed words
    size_t waiting = 0;                             // rates with suppressed lines
    uint64_t dropped = 0;                           // not yet reported
    std::string line;                               // reused
    LogTap *tap = nullptr;
    std::string tapped; // reused

    std::atomic<LogLevel> level{LogLevel::info};
    std::atomic<bool> access_wanted{false};
    std::atomic<bool> access_apart{false};
    std::atomic<uint64_t> lost{0};
};

// Never destroyed: threads may log until the very end.
Log &the_log()
{
    static Log &log = *new Log;
    return log;
}

// sd-daemon(3): our stderr is the stream whose device and inode the variable names.
bool stderr_is_journal()
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat info;
    if (!stream || fstat(STDERR_FILENO, &info) != 0)
        return false;
    return stream == std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

LogStamp stamp_for(const std::string &output)
{
    const bool supervised = getenv("NOTIFY_SOCKET") || stderr_is_journal();
    return output == "stderr" && supervised ? LogStamp::priority : LogStamp::time;
}

void put(Log &log, LogLevel level, std::string_view event, std::span<const LogField> fields)
{
    if (log.tap) {
        format_log_line(log.tapped, log.format, LogStamp::time, level, event, fields);
        log.tap->on_log_line(log.tapped);
    }
    format_log_line(log.line, log.format, log.stamp, level, event, fields);
    if (log.output.write(level, log.line))
        return;
    ++log.dropped;
    log.lost.fetch_add(1, std::memory_order_relaxed);
}

// Lines were dropped and the output works again: say how many.
void report_dropped(Log &log)
{
    if (log.dropped == 0)
        return;
    const LogField count("count", log.dropped);
    format_log_line(log.line, log.format, log.stamp, LogLevel::warn, "log lines dropped",
                    {&count, 1});
    if (log.output.write(LogLevel::warn, log.line))
        log.dropped = 0;
}

void report_suppressed(Log &log, Micros second)
{
    if (log.waiting == 0)
        return;
    for (auto &[event, rate] : log.rates) {
        if (rate.suppressed == 0 || rate.second == second)
            continue;
        const LogField fields[] = {{"event", event}, {"count", rate.suppressed}};
        put(log, LogLevel::warn, "suppressed", fields);
        rate.suppressed = 0;
        --log.waiting;
    }
}

bool may_pass(Log &log, std::string_view event, Micros second)
{
    auto found = log.rates.find(event);
    if (found == log.rates.end())
        found = log.rates.emplace(event, Rate{}).first;
    Rate &rate = found->second;
    if (rate.second != second) {
        rate.second = second;
        rate.passed = 0;
    }
    if (rate.passed < log_rate) {
        ++rate.passed;
        return true;
    }
    log.waiting += rate.suppressed++ == 0;
    log.lost.fetch_add(1, std::memory_order_relaxed);
    return false;
}

int open_or_throw(const std::string &path)
{
    const int fd = Output::open_file(path);
    if (fd < 0)
        throw Failure(exit_cannot_create, "cannot open the log " + path + ": " + strerror(errno));
    return fd;
}

bool is_file(const std::string &access_log) { return !access_log.empty() && access_log != "off"; }

} // namespace

void log_open(const LogSettings &settings)
{
    const bool to_stderr = settings.output == "stderr";
    const int fd = to_stderr ? STDERR_FILENO : open_or_throw(settings.output);
    int access_fd = -1;
    try {
        if (is_file(settings.access_log))
            access_fd = open_or_throw(settings.access_log);
    } catch (const Failure &) {
        if (!to_stderr)
            close(fd);
        throw;
    }

    Log &log = the_log();
    const std::lock_guard lock(log.mutex);
    log.output.use(fd, to_stderr ? "" : settings.output);
    if (access_fd >= 0)
        log.access.use(access_fd, settings.access_log);
    log.format = settings.format;
    log.stamp = stamp_for(settings.output);
    log.level = settings.level;
    log.access_wanted = settings.access_log != "off";
    log.access_apart = access_fd >= 0;
}

void log_reopen()
{
    Log &log = the_log();
    const std::lock_guard lock(log.mutex);
    log.output.reopen();
    if (log.access_apart)
        log.access.reopen();
}

void log_set_tap(LogTap *tap)
{
    Log &log = the_log();
    const std::lock_guard lock(log.mutex);
    log.tap = tap;
}

void log_set_screen(LogScreen *screen)
{
    Log &log = the_log();
    const std::lock_guard lock(log.mutex);
    log.output.draw_on(screen);
}

LogLevel log_level() { return the_log().level.load(std::memory_order_relaxed); }

const char *log_level_name(LogLevel level)
{
    static constexpr const char *names[] = {"error", "warn", "info", "debug"};
    return names[int(level)];
}

void log_set_level(LogLevel level) { the_log().level = level; }

bool log_wants(LogLevel level) { return level <= the_log().level.load(std::memory_order_relaxed); }

bool log_wants_access()
{
    const Log &log = the_log();
    return log.access_wanted && (log.access_apart || log_wants(LogLevel::info));
}

void log_event_list(LogLevel level, std::string_view event, std::span<const LogField> fields)
{
    if (!log_wants(level))
        return;
    const Micros now = monotonic_now() / second;
    Log &log = the_log();
    const std::lock_guard lock(log.mutex);
    report_dropped(log);
    report_suppressed(log, now);
    if (may_pass(log, event, now))
        put(log, level, event, fields);
}

void log_event(LogLevel level, std::string_view event, LogFields fields)
{
    log_event_list(level, event, {fields.begin(), fields.size()});
}

void log_access(std::string_view event, LogFields fields)
{
    Log &log = the_log();
    if (!log.access_wanted)
        return;
    if (!log.access_apart)
        return log_event(LogLevel::info, event, fields);

    const std::lock_guard lock(log.mutex);
    format_log_line(log.line, log.format, LogStamp::time, LogLevel::info, event,
                    {fields.begin(), fields.size()});
    if (!log.access.write(LogLevel::info, log.line))
        log.lost.fetch_add(1, std::memory_order_relaxed);
}

void log_flush()
{
    Log &log = the_log();
    const std::lock_guard lock(log.mutex);
    report_dropped(log);
    report_suppressed(log, monotonic_now() / second);
}

uint64_t log_lost() { return the_log().lost.load(std::memory_order_relaxed); }

} // namespace tunnel
