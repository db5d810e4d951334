// SPDX-License-Identifier: ISC

#include "base/log_format.h"

#include "base/text.h"

#include <cmath>
#include <cstdio>
#include <ctime>

namespace tunnel {

namespace {

constexpr const char *level_names[] = {"error", "warn", "info", "debug"};
constexpr char level_priorities[] = {'3', '4', '6', '7'}; // syslog(3)

std::string_view print(char (&buffer)[32], double number)
{
    const bool integral = number == std::floor(number) && std::fabs(number) <= 9007199254740992.0;
    int size = snprintf(buffer, sizeof buffer, integral ? "%.0f" : "%.3f", number);
    if (size >= int(sizeof buffer)) // beyond what %f prints in 31 characters
        size = snprintf(buffer, sizeof buffer, "%g", number);
    return {buffer, size_t(size)};
}

// 2026-01-05T14:02:11.204Z
std::string_view print_time(char (&buffer)[32])
{
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    tm utc;
    gmtime_r(&now.tv_sec, &utc);
    size_t size = strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &utc);
    size +=
        size_t(snprintf(buffer + size, sizeof buffer - size, ".%03dZ", int(now.tv_nsec / 1000000)));
    return {buffer, size};
}

bool is_bare(std::string_view value)
{
    for (unsigned char c : value)
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    return !value.empty();
}

// Only printable ASCII gets through; everything else as \n, \t or \xNN.
void append_logfmt(std::string &line, std::string_view value)
{
    if (is_bare(value)) {
        line += value;
        return;
    }
    line += '"';
    append_escaped(line, value);
    line += '"';
}

// ASCII JSON: other characters as \uNNNN, bytes that are no UTF-8 as U+FFFD.
void append_json(std::string &line, std::string_view value)
{
    line += '"';
    append_json_escaped(line, value);
    line += '"';
}

// A line that is being written: fields are added whole or not at all.
class Line {
public:
    Line(std::string &text, LogFormat format) : text_(text), json_(format == LogFormat::json) {}

    void add(std::string_view key, std::string_view value)
    {
        const size_t before = open(key);
        const bool cut = value.size() > log_value_max;
        std::string shortened;
        if (cut)
            value = shortened.append(value.substr(0, log_value_max - 3)).append("...");
        json_ ? append_json(text_, value) : append_logfmt(text_, value);
        keep_or_cut(before);
    }

    void add(std::string_view key, double number)
    {
        const size_t before = open(key);
        char buffer[32];
        text_ += std::isfinite(number) ? print(buffer, number) : "0";
        keep_or_cut(before);
    }

    void close()
    {
        if (cut_)
            text_ += json_ ? ",\"cut\":1" : " cut=1";
        text_ += json_ ? "}\n" : "\n";
    }

private:
    size_t open(std::string_view key)
    {
        const size_t before = text_.size();
        if (json_)
            text_.append(first_ ? "{\"" : ",\"").append(key).append("\":");
        else
            text_.append(first_ ? "" : " ").append(key).append("=");
        first_ = false;
        return before;
    }

    void keep_or_cut(size_t before)
    {
        constexpr size_t reserve = 16; // what close() adds
        if (!cut_ && text_.size() <= log_line_max - reserve)
            return;
        text_.resize(before);
        cut_ = true;
    }

    std::string &text_;
    const bool json_;
    bool first_ = true;
    bool cut_ = false;
};

} // namespace

void format_log_line(std::string &line, LogFormat format, LogStamp stamp, LogLevel level,
                     std::string_view event, std::span<const LogField> fields)
{
    line.clear();
    if (stamp == LogStamp::priority)
        line.append({'<', level_priorities[int(level)], '>'});

    Line writer(line, format);
    if (stamp == LogStamp::time) {
        char buffer[32];
        writer.add("time", print_time(buffer));
        writer.add("level", level_names[int(level)]);
    }
    writer.add("msg", event);
    for (const LogField &field : fields)
        field.is_number ? writer.add(field.key, field.number) : writer.add(field.key, field.text);
    writer.close();
}

} // namespace tunnel
