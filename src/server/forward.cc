// SPDX-License-Identifier: ISC

#include "server/forward.h"

#include <algorithm>

namespace tunnel {

namespace {

constexpr size_t request_id_max = 64; // bytes

// The fields that say who asks, in which way and of whom.
bool tells_origin(uint8_t known)
{
    switch (known) {
    case TN_HTTP1_FORWARDED:
    case TN_HTTP1_X_FORWARDED_FOR:
    case TN_HTTP1_X_FORWARDED_PROTO:
    case TN_HTTP1_X_FORWARDED_HOST:
    case TN_HTTP1_X_FORWARDED_PORT:
    case TN_HTTP1_X_REAL_IP:
        return true;
    default:
        return false;
    }
}

bool goes_on(const tn_http1_field &field, const tn_http1_head &head, bool trusted)
{
    if (field.hop || field.underscore)
        return false;
    switch (field.known) {
    case TN_HTTP1_HOST: // written first
    case TN_HTTP1_X_REQUEST_ID:
    case TN_HTTP1_X_FORWARDED_FOR:
        return false;
    case TN_HTTP1_EXPECT: // means nothing in HTTP/1.0 (RFC 9110 10.1.1) or without a body
        return head.expects_continue;
    default:
        return trusted || !tells_origin(field.known);
    }
}

// The port of `host`, or the usual one of `proto`.
std::string_view port_of(std::string_view host, std::string_view proto)
{
    std::string_view usual = proto == "https" ? "443" : "80";
    size_t colon = host.rfind(':');
    if (colon == std::string_view::npos)
        return usual;
    std::string_view port = host.substr(colon + 1);
    auto digit = [](char c) { return c >= '0' && c <= '9'; };
    bool number = !port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), digit);
    return number ? port : usual; // [2001:db8::1] has colons and no port
}

void write_forwarded_for(HeadWriter &out, const tn_http1_head &head, const ForwardFacts &facts)
{
    out.add("X-Forwarded-For: ");
    for (size_t i = 0; facts.trusted && i < head.field_count; i++)
        if (head.fields[i].known == TN_HTTP1_X_FORWARDED_FOR && head.fields[i].value.len)
            out.add(head.fields[i].value).add(", ");
    out.add(facts.visitor_ip).add("\r\n");
}

void write_origin(HeadWriter &out, const tn_http1_head &head, const ForwardFacts &facts)
{
    auto given = [&](tn_http1_name name) {
        return facts.trusted ? tn_http1_find(&head, name) : nullptr;
    };
    const tn_http1_field *proto = given(TN_HTTP1_X_FORWARDED_PROTO);
    const tn_http1_field *host = given(TN_HTTP1_X_FORWARDED_HOST);
    write_forwarded_for(out, head, facts);
    if (!proto)
        out.field("X-Forwarded-Proto", "http");
    if (!host)
        out.field("X-Forwarded-Host", text_of(head.host));
    if (!given(TN_HTTP1_X_FORWARDED_PORT))
        out.field("X-Forwarded-Port", port_of(text_of(host ? host->value : head.host),
                                              proto ? text_of(proto->value) : "http"));
    out.field("X-Request-Id", facts.request_id);
}

} // namespace

size_t request_head_room(const tn_http1_head &head)
{
    return 512 + head.method.len + head.target.len + 3 * head.host.len + fields_room(head);
}

void write_request(HeadWriter &out, const tn_http1_head &head, const ForwardFacts &facts)
{
    out.add(head.method).add(head.path_needs_slash ? " /" : " ").add(head.path);
    out.add(" HTTP/1.1\r\n").field("Host", text_of(head.host));
    for (size_t i = 0; i < head.field_count; i++)
        if (goes_on(head.fields[i], head, facts.trusted))
            out.field(head.fields[i]);
    write_origin(out, head, facts);
    if (head.framing == TN_HTTP1_CHUNKED)
        out.field("Transfer-Encoding", "chunked");
    if (head.is_upgrade) {
        out.field("Connection", "Upgrade");
        out.field("Upgrade", text_of(tn_http1_find(&head, TN_HTTP1_UPGRADE)->value));
    }
    out.end();
}

std::string_view usable_request_id(const tn_http1_head &head)
{
    const tn_http1_field *field = tn_http1_find(&head, TN_HTTP1_X_REQUEST_ID);
    if (!field || field->value.len == 0 || field->value.len > request_id_max)
        return {};
    std::string_view text = text_of(field->value);
    auto plain = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '_' || c == '.';
    };
    return std::all_of(text.begin(), text.end(), plain) ? text : std::string_view();
}

} // namespace tunnel
