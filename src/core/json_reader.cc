// SPDX-License-Identifier: ISC
//
// One cursor over borrowed bytes, moved forwards only.

#include "core/json_reader.h"

#include "core/words.h"

#include <array>
#include <cstring>
#include <string_view>

#include "core/utf8.h"

namespace tunnel::core {
namespace {

// Bytes that stand for themselves in a string and are whole characters.
consteval std::array<bool, 256> find_plain_bytes()
{
    std::array<bool, 256> plain{};
    for (unsigned byte = 0x20; byte < 0x80; ++byte)
        plain[byte] = byte != '"' && byte != '\\';
    return plain;
}

constexpr auto plain = find_plain_bytes();

bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

void skip_blanks(JsonReader &reader)
{
    while (reader.at < reader.end &&
           (*reader.at == ' ' || *reader.at == '\t' || *reader.at == '\n' || *reader.at == '\r'))
        ++reader.at;
}

bool read_hex4(JsonReader &reader, uint32_t &value)
{
    if (reader.end - reader.at < 4)
        return false;
    value = 0;
    for (int i = 0; i < 4; ++i) {
        uint8_t byte = *reader.at++;
        uint8_t letter = byte | 0x20;
        if (is_digit(byte))
            value = value << 4 | static_cast<uint32_t>(byte - '0');
        else if (letter >= 'a' && letter <= 'f')
            value = value << 4 | static_cast<uint32_t>(letter - 'a' + 10);
        else
            return false;
    }
    return true;
}

void put_utf8(JsonReader &reader, uint32_t point)
{
    auto put = [&](uint32_t byte) { *reader.text++ = static_cast<uint8_t>(byte); };
    if (point < 0x80)
        return put(point);
    if (point < 0x800) {
        put(0xc0 | point >> 6);
        return put(0x80 | (point & 0x3f));
    }
    if (point < 0x10000) {
        put(0xe0 | point >> 12);
    } else {
        put(0xf0 | point >> 18);
        put(0x80 | (point >> 12 & 0x3f));
    }
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
}

// Behind "\u": one code point, of two escapes if it is above U+FFFF.
bool read_code_point(JsonReader &reader)
{
    uint32_t point, low;
    if (!read_hex4(reader, point) || point == 0 || (point >= 0xdc00 && point <= 0xdfff))
        return false;
    if (point >= 0xd800 && point <= 0xdbff) {
        if (reader.end - reader.at < 6 || reader.at[0] != '\\' || reader.at[1] != 'u')
            return false;
        reader.at += 2;
        if (!read_hex4(reader, low) || low < 0xdc00 || low > 0xdfff)
            return false;
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(reader, point);
    return true;
}

bool read_escape(JsonReader &reader)
{
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view values = "\"\\/\b\f\n\r\t";
    if (reader.at == reader.end)
        return false;
    uint8_t name = *reader.at++;
    if (name == 'u')
        return read_code_point(reader);
    size_t found = names.find(static_cast<char>(name));
    if (found == names.npos)
        return false;
    *reader.text++ = static_cast<uint8_t>(values[found]);
    return true;
}

bool read_wide_character(JsonReader &reader)
{
    size_t size = utf8_size(reader.at, reader.end);
    if (size < 2) // also a control byte
        return false;
    memcpy(reader.text, reader.at, size);
    reader.text += size;
    reader.at += size;
    return true;
}

// Copies up to a byte that needs thought; false if there is none. In locals, which bytes cannot
// alias.
bool copy_plain(JsonReader &reader)
{
    const uint8_t *at = reader.at;
    uint8_t *text = reader.text;
    for (; reader.end - at >= 8; at += 8, text += 8) {
        uint64_t word = load_word(at);
        uint64_t others = (word & high_bits) | bytes_below(word, 0x20) | bytes_equal(word, '"') |
                          bytes_equal(word, '\\');
        if (others)
            break;
        memcpy(text, at, 8);
    }
    while (at < reader.end && plain[*at])
        *text++ = *at++;
    reader.at = at;
    reader.text = text;
    return at < reader.end;
}

bool skip_word(JsonReader &reader, std::string_view word)
{
    auto there = static_cast<size_t>(reader.end - reader.at);
    if (there < word.size() || memcmp(reader.at, word.data(), word.size()) != 0)
        return false;
    reader.at += word.size();
    return true;
}

bool skip_digits(JsonReader &reader)
{
    const uint8_t *start = reader.at;
    while (reader.at < reader.end && is_digit(*reader.at))
        ++reader.at;
    return reader.at > start;
}

// RFC 8259 6.
bool skip_number(JsonReader &reader)
{
    auto next_is = [&](uint8_t byte) { return reader.at < reader.end && *reader.at == byte; };
    if (next_is('-'))
        ++reader.at;
    bool zero = next_is('0');
    if (zero)
        ++reader.at;
    else if (!skip_digits(reader))
        return false;
    if (next_is('.')) {
        ++reader.at;
        if (!skip_digits(reader))
            return false;
    }
    if (!next_is('e') && !next_is('E'))
        return true;
    ++reader.at;
    if (next_is('+') || next_is('-'))
        ++reader.at;
    return skip_digits(reader);
}

bool skip_string(JsonReader &reader)
{
    tn_slice value;
    uint8_t *text = reader.text;
    bool fine = json_read_string(reader, value);
    reader.text = text;
    return fine;
}

bool skip_collection(JsonReader &reader, uint8_t close, bool named, unsigned depth)
{
    ++reader.at;
    if (json_take(reader, close))
        return true;
    do {
        if (named && (!skip_string(reader) || !json_take(reader, ':')))
            return false;
        if (!json_skip_value(reader, depth))
            return false;
    } while (json_take(reader, ','));
    return json_take(reader, close);
}

} // namespace

bool json_take(JsonReader &reader, uint8_t mark)
{
    skip_blanks(reader);
    if (reader.at == reader.end || *reader.at != mark)
        return false;
    ++reader.at;
    return true;
}

bool json_read_string(JsonReader &reader, tn_slice &value)
{
    if (!json_take(reader, '"'))
        return false;

    uint8_t *start = reader.text;
    while (copy_plain(reader)) {
        uint8_t byte = *reader.at;
        if (byte == '"') {
            ++reader.at;
            value = {start, static_cast<size_t>(reader.text - start)};
            return true;
        }
        bool escape = byte == '\\';
        reader.at += escape;
        if (escape ? !read_escape(reader) : !read_wide_character(reader))
            return false;
    }
    return false;
}

bool json_read_port(JsonReader &reader, uint16_t &value)
{
    skip_blanks(reader);
    const uint8_t *start = reader.at;
    if (!skip_digits(reader) || reader.at - start > 5 || (*start == '0' && reader.at - start > 1))
        return false;
    if (reader.at < reader.end && (*reader.at == '.' || (*reader.at | 0x20) == 'e'))
        return false;

    uint32_t number = 0;
    for (const uint8_t *at = start; at < reader.at; ++at)
        number = number * 10 + static_cast<uint32_t>(*at - '0');
    value = static_cast<uint16_t>(number);
    return number <= UINT16_MAX;
}

bool json_skip_value(JsonReader &reader, unsigned depth)
{
    skip_blanks(reader);
    if (reader.at == reader.end)
        return false;
    switch (*reader.at) {
    case '{':
        return depth > 0 && skip_collection(reader, '}', true, depth - 1);
    case '[':
        return depth > 0 && skip_collection(reader, ']', false, depth - 1);
    case '"':
        return skip_string(reader);
    case 't':
        return skip_word(reader, "true");
    case 'f':
        return skip_word(reader, "false");
    case 'n':
        return skip_word(reader, "null");
    default:
        return skip_number(reader);
    }
}

bool json_at_end(JsonReader &reader)
{
    skip_blanks(reader);
    return reader.at == reader.end;
}

} // namespace tunnel::core
