// SPDX-License-Identifier: ISC
//
// Request heads (RFC 9112 3): the request line, which Host counts, and how the body is framed.

#include <algorithm>

#include "core/http1_head.h"

namespace tunnel::core {
namespace {

constexpr size_t method_max = 64;       // bytes; nothing registered is longer than 18
constexpr unsigned empty_lines_max = 2; // before the request line
constexpr uint16_t http_port = 80;
constexpr uint8_t asterisk[] = {'*'};

Got skip_empty_lines(HeadReader &reader)
{
    for (unsigned i = 0; i < empty_lines_max; ++i) {
        if (reader.at == reader.stop || *reader.at != '\r')
            break;
        tn_slice line;
        Got got = read_line(reader, 0, 431, line);
        if (got != Got::all)
            return got;
    }
    return Got::all;
}

// Ends with the first byte that cannot be HTTP: a TLS ClientHello is refused at once, not when its
// first line feed comes.
Got read_method(HeadReader &reader)
{
    tn_http1_head &head = reader.head;
    size_t there = static_cast<size_t>(reader.stop - reader.at);
    size_t seen = std::min<size_t>(there, reader.limits.start_line);
    for (size_t i = 0; i < seen; ++i) {
        if (i > 0 && reader.at[i] == ' ') {
            head.method = {reader.at, i};
            return Got::all;
        }
        if (!is(reader.at[i], token_byte))
            return refuse(head, 400, "not a request line");
        if (i == method_max)
            return refuse(head, 501, "method too long");
    }
    return Got::part; // or the line is too long, which read_line() will find
}

// HTTP-version, RFC 9112 2.3: exactly one digit each side.
Got read_version(tn_http1_head &head, tn_slice text)
{
    bool well_formed = text.len == 8 && equals({text.data, 5}, "HTTP/") &&
                       is(text.data[5], digit_byte) && text.data[6] == '.' &&
                       is(text.data[7], digit_byte);
    if (!well_formed || text.data[5] == '0')
        return refuse(head, 400, "bad HTTP version");
    if (text.data[5] != '1' || text.data[7] > '1')
        return refuse(head, 505, "HTTP version not supported");
    head.minor = static_cast<uint8_t>(text.data[7] - '0');
    return Got::all;
}

// absolute-form, RFC 9112 3.2.2. The authority is judged here and compared with Host later.
Got read_absolute(tn_http1_head &head, tn_slice &authority)
{
    constexpr size_t scheme = std::string_view("http://").size();
    tn_slice target = head.target;
    if (target.len < scheme || !equals_in_any_case({target.data, scheme}, "http://"))
        return refuse(head, 400, "target is neither a path nor an http URI");

    const uint8_t *end = target.data + target.len;
    const uint8_t *at = target.data + scheme;
    while (at < end && *at != '/' && *at != '?')
        ++at;
    authority = slice_between(target.data + scheme, at);
    Authority parsed;
    if (const char *why = parse_authority(authority, parsed))
        return refuse(head, 400, why);

    head.path = slice_between(at, end);
    bool whole_server = head.path.len == 0 && equals(head.method, "OPTIONS"); // RFC 9112 3.2.4
    if (whole_server)
        head.path = {asterisk, sizeof asterisk};
    head.path_needs_slash = !whole_server && (head.path.len == 0 || *head.path.data == '?');
    return Got::all;
}

Got read_target(tn_http1_head &head, tn_slice &authority)
{
    head.path = head.target;
    if (*head.target.data == '/')
        return Got::all;
    if (!equals(head.target, "*"))
        return read_absolute(head, authority);
    return equals(head.method, "OPTIONS") ? Got::all : refuse(head, 400, "asterisk-form target");
}

Got read_request_line(tn_http1_head &head, tn_slice line, tn_slice &authority)
{
    const uint8_t *end = line.data + line.len;
    const uint8_t *from = line.data + head.method.len + 1;
    const uint8_t *to = from;
    while (to < end && is(*to, target_byte))
        ++to;
    if (to == end || to == from)
        return refuse(head, 400, to == end ? "no HTTP version" : "no target");
    if (*to != ' ')
        return refuse(head, 400, *to == '#' ? "fragment in target" : "byte that no target has");

    head.target = slice_between(from, to);
    if (read_version(head, slice_between(to + 1, end)) == Got::refused)
        return Got::refused;
    if (equals(head.method, "CONNECT") || equals(head.method, "TRACE"))
        return refuse(head, 405, "method not allowed");
    head.is_head = equals(head.method, "HEAD");
    return read_target(head, authority);
}

// One Host, and the same as in an absolute-form target: RFC 9112 3.2.2 lets the target win, but
// what is behind us may think otherwise.
Got decide_host(tn_http1_head &head, tn_slice authority)
{
    if (!head.host.data && head.minor == 1)
        return refuse(head, 400, "no Host");
    if (head.host.len == 0 && head.minor == 1)
        return refuse(head, 400, "empty Host");
    if (authority.len == 0)
        return Got::all;

    if (head.host.data) {
        Authority in_target{}, in_host{};
        bool same = !parse_authority(authority, in_target) &&
                    !parse_authority(head.host, in_host) &&
                    same_authority(in_target, in_host, http_port);
        if (!same)
            return refuse(head, 400, "Host is not the host of the target");
    }
    head.host = authority;
    return Got::all;
}

// RFC 9112 6.1, 6.3.
Got decide_framing(tn_http1_head &head)
{
    bool chunked = head.framing == TN_HTTP1_CHUNKED;
    if (chunked && head.has_content_length)
        return refuse(head, 400, "Content-Length and Transfer-Encoding");
    if (chunked && head.minor == 0)
        return refuse(head, 400, "Transfer-Encoding in HTTP/1.0");
    if (!chunked && head.content_length > 0)
        head.framing = TN_HTTP1_LENGTH;
    head.expects_continue &= head.framing != TN_HTTP1_NO_BODY;
    return Got::all;
}

Got decide_connection(tn_http1_head &head)
{
    ConnectionOptions options{};
    if (read_connection(head, options) == Got::refused)
        return Got::refused;
    decide_keep_alive(head, options);
    decide_upgrade(head, options);
    if (head.is_upgrade && head.framing != TN_HTTP1_NO_BODY)
        return refuse(head, 400, "upgrade with a body");
    return Got::all;
}

Got read_request(HeadReader &reader)
{
    tn_http1_head &head = reader.head;
    tn_slice line, authority{};
    Got got = skip_empty_lines(reader);
    if (got == Got::all && (got = read_method(reader)) != Got::refused)
        got = read_line(reader, reader.limits.start_line, 414, line);
    if (got == Got::all)
        got = read_request_line(head, line, authority);
    if (got == Got::all)
        got = read_fields(reader);
    if (got == Got::all)
        got = decide_host(head, authority);
    if (got == Got::all)
        got = decide_framing(head);
    return got == Got::all ? decide_connection(head) : got;
}

} // namespace
} // namespace tunnel::core

using namespace tunnel::core;

ssize_t tn_http1_parse_request(tn_http1_head *head, const tn_http1_limits *limits,
                               const uint8_t *in, size_t size)
{
    HeadReader reader = start_reading(*head, *limits, in, size);
    return result(reader, read_request(reader));
}
