// SPDX-License-Identifier: ISC

#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tunnel {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

struct Unit {
    std::string_view name;
    uint64_t value;
};

// Largest first: the order in which a value is printed.
constexpr Unit time_units[] = {{"d", 86400 * second}, {"h", 3600 * second}, {"m", 60 * second},
                               {"s", second},         {"ms", millisecond},  {"us", 1}};
constexpr Unit size_units[] = {{"GiB", 1 << 30},   {"MiB", 1 << 20}, {"KiB", 1 << 10},
                               {"GB", 1000000000}, {"MB", 1000000},  {"kB", 1000}};

template <size_t n> const Unit *find_unit(const Unit (&units)[n], std::string_view name)
{
    for (const Unit &unit : units)
        if (unit.name == name)
            return &unit;
    return nullptr;
}

// A number in front of `text`, which is shortened by it; fractions as in "1.5".
std::optional<double> take_number(std::string_view &text)
{
    const size_t size = std::min(text.find_first_not_of("0123456789."), text.size());
    double value;
    const auto [end, error] = std::from_chars(text.data(), text.data() + size, value);
    if (size == 0 || error != std::errc() || end != text.data() + size || text[0] == '.')
        return {};
    text.remove_prefix(size);
    return value;
}

// One character of UTF-8 in front of `text` (RFC 3629), which is shortened by it; U+FFFD and
// one byte where there is none.
uint32_t take_character(std::string_view &text)
{
    constexpr uint32_t bad = 0xfffd;
    constexpr uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000}; // by length: no longer forms
    const auto first = uint8_t(text[0]);
    const size_t size = first < 0x80       ? 1
                        : first >> 5 == 6  ? 2
                        : first >> 4 == 14 ? 3
                        : first >> 3 == 30 ? 4
                                           : 0;
    uint32_t character = size == 1 ? first : first & (0x7fu >> size);
    for (size_t i = 1; i < size; ++i) {
        if (i >= text.size() || (uint8_t(text[i]) & 0xc0) != 0x80) {
            text.remove_prefix(1);
            return bad;
        }
        character = character << 6 | (uint8_t(text[i]) & 0x3f);
    }
    const bool surrogate = character >= 0xd800 && character < 0xe000;
    if (size == 0 || character < smallest[size] || character > 0x10ffff || surrogate) {
        text.remove_prefix(1);
        return bad;
    }
    text.remove_prefix(size);
    return character;
}

void append_digits(std::string &out, uint32_t number, int digits)
{
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        out += hex_digits[number >> shift & 15];
}

// The escapes that logfmt, JSON and YAML share; 0 if `c` has none.
char short_escape(uint32_t c)
{
    switch (c) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '"':
    case '\\':
        return char(c);
    default:
        return 0;
    }
}

// `wide` appends what is beyond U+FFFF.
template <class Wide> void append_characters(std::string &out, std::string_view text, Wide wide)
{
    while (!text.empty()) {
        const uint32_t c = take_character(text);
        if (const char letter = short_escape(c))
            out.append({'\\', letter});
        else if (c >= ' ' && c < 0x7f)
            out += char(c);
        else if (c < 0x10000)
            append_digits(out += "\\u", c, 4);
        else
            wide(c);
    }
}

} // namespace

std::string_view trim(std::string_view text)
{
    constexpr const char *blanks = " \t\r\n";
    const size_t first = text.find_first_not_of(blanks);
    if (first == text.npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    for (size_t end; (end = text.find(separator)) != text.npos; text.remove_prefix(end + 1))
        parts.push_back(text.substr(0, end));
    parts.push_back(text);
    return parts;
}

std::string to_lower(std::string_view text)
{
    std::string lower(text);
    for (char &c : lower)
        if (c >= 'A' && c <= 'Z')
            c = char(c - 'A' + 'a');
    return lower;
}

std::string to_hex(std::span<const uint8_t> bytes)
{
    std::string text;
    text.reserve(2 * bytes.size());
    for (uint8_t byte : bytes) {
        text += hex_digits[byte >> 4];
        text += hex_digits[byte & 15];
    }
    return text;
}

std::optional<std::vector<uint8_t>> from_hex(std::string_view text)
{
    if (text.size() % 2)
        return {};
    std::vector<uint8_t> bytes;
    bytes.reserve(text.size() / 2);
    for (size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
        if (high < 0 || low < 0)
            return {};
        bytes.push_back(uint8_t(high << 4 | low));
    }
    return bytes;
}

void append_escaped(std::string &out, std::string_view text)
{
    for (char c : text) {
        const auto byte = uint8_t(c);
        if (const char letter = short_escape(byte))
            out.append({'\\', letter});
        else if (byte < ' ' || byte >= 0x7f)
            out.append({'\\', 'x', hex_digits[byte >> 4], hex_digits[byte & 15]});
        else
            out += c;
    }
}

void append_json_escaped(std::string &out, std::string_view text)
{
    const auto wide = [&out](uint32_t c) { // a surrogate pair, RFC 8259 section 7
        append_digits(out += "\\u", 0xd800 + ((c - 0x10000) >> 10), 4);
        append_digits(out += "\\u", 0xdc00 + ((c - 0x10000) & 0x3ff), 4);
    };
    append_characters(out, text, wide);
}

void append_yaml_escaped(std::string &out, std::string_view text)
{
    append_characters(out, text, [&out](uint32_t c) { append_digits(out += "\\U", c, 8); });
}

std::optional<uint64_t> parse_count(std::string_view text)
{
    uint64_t value;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        return {};
    return value;
}

std::optional<Micros> parse_duration(std::string_view text)
{
    if (text == "0")
        return 0;
    double total = 0;
    do {
        const auto amount = take_number(text);
        const size_t size = std::min(text.find_first_of("0123456789."), text.size());
        const Unit *unit = find_unit(time_units, text.substr(0, size));
        if (!amount || !unit)
            return {};
        total += *amount * double(unit->value);
        text.remove_prefix(size);
    } while (!text.empty());
    if (total > 3650.0 * 86400 * double(second)) // ten years: nobody means more
        return {};
    return Micros(std::llround(total));
}

std::string print_duration(Micros span)
{
    if (span == 0)
        return "0";
    std::string text;
    for (const Unit &unit : time_units) {
        if (span < unit.value)
            continue;
        text += std::to_string(span / unit.value) + std::string(unit.name);
        span %= unit.value;
    }
    return text;
}

std::optional<uint64_t> parse_size(std::string_view text)
{
    const size_t size = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto amount = parse_count(text.substr(0, size));
    if (!amount || size == text.size())
        return amount;
    const Unit *unit = find_unit(size_units, trim(text.substr(size)));
    if (!unit || *amount > INT64_MAX / unit->value)
        return {};
    return *amount * unit->value;
}

std::string print_size(uint64_t bytes)
{
    for (const Unit &unit : size_units)
        if (bytes >= unit.value && bytes % unit.value == 0)
            return std::to_string(bytes / unit.value) + std::string(unit.name);
    return std::to_string(bytes);
}

// Goes back to the last "*" only, so the cost is bounded by the product of both lengths.
bool matches_glob(std::string_view pattern, std::string_view text)
{
    size_t p = 0, t = 0;
    size_t star = pattern.npos, tried = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            tried = t;
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            p++;
            t++;
        } else if (star != pattern.npos) {
            p = star + 1;
            t = ++tried;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == pattern.npos;
}

size_t edit_distance(std::string_view a, std::string_view b)
{
    // Rows of the usual matrix: two back (for swaps), the last one, this one.
    std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j)
        now[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        before.swap(last);
        last.swap(now);
        now[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const bool same = a[i - 1] == b[j - 1];
            now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + !same});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = std::min(now[j], before[j - 2] + 1);
        }
    }
    return now[b.size()];
}

} // namespace tunnel
