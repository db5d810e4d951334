// SPDX-License-Identifier: ISC
//
// Who may log in, and what for. Tokens are 256-bit random, so their plain SHA-256 is what is
// kept; a look-up compares with every entry in constant time and says only yes or no. Constant
// after loading: any thread may ask.

#pragma once

#include "server/token.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tunnel {

// One who has shown a token. `client_id` tells the clients of one token apart; without it a
// session replaces none and is replaced by none.
struct Identity {
    Sha256 token = {};
    std::string user;
    std::string client_id;
    std::vector<std::string> allowed = {}; // names of tunnels, with "*"; empty: every one
    int64_t expires = 0;                   // Unix time; 0: never

    bool same_token(const Identity &other) const { return token == other.token; }
    bool same_client(const Identity &other) const
    {
        return same_token(other) && !client_id.empty() && client_id == other.client_id;
    }
    bool may_use(std::string_view subdomain) const;
};

class TokenTable {
public:
    // Lines as in server/token.h; plain tokens are hashed and warned about. '#' starts a comment.
    // Throws Failure with file:line:column.
    static TokenTable read(const std::string &file);
    static TokenTable parse(const std::string &file, std::string_view text);
    static TokenTable open(); // auth.mode none: any token, or none, is "anonymous"

    // Who holds `token` at `now` (Unix time); nobody, or not any more: empty, after the same
    // time whatever the token.
    std::optional<Identity> find(std::string_view token, int64_t now) const;
    std::optional<Identity> find(std::string_view token) const; // now
    // The same for one who has shown his token before: what he may do today.
    std::optional<Identity> find(const Sha256 &hash, int64_t now) const;

    int64_t next_expiry(int64_t now) const; // when the next token stops to count; 0: none will
    size_t size() const { return entries_.size(); }

private:
    std::vector<Token> entries_;
    bool open_ = false;
};

} // namespace tunnel
