// SPDX-License-Identifier: ISC
//
// Small things done with text: split, trim, escape, hex, spans of time and sizes in the
// notation of the configuration.

#pragma once

#include "base/clock.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tunnel {

std::string_view trim(std::string_view text); // spaces, tabs, CR, LF
// "a,b" -> {"a", "b"}; "" -> {""}. Borrows from `text`.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string to_lower(std::string_view text); // ASCII

std::string to_hex(std::span<const uint8_t> bytes); // lower case
// Empty if there is an odd number of digits, or anything that is none.
std::optional<std::vector<uint8_t>> from_hex(std::string_view text);

// Appends `text` so that only printable ASCII remains: \" \\ \n \r \t and \xNN.
void append_escaped(std::string &out, std::string_view text);
// Appends `text` as the inside of a JSON string, in ASCII: \uNNNN for every other character,
// U+FFFD for bytes that are no UTF-8.
void append_json_escaped(std::string &out, std::string_view text);
// The same for YAML between double quotes, which knows no surrogate pairs.
void append_yaml_escaped(std::string &out, std::string_view text);

// A decimal number, nothing around it; empty if it is none or does not fit.
std::optional<uint64_t> parse_count(std::string_view text);

// "10s", "5m", "1h30m", "1.5s", "500ms", "20us", "2d", and "0" alone. Empty if it is none.
std::optional<Micros> parse_duration(std::string_view text);
std::string print_duration(Micros span); // the shortest form that reads back

// "4096", "32KiB", "50MiB", "2GiB", and "10kB", "10MB", "1GB" by thousands; bytes.
std::optional<uint64_t> parse_size(std::string_view text);
std::string print_size(uint64_t bytes); // the shortest form that reads back

// Whether `text` is of the form `pattern`, in which "*" stands for any bytes or none.
bool matches_glob(std::string_view pattern, std::string_view text);

// Insertions, deletions, replacements and swaps of neighbours from `a` to `b`.
size_t edit_distance(std::string_view a, std::string_view b);

} // namespace tunnel
