// SPDX-License-Identifier: ISC
//
// One line of the token file: "user:sha256:<64 hex digits>[:option;option…]", with the options
// "subdomains=a,alice-*" and "expires=2026-12-31T23:59:59Z". GoTunnel's "token" and "token:user"
// are read too. No state.

#pragma once

#include "base/date.h"
#include "net/digest.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tunnel {

struct Token {
    Sha256 hash = {};
    std::string user;
    std::vector<std::string> names; // of tunnels, with "*" for any letters; empty: every name
    int64_t expires = 0;            // Unix time; 0: never
    bool plain = false;             // stood there as plain text

    bool expired(int64_t now) const { return expires != 0 && expires <= now; }
};

// What a line is called where the token itself must not be shown: the first digits of its hash.
std::string token_id(const Sha256 &hash); // "tok_a41c09ee"

std::string new_token(); // "tn_" and 52 letters, 260 bits

// A line without its end, which is no comment. Throws Failure with file and line, and never
// quotes the line: it may hold a token.
Token parse_token(const std::string &file, unsigned line, std::string_view text);
std::string print_token(const Token &token); // no newline

bool is_token_line(std::string_view line); // neither empty nor a comment

// Whether a user, or a pattern of names, may stand in a line.
bool is_token_user(std::string_view user);
bool is_name_pattern(std::string_view pattern);

} // namespace tunnel
