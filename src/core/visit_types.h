// SPDX-License-Identifier: ISC
//
// The names of the visit types on the wire, in the order of tn_visit_type.

#ifndef CORE_VISIT_TYPES_H
#define CORE_VISIT_TYPES_H

#include <string_view>

#include <tunnel/stream_header.h>

namespace tunnel::core {

inline constexpr std::string_view visit_types[] = {"http", "websocket", "tcp", "tls", "udp"};
static_assert(std::size(visit_types) == TN_VISIT_OTHER);

} // namespace tunnel::core

#endif
