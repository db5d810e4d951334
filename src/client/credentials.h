// SPDX-License-Identifier: ISC
//
// The logins that `tunnel login` keeps: for each server the token that goes to it, and to no
// other, and how that server is known again. One file of the user's, mode 0600, read and
// written whole.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tunnel {

struct StoredLogin {
    std::string server_addr; // as ClientSettings::Server::text(); empty: the user put a token there
                             // by hand, for whichever server he names himself
    std::string tls_verify;  // as in tunnel.yaml
    std::string tls_pin;
    std::string token;
};

class Credentials {
public:
    // A file that is missing holds none. Throws Failure (exit_config): others can read it, or it
    // is neither written by us nor a token alone.
    static Credentials read(const std::string &path);
    // Throws Failure (exit_cannot_create). With no login left the file goes away.
    void write(const std::string &path) const;

    const StoredLogin *find(const std::string &server) const;
    const StoredLogin *latest() const; // of those that name a server
    const StoredLogin *bare() const;   // the one that names none
    const std::vector<StoredLogin> &logins() const { return logins_; } // the latest first

    void put(StoredLogin login); // replaces the one for its server
    bool remove(const std::string &server);

private:
    std::vector<StoredLogin> logins_;
};

// `content` of `source` as one token; throws Failure (exit_config) if it is anything else.
std::string checked_token(std::string_view content, const std::string &source);

constexpr size_t token_max = 4096; // bytes of a file that holds one

} // namespace tunnel
