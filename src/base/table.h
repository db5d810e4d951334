// SPDX-License-Identifier: ISC
//
// Tables and numbers for people.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tunnel {

// Columns as wide as they must be, two spaces between; what comes from elsewhere is escaped.
// Columns of numbers, whose heading begins with ">", stand to the right.
class Table {
public:
    explicit Table(std::vector<std::string> headings);
    void add(std::vector<std::string> row);
    bool empty() const { return rows_.size() == 1; }
    std::string text() const;

private:
    std::vector<bool> right_;
    std::vector<std::vector<std::string>> rows_; // the first is the headings
};

std::string print_bytes(double bytes);                // "218 GB"
std::string print_number(double number);              // "3.1 M"
std::string print_age(double seconds);                // "12d 03:11", "00:04:12"
std::string print_printable(const std::string &text); // control bytes and the like as \xNN

} // namespace tunnel
