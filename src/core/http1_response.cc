// SPDX-License-Identifier: ISC
//
// Response heads (RFC 9112 4): the status line, and how the body is framed. Whoever wrote them sits
// behind a tunnel and may be hostile to the visitor in front, so they are read as strictly as
// requests.

#include <algorithm>

#include "core/http1_head.h"

namespace tunnel::core {
namespace {

constexpr uint16_t bad_gateway = 502;
constexpr std::string_view version_prefix = "HTTP/1.";
constexpr size_t version_size = version_prefix.size() + 1;
constexpr size_t status_end = version_size + 4; // " 200"

Got refuse_response(tn_http1_head &head, const char *why) { return refuse(head, bad_gateway, why); }

// Ends with the first byte that is not HTTP/1.
Got check_prefix(HeadReader &reader)
{
    size_t there = static_cast<size_t>(reader.stop - reader.at);
    size_t seen = std::min<size_t>({there, version_prefix.size(), reader.limits.start_line});
    bool same = equals({reader.at, seen}, std::string_view(version_prefix.data(), seen));
    return same ? Got::all : refuse_response(reader.head, "not an HTTP/1 status line");
}

// "HTTP/1.1 200 OK"; the reason and the blank in front of it may be missing.
Got read_status_line(tn_http1_head &head, tn_slice line)
{
    const uint8_t *text = line.data;
    bool framed = line.len >= status_end && text[version_size] == ' ' &&
                  (line.len == status_end || text[status_end] == ' ');
    if (!framed)
        return refuse_response(head, "bad status line");
    uint8_t minor = text[version_size - 1];
    if (minor != '0' && minor != '1')
        return refuse_response(head, "HTTP version not supported");

    const uint8_t *digits = text + version_size + 1;
    bool numeric = digits[0] >= '1' && digits[0] <= '5' && is(digits[1], digit_byte) &&
                   is(digits[2], digit_byte);
    if (!numeric)
        return refuse_response(head, "bad status");
    head.minor = static_cast<uint8_t>(minor - '0');
    head.status =
        static_cast<uint16_t>((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
    size_t reason = std::min(status_end + 1, line.len);
    head.reason = {text + reason, line.len - reason};
    return Got::all;
}

// RFC 9110 8.6: there is none in 1xx and 204. One that was sent says nothing and is not passed on.
void drop_content_length(tn_http1_head &head)
{
    head.has_content_length = false;
    head.content_length = 0;
    for (size_t i = 0; i < head.field_count; ++i)
        if (head.fields[i].known == TN_HTTP1_CONTENT_LENGTH)
            head.fields[i].hop = true;
}

// RFC 9112 6.1, 6.3, in this order.
Got decide_framing(tn_http1_head &head, bool to_head, bool to_upgrade)
{
    bool chunked = head.framing == TN_HTTP1_CHUNKED;
    if (chunked && head.has_content_length)
        return refuse_response(head, "Content-Length and Transfer-Encoding");
    if (chunked && head.minor == 0)
        return refuse_response(head, "Transfer-Encoding in HTTP/1.0");
    if (head.status == 101 && !to_upgrade)
        return refuse_response(head, "101 that nobody asked for");

    bool lengthless = head.status < 200 || head.status == 204;
    if (lengthless)
        drop_content_length(head);
    if (head.status == 101)
        head.framing = TN_HTTP1_SWITCHED;
    else if (lengthless || head.status == 304 || to_head)
        head.framing = TN_HTTP1_NO_BODY;
    else if (head.has_content_length)
        head.framing = head.content_length > 0 ? TN_HTTP1_LENGTH : TN_HTTP1_NO_BODY;
    else if (!chunked)
        head.framing = TN_HTTP1_UNTIL_CLOSE;
    head.is_upgrade = head.status == 101;
    return Got::all;
}

Got decide_connection(tn_http1_head &head)
{
    ConnectionOptions options{};
    if (read_connection(head, options) == Got::refused)
        return Got::refused;
    decide_keep_alive(head, options);
    if (head.framing == TN_HTTP1_UNTIL_CLOSE || head.framing == TN_HTTP1_SWITCHED)
        head.keep_alive = false;
    return Got::all;
}

Got read_response(HeadReader &reader, bool to_head, bool to_upgrade)
{
    tn_http1_head &head = reader.head;
    tn_slice line;
    Got got = check_prefix(reader);
    if (got == Got::all)
        got = read_line(reader, reader.limits.start_line, bad_gateway, line);
    if (got == Got::all)
        got = read_status_line(head, line);
    if (got == Got::all)
        got = read_fields(reader);
    if (got == Got::all)
        got = decide_framing(head, to_head, to_upgrade);
    return got == Got::all ? decide_connection(head) : got;
}

} // namespace
} // namespace tunnel::core

using namespace tunnel::core;

ssize_t tn_http1_parse_response(tn_http1_head *head, const tn_http1_limits *limits,
                                const uint8_t *in, size_t size, bool to_head, bool to_upgrade)
{
    HeadReader reader = start_reading(*head, *limits, in, size);
    Got got = read_response(reader, to_head, to_upgrade);
    if (got == Got::refused)
        head->refusal = bad_gateway; // whatever a request would have been told
    return result(reader, got);
}
