// SPDX-License-Identifier: ISC
//
// The trailer section of a chunked body: checked like a head, and only what cannot change the
// meaning of the head is kept (RFC 9110 6.5.1).

#include <algorithm>
#include <cstdlib>

#include "core/http1_body_parts.h"
#include "core/http1_head.h"

namespace tunnel::core {
namespace {

// Beside the names that find_name() knows: authentication, cookies, control data, conditions, and
// how content is to be read. RFC 7230 4.1.2 still lists them.
constexpr std::string_view head_only[] = {
    "accept-encoding",
    "age",
    "authentication-info",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "location",
    "max-forwards",
    "pragma",
    "range",
    "retry-after",
    "set-cookie",
    "vary",
    "via",
    "warning",
    "www-authenticate",
};

bool may_be_forwarded(const tn_http1_field &field)
{
    if (field.underscore || field.hop || field.known != TN_HTTP1_OTHER)
        return false;
    return std::none_of(std::begin(head_only), std::end(head_only), [&](std::string_view name) {
        return equals_in_any_case(field.name, name);
    });
}

BodyState end_section(tn_http1_body &body)
{
    return body.trailers_size > 0 ? trailers_given : finished;
}

BodyState end_line(tn_http1_body &body)
{
    uint8_t *line = body.trailers + body.trailers_size;
    tn_http1_field field;
    if (++body.trailer_fields > TN_HTTP1_TRAILER_FIELDS_MAX)
        return broken_limit;
    if (parse_field({line, body.line}, field))
        return broken_syntax;
    if (may_be_forwarded(field)) {
        line[body.line] = '\r';
        line[body.line + 1] = '\n';
        body.trailers_size += body.line + 2;
    }
    body.line = 0;
    return trailer_line;
}

// The buffer has room: no more is kept of a section than was seen of it.
BodyState add_byte(tn_http1_body &body, uint8_t byte)
{
    if (!body.trailers)
        body.trailers = static_cast<uint8_t *>(malloc(TN_HTTP1_TRAILERS_MAX));
    if (!body.trailers)
        return broken_memory;
    body.trailers[body.trailers_size + body.line++] = byte;
    return trailer_line;
}

} // namespace

BodyState read_trailer_byte(tn_http1_body &body, uint8_t byte)
{
    if (++body.trailers_seen > TN_HTTP1_TRAILERS_MAX)
        return broken_limit;
    if (body.state == trailer_lf && byte == '\n')
        return body.line > 0 ? end_line(body) : end_section(body);
    if (body.state == trailer_lf)
        return broken_syntax;
    if (byte == '\r')
        return trailer_lf;
    return is(byte, control_byte) && byte != '\t' ? broken_syntax : add_byte(body, byte);
}

} // namespace tunnel::core
