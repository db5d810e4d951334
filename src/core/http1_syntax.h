// SPDX-License-Identifier: ISC
//
// The small grammar under every HTTP/1 decoder: which bytes may stand where (RFC 9110 5.6.2,
// RFC 9112 3), comparing and trimming slices, walking a comma-separated list.

#ifndef CORE_HTTP1_SYNTAX_H
#define CORE_HTTP1_SYNTAX_H

#include <array>
#include <cstdint>
#include <string_view>

#include <tunnel/slice.h>

namespace tunnel::core {

enum ByteClass : uint8_t {
    token_byte = 1,   // tchar, RFC 9110 5.6.2
    target_byte = 2,  // visible ASCII but '#': a fragment never travels
    host_byte = 4,    // letters, digits, '-', '.'
    digit_byte = 8,   //
    control_byte = 16 // CTL, HTAB included
};

consteval std::array<uint8_t, 256> classify_bytes()
{
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    std::array<uint8_t, 256> classes{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        bool digit = byte >= '0' && byte <= '9';
        bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
        bool mark = byte < 0x7f && marks.find(static_cast<char>(byte)) != marks.npos;
        bool visible = byte > 0x20 && byte < 0x7f;
        unsigned bits = 0;
        if (digit || letter || mark)
            bits |= token_byte;
        if (visible && byte != '#')
            bits |= target_byte;
        if (digit || letter || byte == '-' || byte == '.')
            bits |= host_byte;
        if (digit)
            bits |= digit_byte;
        if (byte < 0x20 || byte == 0x7f)
            bits |= control_byte;
        classes[byte] = static_cast<uint8_t>(bits);
    }
    return classes;
}

inline constexpr std::array<uint8_t, 256> byte_classes = classify_bytes();

inline bool is(uint8_t byte, ByteClass wanted) { return byte_classes[byte] & wanted; }

inline bool is_blank(uint8_t byte) // OWS, RFC 9110 5.6.3
{
    return byte == ' ' || byte == '\t';
}

inline uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? static_cast<uint8_t>(byte | 0x20) : byte;
}

inline tn_slice slice_between(const uint8_t *from, const uint8_t *to)
{
    return {from, static_cast<size_t>(to - from)};
}

// Exactly these bytes.
inline bool equals(tn_slice text, std::string_view wanted)
{
    return wanted == std::string_view(reinterpret_cast<const char *>(text.data), text.len);
}

// These bytes in any case; `wanted` is letters in lower case, digits, '-', ':' and '/', which no
// byte but themselves and their capitals becomes by setting one bit, as long as there are no
// control bytes in `text`.
inline bool equals_in_any_case(tn_slice text, std::string_view wanted)
{
    if (text.len != wanted.size())
        return false;
    for (size_t i = 0; i < text.len; ++i)
        if ((text.data[i] | 0x20) != static_cast<uint8_t>(wanted[i]))
            return false;
    return true;
}

inline bool is_token(tn_slice text)
{
    for (size_t i = 0; i < text.len; ++i)
        if (!is(text.data[i], token_byte))
            return false;
    return text.len > 0;
}

inline tn_slice trim(tn_slice text)
{
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        --text.len;
    while (text.len > 0 && is_blank(*text.data))
        ++text.data, --text.len;
    return text;
}

// Cuts `list` up to and including the first `mark`, or all of it, and returns what stood before.
inline tn_slice cut_at(tn_slice &list, uint8_t mark)
{
    const uint8_t *end = list.data + list.len;
    const uint8_t *at = list.data;
    while (at < end && *at != mark)
        ++at;
    tn_slice before = slice_between(list.data, at);
    list = slice_between(at < end ? at + 1 : end, end);
    return before;
}

// The next element that is not empty (RFC 9110 5.6.1.2); false at the end.
inline bool next_item(tn_slice &list, tn_slice &item)
{
    while (list.len > 0) {
        item = trim(cut_at(list, ','));
        if (item.len > 0)
            return true;
    }
    return false;
}

} // namespace tunnel::core

#endif
