// SPDX-License-Identifier: ISC

#include "base/table.h"

#include "base/text.h"

#include <algorithm>
#include <cstdio>

namespace tunnel {

namespace {

std::string scaled(double value, const char *const *units)
{
    while (value >= 999.5 && units[1]) {
        value /= 1000;
        units++;
    }
    char text[40];
    snprintf(text, sizeof text, "%.*f", value < 9.95 && **units ? 1 : 0, value);
    return std::string(text) + (**units ? " " : "") + *units;
}

} // namespace

Table::Table(std::vector<std::string> headings)
{
    for (std::string &heading : headings) {
        right_.push_back(heading.starts_with('>'));
        if (right_.back())
            heading.erase(0, 1);
    }
    rows_.push_back(std::move(headings));
}

void Table::add(std::vector<std::string> row)
{
    for (std::string &cell : row)
        cell = cell.empty() ? "-" : print_printable(cell);
    rows_.push_back(std::move(row));
}

std::string Table::text() const
{
    std::vector<size_t> widths(right_.size());
    for (const auto &row : rows_)
        for (size_t i = 0; i < row.size(); i++)
            widths[i] = std::max(widths[i], row[i].size());
    std::string text;
    for (const auto &row : rows_) {
        std::string line;
        for (size_t i = 0; i < row.size(); i++) {
            const std::string space(widths[i] - row[i].size(), ' ');
            line += (i ? "  " : "") + (right_[i] ? space + row[i] : row[i] + space);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string print_bytes(double bytes)
{
    static const char *const units[] = {"", "kB", "MB", "GB", "TB", "PB", nullptr};
    return scaled(bytes, units) + (bytes < 999.5 ? " B" : "");
}

std::string print_number(double number)
{
    static const char *const units[] = {"", "k", "M", "G", nullptr};
    return scaled(number, units);
}

std::string print_age(double seconds)
{
    const uint64_t total = uint64_t(std::max(seconds, 0.0));
    const unsigned long long days = total / 86400, hours = total / 3600 % 24;
    const unsigned long long minutes = total / 60 % 60, rest = total % 60;
    char text[64];
    if (days != 0)
        snprintf(text, sizeof text, "%llud %02llu:%02llu", days, hours, minutes);
    else
        snprintf(text, sizeof text, "%02llu:%02llu:%02llu", hours, minutes, rest);
    return text;
}

std::string print_printable(const std::string &text)
{
    std::string out;
    append_escaped(out, text);
    return out;
}

} // namespace tunnel
