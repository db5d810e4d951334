// SPDX-License-Identifier: ISC
//
// Where tokens are kept. The server takes a table of all of them and is told when it is worth
// taking another; tunnelctl adds and takes away. Today it is a file; a database can stand
// behind the same questions.

#pragma once

#include "net/file_watch.h"
#include "server/auth.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tunnel {

class Loop;
struct ServerSettings;

class TokenStore {
public:
    struct Fresh {
        std::string secret; // to be shown once, and kept nowhere
        Token token;
    };

    virtual ~TokenStore() = default;

    // Each throws Failure; exit_data where there is no token of that id, or more than one.
    virtual TokenTable load() const = 0;
    virtual std::vector<Token> list() const = 0;
    virtual Fresh add(Token rights) = 0; // its hash is made here
    virtual Token revoke(const std::string &id) = 0;
    virtual Fresh rotate(const std::string &id) = 0; // a new secret with the same rights

    // Calls `changed` on the loop's thread within a second of a change, as long as the store
    // lives.
    virtual void watch(Loop &loop, std::function<void()> changed) = 0;
};

// A file of lines, server/token.h. What else stands in it, comments say, is kept. Changes are
// made under a lock (PATH.lock) and appear at once.
class TokenFile final : public TokenStore {
public:
    explicit TokenFile(std::string path) : path_(std::move(path)) {}

    TokenTable load() const override { return TokenTable::read(path_); }
    std::vector<Token> list() const override;
    Fresh add(Token rights) override;
    Token revoke(const std::string &id) override;
    Fresh rotate(const std::string &id) override;
    void watch(Loop &loop, std::function<void()> changed) override;

private:
    struct Lines;

    std::string path_;
    std::unique_ptr<FileWatch> watch_;
};

// What the settings say; auth.mode none: one that knows only anonymous.
std::unique_ptr<TokenStore> make_token_store(const ServerSettings &settings);

} // namespace tunnel
