// SPDX-License-Identifier: ISC
//
// Stream headers in their short form: 24 bytes, then three texts. Integers are big-endian.
//
//   0  u8  form, TN_SHORT_HEADER         8  u32 bytes of the request's head
//   1  u8  visit type                   12  u64 bytes of its body (framing: length)
//   2  u8  framing of the request       20  u8  bytes of subdomain
//   3  u8  flags                        21  u8  bytes of request_id
//   4  u16 bytes of the whole header    22  u8  bytes of remote_addr
//   6  u16 local port                   23  u8  0

#include <tunnel/stream_header.h>

#include <cstring>
#include <iterator>

#include "core/bytes.h"

namespace tunnel::core {
namespace {

constexpr size_t fixed_size = 24;
constexpr size_t text_max = 240;
static_assert(fixed_size + 3 * text_max <= TN_SHORT_HEADER_MAX);

enum Flag : uint8_t { flag_head = 1, flag_upgrade = 2, flag_safe = 4, flag_json = 8 };
constexpr uint8_t every_flag = flag_head | flag_upgrade | flag_safe | flag_json;

uint8_t flags_of(const tn_request_brief &request)
{
    return static_cast<uint8_t>(
        (request.is_head ? flag_head : 0) | (request.is_upgrade ? flag_upgrade : 0) |
        (request.is_safe ? flag_safe : 0) | (request.wants_json ? flag_json : 0));
}

bool is_framing(unsigned framing) { return framing <= TN_HTTP1_CHUNKED; }

uint8_t *put_text(uint8_t *at, tn_slice text)
{
    if (text.len)
        memcpy(at, text.data, text.len);
    return at + text.len;
}

// The next `size` bytes as a text.
tn_slice take_text(const uint8_t *&at, size_t size)
{
    tn_slice text = {at, size};
    at += size;
    return text;
}

void read_request(tn_request_brief &request, const uint8_t *in)
{
    request.framing = static_cast<tn_http1_framing>(in[2]);
    request.is_head = in[3] & flag_head;
    request.is_upgrade = in[3] & flag_upgrade;
    request.is_safe = in[3] & flag_safe;
    request.wants_json = in[3] & flag_json;
    request.head_size = get_be32(in + 8);
    request.content_length = static_cast<uint64_t>(get_be32(in + 12)) << 32 | get_be32(in + 16);
}

} // namespace
} // namespace tunnel::core

using namespace tunnel::core;

ssize_t tn_short_header_encode(const tn_stream_header *header, const tn_request_brief *request,
                               uint8_t *out, size_t cap)
{
    const tn_slice texts[] = {header->subdomain, header->request_id, header->remote_addr};
    if (header->type >= TN_VISIT_OTHER || !is_framing(request->framing))
        return TN_ERR_INVAL;
    size_t size = fixed_size;
    for (const tn_slice &text : texts) {
        if (text.len > text_max)
            return TN_ERR_LIMIT;
        size += text.len;
    }
    if (size > cap)
        return TN_ERR_LIMIT;

    out[0] = TN_SHORT_HEADER;
    out[1] = static_cast<uint8_t>(header->type);
    out[2] = static_cast<uint8_t>(request->framing);
    out[3] = flags_of(*request);
    put_be16(out + 4, static_cast<uint16_t>(size));
    put_be16(out + 6, header->local_port);
    put_be32(out + 8, request->head_size);
    put_be32(out + 12, static_cast<uint32_t>(request->content_length >> 32));
    put_be32(out + 16, static_cast<uint32_t>(request->content_length));
    uint8_t *at = out + fixed_size;
    for (size_t i = 0; i < std::size(texts); ++i) {
        out[20 + i] = static_cast<uint8_t>(texts[i].len);
        at = put_text(at, texts[i]);
    }
    out[23] = 0;
    return static_cast<ssize_t>(size);
}

ssize_t tn_short_header_decode(tn_stream_header *header, tn_request_brief *request,
                               const uint8_t *in, size_t size)
{
    if (size > 0 && in[0] != TN_SHORT_HEADER)
        return TN_ERR_PROTOCOL;
    if (size < fixed_size)
        return 0;
    size_t whole = get_be16(in + 4);
    size_t texts = size_t{in[20]} + in[21] + in[22];
    if (in[1] >= TN_VISIT_OTHER || !is_framing(in[2]) || (in[3] & ~every_flag) || in[23] != 0 ||
        whole != fixed_size + texts || whole > TN_SHORT_HEADER_MAX)
        return TN_ERR_PROTOCOL;
    if (size < whole)
        return 0;

    *header = {};
    header->type = static_cast<tn_visit_type>(in[1]);
    header->local_port = get_be16(in + 6);
    const uint8_t *at = in + fixed_size;
    header->subdomain = take_text(at, in[20]);
    header->request_id = take_text(at, in[21]);
    header->remote_addr = take_text(at, in[22]);
    read_request(*request, in);
    return static_cast<ssize_t>(whole);
}
