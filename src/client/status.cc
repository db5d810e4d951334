// SPDX-License-Identifier: ISC

#include "client/status.h"

#include "base/text.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <poll.h>
#include <unistd.h>

namespace tunnel {
namespace {

constexpr uint64_t visits_per_second = 100; // shown; nobody reads faster

// A reader that has gone, or a full disk, must not end a tunnel: errors are ignored.
void put(int fd, std::string_view text)
{
    while (!text.empty()) {
        ssize_t n = write(fd, text.data(), text.size());
        if (n <= 0)
            return;
        text.remove_prefix(size_t(n));
    }
}

// A terminal that was stopped (Ctrl-S), or a pipe that nobody reads, would block us.
bool takes_more(int fd)
{
    pollfd one = {fd, POLLOUT, 0};
    return poll(&one, 1, 0) == 1 && (one.revents & POLLOUT);
}

bool under_init()
{
    return !isatty(STDERR_FILENO) && (getenv("JOURNAL_STREAM") || getenv("NOTIFY_SOCKET"));
}

// One JSON object on its line.
class JsonLine {
public:
    explicit JsonLine(std::string_view type) { text("type", type); }
    JsonLine &text(std::string_view key, std::string_view value)
    {
        name(key);
        line_ += '"';
        append_json_escaped(line_, value);
        line_ += '"';
        return *this;
    }
    JsonLine &number(std::string_view key, double value)
    {
        char digits[32];
        snprintf(digits, sizeof digits, "%.15g", value);
        name(key);
        line_ += digits;
        return *this;
    }
    std::string end() { return line_ + "}\n"; }

private:
    void name(std::string_view key)
    {
        line_ += line_.empty() ? "{\"" : ",\"";
        line_ += key;
        line_ += "\":";
    }
    std::string line_;
};

double milliseconds(Micros span) { return double(span) / double(millisecond); }

std::string print_bytes(uint64_t bytes)
{
    static constexpr const char *units[] = {"B", "kB", "MB", "GB", "TB"};
    double amount = double(bytes);
    size_t unit = 0;
    while (amount >= 1000 && unit + 1 < std::size(units)) {
        amount /= 1000;
        unit++;
    }
    char text[32];
    snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
    return text;
}

std::string print_clock() // 14:02:11.204, local time
{
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    tm parts;
    localtime_r(&now.tv_sec, &parts);
    char text[32];
    size_t size = strftime(text, sizeof text, "%H:%M:%S", &parts);
    snprintf(text + size, sizeof text - size, ".%03ld", now.tv_nsec / 1000000);
    return text;
}

std::string print_timestamp() // RFC 3339, UTC
{
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    tm parts;
    gmtime_r(&now.tv_sec, &parts);
    char text[40];
    size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + size, sizeof text - size, ".%03ldZ", now.tv_nsec / 1000000);
    return text;
}

std::string visit_line(const VisitRecord &record)
{
    char numbers[64];
    std::string status = record.status ? std::to_string(record.status) : "-";
    snprintf(numbers, sizeof numbers, "%4s %9.1f ms %9s  ", status.c_str(),
             milliseconds(record.took), print_bytes(record.bytes_out).c_str());
    std::string line = "  " + print_clock() + "  ";
    append_escaped(line, record.method);
    line += numbers;
    append_escaped(line, record.remote_addr);
    line += "  ";
    append_escaped(line, record.path);
    if (record.reason != "ok")
        line += "  x " + record.reason;
    return line + "\n";
}

std::string visit_json(const VisitRecord &record)
{
    return JsonLine("request")
        .text("id", record.request_id)
        .text("ts", print_timestamp())
        .text("tunnel", record.subdomain)
        .text("method", record.method)
        .text("path", record.path)
        .number("status", record.status)
        .number("ms", milliseconds(record.took))
        .number("bytes_in", double(record.bytes_in))
        .number("bytes_out", double(record.bytes_out))
        .text("remote_addr", record.remote_addr)
        .text("reason", record.reason)
        .end();
}

} // namespace

Status::Status(const ClientSettings &settings, bool json) : level_(settings.log_level), json_(json)
{
    bool log_on_stderr = settings.log_output == "stderr";
    to_log_ = !log_on_stderr || settings.log_format == LogFormat::json || under_init();
    to_person_ = !log_on_stderr || !to_log_;
    LogLevel needed = isatty(STDERR_FILENO) ? LogLevel::info : LogLevel::debug;
    shows_visits_ = level_ >= needed;
}

void Status::say(LogLevel level, const std::string &sentence, std::string_view event,
                 LogFields fields)
{
    if (to_log_)
        log_event(level, event, fields);
    if (to_person_ && level <= level_)
        put(STDERR_FILENO, sentence + "\n");
}

void Status::out(const std::string &line) { put(STDOUT_FILENO, line); }

void Status::online(const std::string &session_id, const std::string &server)
{
    say(LogLevel::info, "Online     " + server, "session online",
        {{"session", session_id}, {"server", server}});
    if (json_)
        out(JsonLine("session")
                .text("state", "online")
                .text("server", server)
                .text("session_id", session_id)
                .end());
}

void Status::tunnel(size_t index, const Router::Tunnel &tunnel)
{
    std::string target = "http://" + tunnel.target.text();
    say(LogLevel::info, "Forwarding " + tunnel.url + " -> " + target, "tunnel open",
        {{"tunnel", tunnel.name}, {"url", tunnel.url}, {"local", tunnel.target.text()}});

    shown_urls_.resize(std::max(shown_urls_.size(), index + 1));
    bool is_new = shown_urls_[index] != tunnel.url;
    shown_urls_[index] = tunnel.url;
    if (json_)
        out(JsonLine("tunnel")
                .text("name", tunnel.name.empty() ? tunnel.subdomain : tunnel.name)
                .text("public_url", tunnel.url)
                .text("target", target)
                .end());
    else if (is_new && !isatty(STDOUT_FILENO))
        out(tunnel.url + "\n");
}

void Status::refused(const Router::Tunnel &tunnel, const TunnelAnswer &answer)
{
    std::string name = tunnel.subdomain.empty() ? tunnel.target.text() : tunnel.subdomain;
    say(LogLevel::warn,
        "tunnel: warning: no tunnel " + name + ": " + answer.code + ": " + answer.sentence,
        "tunnel refused", {{"tunnel", name}, {"code", answer.code}, {"reason", answer.sentence}});
}

void Status::waiting(LogLevel level, Micros delay, uint64_t attempt, const std::string &reason)
{
    char words[80];
    snprintf(words, sizeof words,
             "reconnecting in %.1f s (attempt %llu): ", double(delay) / double(second),
             static_cast<unsigned long long>(attempt));
    const char *prefix = level == LogLevel::warn ? "tunnel: warning: " : "";
    say(level, prefix + (words + reason), "reconnecting",
        {{"delay_ms", milliseconds(delay)}, {"attempt", attempt}, {"reason", reason}});
    if (json_)
        out(JsonLine("session")
                .text("state", "reconnecting")
                .number("delay_ms", milliseconds(delay))
                .number("attempt", double(attempt))
                .text("reason", reason)
                .end());
}

void Status::links(size_t up, size_t wanted)
{
    std::string count = std::to_string(up) + " of " + std::to_string(wanted);
    say(LogLevel::info, "Links      " + count, "links", {{"links", up}, {"wanted", wanted}});
    if (json_)
        out(JsonLine("links").number("links", double(up)).number("wanted", double(wanted)).end());
}

void Status::link_lost(LogLevel level, size_t up, size_t wanted, Micros delay,
                       const std::string &reason)
{
    char words[80];
    snprintf(words, sizeof words, "%zu of %zu links, ", up, wanted);
    std::string sentence = words;
    if (delay != never) {
        snprintf(words, sizeof words, "the next try in %.1f s: ", double(delay) / double(second));
        sentence += words;
    } else {
        sentence += "and it stays so: ";
    }
    const char *prefix = level == LogLevel::warn ? "tunnel: warning: " : "";
    double delay_ms = delay == never ? -1 : milliseconds(delay);
    say(level, prefix + sentence + reason, "link lost",
        {{"links", up}, {"wanted", wanted}, {"delay_ms", delay_ms}, {"reason", reason}});
    if (json_)
        out(JsonLine("links")
                .number("links", double(up))
                .number("wanted", double(wanted))
                .text("reason", reason)
                .end());
}

void Status::nothing_listens(const LocalTarget &target)
{
    say(LogLevel::warn,
        "tunnel: warning: nothing listens on " + target.text() +
            " yet; visitors get 502 until it does",
        "nothing listens yet", {{"local", target.text()}});
}

void Status::closing(size_t in_flight)
{
    std::string count = std::to_string(in_flight) + (in_flight == 1 ? " request" : " requests");
    say(LogLevel::info, "closing: " + count + " in flight, Ctrl-C again to drop them", "closing",
        {{"in_flight", in_flight}});
}

bool Status::may_show_visit()
{
    Micros now = monotonic_now();
    if (now - this_second_ >= second) {
        this_second_ = now;
        shown_ = 0;
    }
    return shown_ < visits_per_second && takes_more(json_ ? STDOUT_FILENO : STDERR_FILENO);
}

void Status::visit(const VisitRecord &record)
{
    if (!may_show_visit()) {
        dropped_++;
        return;
    }
    shown_++;
    uint64_t dropped = std::exchange(dropped_, 0);
    if (json_) {
        if (dropped > 0)
            out(JsonLine("dropped").number("requests", double(dropped)).end());
        out(visit_json(record));
    }
    if (!shows_visits_)
        return;
    if (dropped > 0 && to_person_)
        put(STDERR_FILENO, "  " + std::to_string(dropped) + " more requests\n");
    if (to_person_)
        put(STDERR_FILENO, visit_line(record));
    if (to_log_)
        log_event(LogLevel::debug, "visit",
                  {{"tunnel", record.subdomain},
                   {"remote", record.remote_addr},
                   {"method", record.method},
                   {"path", record.path},
                   {"status", record.status},
                   {"bytes_in", record.bytes_in},
                   {"bytes_out", record.bytes_out},
                   {"ms", milliseconds(record.took)},
                   {"request", record.request_id},
                   {"reason", record.reason}});
}

} // namespace tunnel
