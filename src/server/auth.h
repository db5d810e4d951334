// SPDX-License-Identifier: ISC
//
// Who may log in. Tokens are 256-bit random, so their plain SHA-256 is what is kept; a look-up
// compares with every entry in constant time and says only yes or no. Constant after loading:
// any thread may ask.

#pragma once

#include "net/digest.h"

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

    bool same_token(const Identity &other) const { return token == other.token; }
    bool same_client(const Identity &other) const
    {
        return same_token(other) && !client_id.empty() && client_id == other.client_id;
    }
};

class TokenTable {
public:
    // Lines of "user:sha256:<64 hex digits>"; also GoTunnel's "token" and "token:user", which are
    // hashed and warned about. '#' starts a comment. Throws Failure with file:line:column.
    static TokenTable read(const std::string &file);
    static TokenTable parse(const std::string &file, std::string_view text);
    static TokenTable open(); // auth.mode none: any token, or none, is "anonymous"

    // Who holds `token`; nobody: empty, after the same time whatever the token.
    std::optional<Identity> find(std::string_view token) const;
    size_t size() const { return entries_.size(); }

private:
    struct Entry {
        Sha256 hash;
        std::string user;
    };
    void add(const std::string &file, unsigned line, std::string_view text);

    std::vector<Entry> entries_;
    size_t plain_ = 0; // entries that stood in the file as plain text
    bool open_ = false;
};

} // namespace tunnel
