// SPDX-License-Identifier: ISC
//
// Chunk-size lines: exactly the grammar of RFC 9112 7.1 and 7.1.1. No sign, no blank that the
// grammar lacks, no size that does not fit, no bare CR or LF: each was once a way to smuggle a
// request.

#include "core/http1_body_parts.h"
#include "core/http1_syntax.h"

namespace tunnel::core {
namespace {

constexpr uint8_t digits_max = 16;
constexpr uint64_t chunk_max = INT64_MAX;

int hex_value(uint8_t byte)
{
    if (is(byte, digit_byte))
        return byte - '0';
    uint8_t letter = lower(byte);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

// Behind a complete part of the line: its end, the next extension, or BWS.
BodyState after_part(uint8_t byte, BodyState blank)
{
    if (byte == '\r')
        return size_lf;
    if (byte == ';')
        return name_first;
    return is_blank(byte) ? blank : broken_syntax;
}

// Inside a quoted-string, RFC 9110 5.6.4.
BodyState quoted(uint8_t byte, bool escaped)
{
    if (is(byte, control_byte) && byte != '\t')
        return broken_syntax;
    if (escaped)
        return value_quoted;
    return byte == '"' ? value_end : byte == '\\' ? value_escaped : value_quoted;
}

BodyState read_size(tn_http1_body &body, uint8_t byte)
{
    int digit = hex_value(byte);
    if (digit < 0)
        return body.state == size_first ? broken_syntax : after_part(byte, size_blank);
    if (++body.digits > digits_max || body.left > chunk_max >> 4)
        return broken_syntax;
    body.left = body.left << 4 | static_cast<uint64_t>(digit);
    return size_digits;
}

BodyState read_extension(BodyState state, uint8_t byte)
{
    if (state == value_quoted || state == value_escaped)
        return quoted(byte, state == value_escaped);

    bool token = is(byte, token_byte);
    bool blank = is_blank(byte);
    switch (state) {
    case name_first:
        return token ? name : blank ? name_first : broken_syntax;
    case name:
        return token ? name : byte == '=' ? value_first : after_part(byte, name_blank);
    case name_blank:
        return blank         ? name_blank
               : byte == '=' ? value_first
               : byte == ';' ? name_first
                             : broken_syntax;
    case value_first:
        return token         ? value_token
               : blank       ? value_first
               : byte == '"' ? value_quoted
                             : broken_syntax;
    case value_token:
        return token ? value_token : after_part(byte, value_blank);
    case value_end:
        return after_part(byte, value_blank);
    default: // size_blank, value_blank
        return blank ? state : byte == ';' ? name_first : broken_syntax;
    }
}

BodyState end_line(tn_http1_body &body)
{
    if (body.left > 0)
        return payload;
    body.line = 0;
    return trailer_line;
}

BodyState begin_line(tn_http1_body &body)
{
    body.line = 0;
    body.digits = 0;
    return size_first;
}

} // namespace

BodyState read_chunk_byte(tn_http1_body &body, uint8_t byte)
{
    if (++body.line > TN_HTTP1_CHUNK_LINE_MAX)
        return broken_limit;

    auto state = static_cast<BodyState>(body.state);
    switch (state) {
    case payload_cr:
        return byte == '\r' ? payload_lf : broken_syntax;
    case payload_lf:
        return byte == '\n' ? begin_line(body) : broken_syntax;
    case size_first:
    case size_digits:
        return read_size(body, byte);
    case size_lf:
        return byte == '\n' ? end_line(body) : broken_syntax;
    default:
        ++body.extensions;
        return body.extensions > TN_HTTP1_EXTENSIONS_MAX ? broken_limit
                                                         : read_extension(state, byte);
    }
}

} // namespace tunnel::core
