// SPDX-License-Identifier: ISC
//
// Stream headers, written. `path` comes last, because it is what gives way when there is not enough
// room.

#include <tunnel/stream_header.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "core/bytes.h"
#include "core/utf8.h"
#include "core/visit_types.h"

namespace tunnel::core {
namespace {

constexpr size_t length_size = 4;
constexpr std::string_view replacement = "\xef\xbf\xbd"; // U+FFFD
constexpr std::string_view ending = "\"}";

// Bytes that stand for themselves in a JSON string and are whole characters. DEL is not among them,
// for the sake of terminals.
consteval std::array<bool, 256> find_plain_bytes()
{
    std::array<bool, 256> plain{};
    for (unsigned byte = 0x20; byte < 0x7f; ++byte)
        plain[byte] = byte != '"' && byte != '\\';
    return plain;
}

constexpr auto plain = find_plain_bytes();

struct Writer {
    uint8_t *at;
    uint8_t *end;
};

bool put(Writer &writer, std::string_view text)
{
    if (static_cast<size_t>(writer.end - writer.at) < text.size())
        return false;
    memcpy(writer.at, text.data(), text.size());
    writer.at += text.size();
    return true;
}

bool put_control(Writer &writer, uint8_t byte)
{
    constexpr std::string_view hex = "0123456789abcdef";
    const char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    return put(writer, {escape, sizeof escape});
}

// One character that is not plain; `size` bytes of it are in the text.
bool put_character(Writer &writer, const uint8_t *at, size_t size)
{
    if (size == 0)
        return put(writer, replacement);
    if (size > 1)
        return put(writer, {reinterpret_cast<const char *>(at), size});
    if (*at == '"')
        return put(writer, "\\\"");
    return *at == '\\' ? put(writer, "\\\\") : put_control(writer, *at);
}

// Escaped text, as far as there is room: whole characters only. False if some is missing.
bool put_text(Writer &writer, tn_slice text)
{
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.len;
    while (at < end) {
        if (writer.at == writer.end)
            return false;
        if (plain[*at]) {
            const uint8_t *run = at;
            const uint8_t *stop = at + std::min(end - at, writer.end - writer.at);
            while (at < stop && plain[*at])
                ++at;
            memcpy(writer.at, run, static_cast<size_t>(at - run));
            writer.at += at - run;
            continue;
        }
        size_t size = *at ? utf8_size(at, end) : 0; // no reader takes U+0000
        if (!put_character(writer, at, size))
            return false;
        at += std::max<size_t>(size, 1);
    }
    return true;
}

bool put_member(Writer &writer, std::string_view opening, tn_slice text)
{
    return text.len == 0 || (put(writer, opening) && put_text(writer, text) && put(writer, "\""));
}

bool put_port(Writer &writer, uint16_t port)
{
    char digits[5];
    char *end = std::to_chars(digits, digits + sizeof digits, port).ptr;
    return put(writer, ",\"local_port\":") &&
           put(writer, {digits, static_cast<size_t>(end - digits)});
}

// All but the path and the brace at the end.
bool put_members(Writer &writer, const tn_stream_header &header)
{
    return put(writer, "{\"type\":\"") && put(writer, visit_types[header.type]) &&
           put(writer, "\",\"subdomain\":\"") && put_text(writer, header.subdomain) &&
           put(writer, "\"") && put_port(writer, header.local_port) &&
           put_member(writer, ",\"local_host\":\"", header.local_host) &&
           put_member(writer, ",\"request_id\":\"", header.request_id) &&
           put_member(writer, ",\"remote_addr\":\"", header.remote_addr) &&
           put_member(writer, ",\"host\":\"", header.host) &&
           put_member(writer, ",\"method\":\"", header.method);
}

// As much of the path as there is room for, if it is at least a character.
void put_path(Writer &writer, tn_slice path)
{
    constexpr std::string_view opening = ",\"path\":\"";
    uint8_t *start = writer.at;
    if (path.len == 0 || !put(writer, opening))
        return;
    put_text(writer, path);
    bool empty = writer.at == start + opening.size();
    if (empty)
        writer.at = start;
    else
        *writer.at++ = '"'; // of the room kept for the ending
}

} // namespace
} // namespace tunnel::core

using namespace tunnel::core;

ssize_t tn_stream_header_encode(const tn_stream_header *header, uint8_t *out, size_t cap)
{
    if (header->type >= TN_VISIT_OTHER)
        return TN_ERR_INVAL;
    size_t room = std::min<size_t>(cap, length_size + TN_STREAM_HEADER_MAX);
    if (room < length_size + ending.size())
        return TN_ERR_LIMIT;

    uint8_t *json = out + length_size;
    Writer writer{json, out + room - ending.size()};
    if (!put_members(writer, *header))
        return TN_ERR_LIMIT;
    put_path(writer, header->path);
    *writer.at++ = '}';
    put_be32(out, static_cast<uint32_t>(writer.at - json));
    return writer.at - out;
}
