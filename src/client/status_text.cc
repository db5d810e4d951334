// SPDX-License-Identifier: ISC

#include "client/status_text.h"

#include "base/text.h"

#include <cstdio>
#include <iterator>

namespace tunnel {
namespace {

std::string milliseconds_of(const timespec &at)
{
    char text[8];
    snprintf(text, sizeof text, ".%03d", int(at.tv_nsec / 1000000 % 1000));
    return text;
}

} // namespace

std::string safe(std::string_view text)
{
    std::string out;
    append_escaped(out, text);
    return out;
}

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

std::string print_latency(Micros span)
{
    char text[32];
    if (span < 10 * second)
        snprintf(text, sizeof text, "%.1f ms", double(span) / double(millisecond));
    else
        snprintf(text, sizeof text, "%.1f s", double(span) / double(second));
    return text;
}

std::string print_span(Micros span)
{
    unsigned long long all = span / second, days = all / 86400;
    char text[48];
    snprintf(text, sizeof text, "%02llu:%02llu:%02llu", all / 3600 % 24, all / 60 % 60, all % 60);
    return days == 0 ? text : std::to_string(days) + " d " + text;
}

std::string print_seconds(Micros span)
{
    char text[32];
    snprintf(text, sizeof text, "%.1f s", double(span) / double(second));
    return text;
}

std::string print_clock(const timespec &at)
{
    tm parts;
    localtime_r(&at.tv_sec, &parts);
    char text[16];
    strftime(text, sizeof text, "%H:%M:%S", &parts);
    return text + milliseconds_of(at);
}

std::string print_timestamp(const timespec &at)
{
    tm parts;
    gmtime_r(&at.tv_sec, &parts);
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    return text + milliseconds_of(at) + "Z";
}

timespec wall_now()
{
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now;
}

std::string print_count(uint64_t count, const char *what)
{
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

} // namespace tunnel
