// SPDX-License-Identifier: ISC
//
// The field names that mean something to us. Looked up by length, then compared.

#include <algorithm>

#include "core/http1_head.h"
#include "core/words.h"

namespace tunnel::core {
namespace {

// Ordered by length. RFC 9110 7.6.1 lists the hop-by-hop ones; the Proxy-Auth… ones speak to a
// proxy (11.7), which we are not, and must not reach what is behind us.
constexpr FieldName names[] = {
    {"te", TN_HTTP1_TE, Scope::hop_by_hop},
    {"host", TN_HTTP1_HOST, Scope::unnameable},
    {"expect", TN_HTTP1_EXPECT, Scope::unnameable},
    {"upgrade", TN_HTTP1_UPGRADE, Scope::hop_by_hop},
    {"trailer", TN_HTTP1_TRAILER, Scope::end_to_end},
    {"forwarded", TN_HTTP1_FORWARDED, Scope::unnameable},
    {"x-real-ip", TN_HTTP1_X_REAL_IP, Scope::unnameable},
    {"connection", TN_HTTP1_CONNECTION, Scope::hop_by_hop},
    {"keep-alive", TN_HTTP1_KEEP_ALIVE, Scope::hop_by_hop},
    {"x-request-id", TN_HTTP1_X_REQUEST_ID, Scope::unnameable},
    {"content-length", TN_HTTP1_CONTENT_LENGTH, Scope::unnameable},
    {"http2-settings", TN_HTTP1_HTTP2_SETTINGS, Scope::hop_by_hop},
    {"x-forwarded-for", TN_HTTP1_X_FORWARDED_FOR, Scope::unnameable},
    {"proxy-connection", TN_HTTP1_PROXY_CONNECTION, Scope::hop_by_hop},
    {"x-forwarded-host", TN_HTTP1_X_FORWARDED_HOST, Scope::unnameable},
    {"x-forwarded-port", TN_HTTP1_X_FORWARDED_PORT, Scope::unnameable},
    {"transfer-encoding", TN_HTTP1_TRANSFER_ENCODING, Scope::hop_by_hop},
    {"x-forwarded-proto", TN_HTTP1_X_FORWARDED_PROTO, Scope::unnameable},
    {"proxy-authenticate", TN_HTTP1_OTHER, Scope::hop_by_hop},
    {"proxy-authorization", TN_HTTP1_OTHER, Scope::hop_by_hop},
    {"proxy-authentication-info", TN_HTTP1_OTHER, Scope::hop_by_hop},
};

constexpr size_t longest = std::size("proxy-authentication-info") - 1;

// first_of[n]: the first name of n or more bytes.
consteval std::array<uint8_t, longest + 2> index_lengths()
{
    std::array<uint8_t, longest + 2> first_of{};
    for (size_t length = 0; length < first_of.size(); ++length)
        while (first_of[length] < std::size(names) && names[first_of[length]].text.size() < length)
            ++first_of[length];
    return first_of;
}

constexpr auto first_of = index_lengths();

// No two bytes that a token may have differ in this bit alone but letters in case, where it is
// compared with letters, digits and '-'.
constexpr uint64_t case_bits = each_byte * 0x20;

bool same(tn_slice name, std::string_view wanted)
{
    size_t i = 0;
    for (; i + 8 <= wanted.size(); i += 8)
        if ((load_word(name.data + i) | case_bits) != load_word(wanted.data() + i))
            return false;
    for (; i < wanted.size(); ++i)
        if ((name.data[i] | 0x20) != wanted[i])
            return false;
    return true;
}

} // namespace

FieldName find_name(tn_slice name)
{
    if (name.len > longest)
        return {};
    for (size_t i = first_of[name.len]; i < first_of[name.len + 1]; ++i)
        if (same(name, names[i].text))
            return names[i];
    return {};
}

} // namespace tunnel::core
