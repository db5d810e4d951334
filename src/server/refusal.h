// SPDX-License-Identifier: ISC
//
// What a client is told when it does not get what it asked for: the codes of tunnel-protocol(7)
// and a sentence for a person.

#pragma once

namespace tunnel {

struct Refusal {
    const char *code = nullptr; // null: nothing was refused
    const char *sentence = nullptr;

    explicit operator bool() const { return code != nullptr; }
};

namespace refusal {
constexpr Refusal unauthorized = {"UNAUTHORIZED", "the server does not accept this token"};
constexpr Refusal name_taken = {"SUBDOMAIN_TAKEN", "another client has this name"};
constexpr Refusal name_reserved = {"SUBDOMAIN_RESERVED", "the operator keeps this name"};
constexpr Refusal name_invalid = {
    "SUBDOMAIN_INVALID",
    "a name is 3 to 63 lower-case letters, digits and inner hyphens, and starts with a letter"};
constexpr Refusal rate_limited = {"RATE_LIMITED", "too many wrong tokens from this address: wait"};
constexpr Refusal too_many_sessions = {"CONNECTION_LIMIT",
                                       "this user has as many clients as are allowed"};
constexpr Refusal too_many_tunnels = {"TUNNEL_LIMIT_REACHED",
                                      "this client has as many tunnels as are allowed"};
constexpr Refusal too_many_links = {"CONNECTION_LIMIT",
                                    "this session has as many links as are allowed"};
constexpr Refusal session_gone = {"SESSION_GONE", "this client has no such session"};
constexpr Refusal protocol_not_carried = {"NOT_ALLOWED", "this server carries only http tunnels"};
constexpr Refusal name_not_allowed = {"NOT_ALLOWED", "this token may not use this name"};
constexpr Refusal revoked = {"UNAUTHORIZED", "this token has been revoked, or its time is over"};
constexpr Refusal kicked = {"KICKED", "the operator has ended this session"};
constexpr Refusal not_yours = {"NOT_ALLOWED", "this session has no such tunnel"};
constexpr Refusal version = {"VERSION_UNSUPPORTED", "this server speaks version 1"};
constexpr Refusal protocol = {"PROTOCOL_ERROR", "the message is not what tunnel-protocol(7) says"};
constexpr Refusal replaced = {"REPLACED", "the same client has logged in again"};
constexpr Refusal shutting_down = {"INTERNAL_ERROR", "the server is shutting down"};
} // namespace refusal

} // namespace tunnel
