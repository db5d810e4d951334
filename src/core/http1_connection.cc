// SPDX-License-Identifier: ISC
//
// What Connection and Upgrade ask of this hop (RFC 9110 7.6.1, 7.8).

#include "core/http1_head.h"

namespace tunnel::core {
namespace {

// Each one costs a walk over all fields.
constexpr unsigned options_max = 64;

// A sender cannot have Host, the framing or the marks of a trusted proxy removed by naming them.
void mark_hop(tn_http1_head &head, tn_slice name)
{
    if (find_name(name).scope == Scope::unnameable)
        return;
    for (size_t i = 0; i < head.field_count; ++i) {
        tn_http1_field &field = head.fields[i];
        if (field.name.len != name.len)
            continue;
        bool same = true;
        for (size_t at = 0; at < name.len && same; ++at)
            same = lower(field.name.data[at]) == lower(name.data[at]);
        field.hop |= same;
    }
}

void read_option(tn_http1_head &head, tn_slice option, ConnectionOptions &options)
{
    if (equals_in_any_case(option, "close"))
        options.close = true;
    else if (equals_in_any_case(option, "keep-alive"))
        options.keep_alive = true;
    else if (equals_in_any_case(option, "upgrade"))
        options.upgrade = true;
    else
        mark_hop(head, option);
}

// h2c is only for a hop that speaks HTTP/2, and a way past whoever checks requests (RFC 9113 3.1).
bool may_be_forwarded(tn_slice protocol)
{
    tn_slice version = protocol;
    tn_slice name = cut_at(version, '/');
    bool bare = name.len == protocol.len;
    return is_token(name) && (bare || is_token(version)) && !equals_in_any_case(name, "h2c") &&
           !equals_in_any_case(name, "h2") && !equals_in_any_case(name, "http");
}

} // namespace

Got read_connection(tn_http1_head &head, ConnectionOptions &options)
{
    unsigned count = 0;
    for (size_t i = 0; i < head.field_count; ++i) {
        if (head.fields[i].known != TN_HTTP1_CONNECTION)
            continue;
        tn_slice list = head.fields[i].value;
        for (tn_slice option; next_item(list, option);) {
            if (++count > options_max)
                return refuse(head, 400, "too many connection options");
            read_option(head, option, options);
        }
    }
    return Got::all;
}

// RFC 9112 9.3.
void decide_keep_alive(tn_http1_head &head, const ConnectionOptions &options)
{
    head.keep_alive = !options.close && (head.minor == 1 || options.keep_alive);
}

// All protocols offered must be ones that we may forward, since the other end picks one. So must
// each field offer one, since the first is what is forwarded.
void decide_upgrade(tn_http1_head &head, const ConnectionOptions &options)
{
    if (!options.upgrade || head.minor == 0)
        return;

    unsigned offered = 0;
    unsigned websockets = 0;
    for (size_t i = 0; i < head.field_count; ++i) {
        if (head.fields[i].known != TN_HTTP1_UPGRADE)
            continue;
        tn_slice list = head.fields[i].value;
        unsigned before = offered;
        for (tn_slice protocol; next_item(list, protocol); ++offered) {
            if (!may_be_forwarded(protocol))
                return;
            websockets += equals_in_any_case(protocol, "websocket");
        }
        if (offered == before)
            return;
    }
    head.is_upgrade = offered > 0;
    head.is_websocket = offered > 0 && websockets == offered;
}

} // namespace tunnel::core
