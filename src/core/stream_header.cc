// SPDX-License-Identifier: ISC
//
// Stream headers, read. The opening of every visit waits for this.

#include <tunnel/stream_header.h>

#include <string_view>

#include "core/bytes.h"
#include "core/json_reader.h"
#include "core/visit_types.h"

namespace tunnel::core {
namespace {

constexpr size_t length_size = 4;
constexpr unsigned depth_max = 16; // the object itself counts

struct Member {
    std::string_view key;
    tn_slice tn_stream_header::*text;
};

constexpr Member members[] = {
    {"subdomain", &tn_stream_header::subdomain},   {"host", &tn_stream_header::host},
    {"method", &tn_stream_header::method},         {"path", &tn_stream_header::path},
    {"request_id", &tn_stream_header::request_id}, {"remote_addr", &tn_stream_header::remote_addr},
    {"local_host", &tn_stream_header::local_host},
};

// Which members were there, beside those of the table by their index.
constexpr uint32_t type_bit = 1u << 30;
constexpr uint32_t port_bit = 1u << 31;
constexpr uint32_t subdomain_bit = 1u << 0;
constexpr uint32_t required = type_bit | port_bit | subdomain_bit;

std::string_view view(tn_slice text)
{
    return {reinterpret_cast<const char *>(text.data), text.len};
}

bool is_new(uint32_t &seen, uint32_t bit)
{
    bool fresh = !(seen & bit);
    seen |= bit;
    return fresh;
}

bool read_type(JsonReader &reader, tn_visit_type &type)
{
    tn_slice text;
    if (!json_read_string(reader, text))
        return false;
    type = TN_VISIT_OTHER;
    for (size_t i = 0; i < std::size(visit_types); ++i)
        if (visit_types[i] == view(text))
            type = static_cast<tn_visit_type>(i);
    return true;
}

bool read_value(JsonReader &reader, std::string_view key, tn_stream_header &header, uint32_t &seen)
{
    if (key == "type")
        return is_new(seen, type_bit) && read_type(reader, header.type);
    if (key == "local_port")
        return is_new(seen, port_bit) && json_read_port(reader, header.local_port);
    for (size_t i = 0; i < std::size(members); ++i)
        if (members[i].key == key)
            return is_new(seen, 1u << i) && json_read_string(reader, header.*members[i].text);
    return json_skip_value(reader, depth_max - 1);
}

bool read_object(JsonReader &reader, tn_stream_header &header)
{
    uint32_t seen = 0;
    if (!json_take(reader, '{'))
        return false;
    do {
        tn_slice key;
        if (!json_read_string(reader, key) || !json_take(reader, ':'))
            return false;
        if (!read_value(reader, view(key), header, seen))
            return false;
    } while (json_take(reader, ','));
    return json_take(reader, '}') && json_at_end(reader) && (seen & required) == required;
}

} // namespace
} // namespace tunnel::core

using namespace tunnel::core;

ssize_t tn_stream_header_decode(tn_stream_header *header, const uint8_t *in, size_t size,
                                char *text, size_t text_cap)
{
    if (size < length_size)
        return 0;
    uint32_t length = get_be32(in);
    if (length == 0 || length > TN_STREAM_HEADER_MAX || length > text_cap)
        return TN_ERR_LIMIT;
    if (size - length_size < length)
        return 0;

    *header = {};
    const uint8_t *json = in + length_size;
    JsonReader reader{json, json + length, reinterpret_cast<uint8_t *>(text)};
    if (!read_object(reader, *header))
        return TN_ERR_PROTOCOL;
    return static_cast<ssize_t>(length_size + length);
}
