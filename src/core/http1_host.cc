// SPDX-License-Identifier: ISC
//
// The authority that routes a request: a name of letters, digits, '-' and '.', or an IPv6 literal,
// and a port (RFC 9110 7.2). RFC 3986 allows more in a name, DNS does not (RFC 1035 2.3.4), and
// every byte more is one that two parsers may split at differently.

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

#include "core/http1_head.h"

namespace tunnel::core {
namespace {

constexpr size_t label_max = 63;
constexpr size_t name_max = 253; // without the final dot
constexpr size_t port_digits_max = 5;

const char *check_name(tn_slice name)
{
    size_t length = name.len;
    if (length > 0 && name.data[length - 1] == '.')
        --length;
    if (length > name_max)
        return "host name too long";

    size_t label = 0;
    for (size_t i = 0; i < length; ++i) {
        if (!is(name.data[i], host_byte))
            return "byte that no host name has";
        label = name.data[i] == '.' ? 0 : label + 1;
        if (label > label_max)
            return "host name with a label that is too long";
        if (label == 0 && (i == 0 || name.data[i - 1] == '.'))
            return "host name with an empty label";
    }
    return label == 0 ? "host name with an empty label" : nullptr;
}

const char *check_literal(tn_slice inside)
{
    char text[INET6_ADDRSTRLEN];
    in6_addr address;
    if (inside.len >= sizeof text)
        return "bad IP literal";
    memcpy(text, inside.data, inside.len);
    text[inside.len] = '\0';
    bool fine = strlen(text) == inside.len && inet_pton(AF_INET6, text, &address) == 1;
    return fine ? nullptr : "bad IP literal";
}

// `text` is ":" and digits, or nothing. An empty port is none (RFC 3986 3.2.3).
const char *parse_port(tn_slice text, uint16_t &port)
{
    unsigned value = 0;
    if (text.len > port_digits_max + 1)
        return "bad port";
    for (size_t i = 1; i < text.len; ++i) {
        if (!is(text.data[i], digit_byte))
            return "bad port";
        value = value * 10 + (text.data[i] - '0');
    }
    port = static_cast<uint16_t>(value);
    return value > UINT16_MAX ? "bad port" : nullptr;
}

const char *parse_literal(tn_slice text, Authority &authority)
{
    tn_slice rest = text;
    tn_slice inside = cut_at(rest, ']');
    if (inside.len == text.len || (rest.len > 0 && *rest.data != ':'))
        return "bad IP literal";
    authority.name = {text.data, inside.len + 1};
    if (const char *why = check_literal({inside.data + 1, inside.len - 1}))
        return why;
    return parse_port(rest, authority.port);
}

} // namespace

const char *parse_authority(tn_slice text, Authority &authority)
{
    if (text.len > 0 && *text.data == '[')
        return parse_literal(text, authority);

    tn_slice rest = text;
    authority.name = cut_at(rest, ':');
    if (const char *why = check_name(authority.name))
        return why;
    return parse_port(slice_between(authority.name.data + authority.name.len, text.data + text.len),
                      authority.port);
}

bool same_authority(const Authority &left, const Authority &right, uint16_t default_port)
{
    if (left.name.len != right.name.len)
        return false;
    for (size_t i = 0; i < left.name.len; ++i)
        if (lower(left.name.data[i]) != lower(right.name.data[i]))
            return false;
    return (left.port ? left.port : default_port) == (right.port ? right.port : default_port);
}

} // namespace tunnel::core
